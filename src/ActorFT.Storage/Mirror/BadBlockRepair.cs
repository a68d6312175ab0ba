namespace ActorFT.Storage.Mirror;

/// <summary>What is to be done next for a request that met bad blocks.</summary>
public enum RepairStep : byte
{
    /// <summary>Read the block on the other copy.</summary>
    FetchFromPeer = 0,
    /// <summary>Write the fetched content over the bad block here and read it back.</summary>
    Rewrite = 1,
    /// <summary>All bad blocks are replaced: carry out the guest's request again.</summary>
    RetryRequest = 2,
    /// <summary>The device does not take the repair: the copy has failed; the request is served by the other copy.</summary>
    FailCopy = 3,
    /// <summary>A block is bad on both copies: the guest gets an I/O error for this request, loudly reported.</summary>
    GuestError = 4,
}

/// <summary>
/// Repairs the bad blocks of one guest request from the other copy, one after the other. Pure: a supervisor carries out
/// <see cref="Next"/> and tells how it went. A block that is bad on both copies does not stop the repair of the others.
/// </summary>
public sealed class BadBlockRepair
{
    private readonly Queue<long> _left;
    private readonly List<long> _lost = [];
    private bool _isFetched, _isCopyFailed;

    /// <summary>Begins with the blocks that a read named.</summary>
    public BadBlockRepair(IEnumerable<long> badBlocks) => _left = new Queue<long>(badBlocks);

    /// <summary>The step to carry out, and for a fetch or rewrite the block.</summary>
    public (RepairStep Step, long Block) Next =>
        _isCopyFailed ? (RepairStep.FailCopy, -1)
        : _left.Count > 0 ? (_isFetched ? RepairStep.Rewrite : RepairStep.FetchFromPeer, _left.Peek())
        : _lost.Count > 0 ? (RepairStep.GuestError, _lost[0])
        : (RepairStep.RetryRequest, -1);

    /// <summary>Blocks bad on both copies.</summary>
    public IReadOnlyList<long> LostBlocks => _lost;

    /// <summary>Blocks replaced.</summary>
    public int Repaired { get; private set; }

    /// <summary>The fetch ended.</summary>
    /// <param name="isGood">Whether the other copy's content was read and matched its checksum there.</param>
    public void Fetched(bool isGood)
    {
        if (Next.Step != RepairStep.FetchFromPeer) throw new InvalidOperationException($"A fetch ended when {Next.Step} was due.");
        if (isGood) _isFetched = true;
        else _lost.Add(_left.Dequeue());
    }

    /// <summary>The rewrite ended.</summary>
    /// <param name="isGood">Whether the device took it and gave it back.</param>
    public void Rewritten(bool isGood)
    {
        if (Next.Step != RepairStep.Rewrite) throw new InvalidOperationException($"A rewrite ended when {Next.Step} was due.");
        _left.Dequeue();
        _isFetched = false;
        if (isGood) Repaired++;
        else _isCopyFailed = true;
    }
}
