namespace ActorFT.Storage.Mirror.Live;

/// <summary>How one disk of a machine stands, as one server knows it.</summary>
/// <param name="Own">This server's copy.</param>
/// <param name="Peer">The other server's; null when that is not known.</param>
/// <param name="Reason">Why its own is not current.</param>
/// <param name="Progress">Of resync or scrub, 0 to 1; negative when neither runs.</param>
/// <param name="IsStale">The server's mark says, durably, that it does not boot from its disks because of this one.</param>
public sealed record DiskStanding(CopyUse Own, CopyUse? Peer, string Reason, double Progress, bool IsStale);

/// <summary>
/// All disks of a machine on one server: whether it may act alone, what its one mark says, when a term or a new life is durable on every copy.
/// Pure; the coordinator is its shell, the simulation another. Invariant: the mark says that this server may boot only while no disk is stale.
/// </summary>
public sealed class MachineDisks
{
    private readonly DiskStanding[] _disks;
    private readonly MirrorBug _bug;
    private readonly List<(ulong Term, HashSet<int> Left)> _terms = [];
    private ((ulong Term, ulong Number) Stream, HashSet<int> Left, bool IsBarrierPassed)? _preparing;

    /// <summary>Creates it.</summary>
    /// <param name="uses">How the copies stand to begin with.</param>
    public MachineDisks(IReadOnlyList<CopyUse> uses) : this(uses, MirrorBug.None) { }

    internal MachineDisks(IReadOnlyList<CopyUse> uses, MirrorBug bug)
    {
        _bug = bug;
        _disks = [.. uses.Select(use => new DiskStanding(use, null, "", -1, IsStale: use == CopyUse.Rebuilding))];
    }

    /// <summary>How many.</summary>
    public int Count => _disks.Length;

    /// <summary>Each.</summary>
    public IReadOnlyList<DiskStanding> All => _disks;

    /// <summary>Whether this server's copies lack nothing, and its mark says so: it may go on alone, and boot.</summary>
    public bool AreCurrent => _bug == MirrorBug.OneDiskSpeaksForAll ? _disks.Length == 0 || _disks[0] is { Own: CopyUse.Current, IsStale: false }
        : _disks.All(disk => disk is { Own: CopyUse.Current, IsStale: false });

    /// <summary>Whether both copies of every disk lack nothing.</summary>
    public bool AreMirrored => _disks.All(disk => disk is { Own: CopyUse.Current, Peer: CopyUse.Current });

    /// <summary>Whether the other server's copies lack nothing.</summary>
    public bool ArePeersCurrent => _disks.All(disk => disk.Peer == CopyUse.Current);

    /// <summary>What the server's mark must say.</summary>
    public bool IsAnyStale => _disks.Any(disk => disk.IsStale);

    /// <summary>A disk told how it stands.</summary>
    public void Changed(int disk, CopyUse own, CopyUse? peer, string reason, double progress) =>
        _disks[disk] = _disks[disk] with { Own = own, Peer = peer, Reason = reason, Progress = progress };

    /// <summary>A disk is stale from now on, or lacks nothing any more; gives what the mark, one for all disks, must say.</summary>
    public bool Mark(int disk, bool isStale)
    {
        // Said before the disk heard that its replica is made anew.
        if (!isStale && _preparing is { } preparing && preparing.Left.Contains(disk)) return IsAnyStale;
        _disks[disk] = _disks[disk] with { IsStale = isStale };
        return _bug == MirrorBug.LastMarkCounts ? isStale : IsAnyStale;
    }

    /// <summary>Every copy is asked to carry a term.</summary>
    public void BeginTerm(ulong term) => _terms.Add((term, [.. Enumerable.Range(0, _disks.Length)]));

    /// <summary>A copy carries a term, or is not current. Gives the terms that all do by now, in order: the mark comes after the copies, for one that is newer takes them for stale.</summary>
    public IReadOnlyList<ulong> TermMarked(int disk, ulong term)
    {
        int index = _terms.FindIndex(mark => mark.Term == term && mark.Left.Contains(disk));
        if (index < 0) return [];
        _terms[index].Left.Remove(disk);
        List<ulong> done = [];
        while (_terms.Count != 0 && _terms[0].Left.Count == 0)
        {
            done.Add(_terms[0].Term);
            _terms.RemoveAt(0);
        }

        return done;
    }

    /// <summary>The replica is made anew here: all disks are stale, and are to end what is under way.</summary>
    public void BeginPreparing((ulong Term, ulong Number) stream)
    {
        _preparing = (stream, [.. Enumerable.Range(0, _disks.Length)], false);
        for (int disk = 0; disk < _disks.Length; disk++) _disks[disk] = _disks[disk] with { IsStale = true };
    }

    /// <summary>Nothing of before is under way at a disk. True: at none, and the mark is durable.</summary>
    public bool Prepared(int disk, (ulong Term, ulong Number) stream)
    {
        if (_preparing is not { } preparing || preparing.Stream != stream) return false;
        preparing.Left.Remove(disk);
        return ConsiderPrepared();
    }

    /// <summary>The mark is durable. True: and nothing of before is under way.</summary>
    public bool PassedBarrier((ulong Term, ulong Number) stream)
    {
        if (_preparing is not { } preparing || preparing.Stream != stream) return false;
        _preparing = preparing with { IsBarrierPassed = true };
        return ConsiderPrepared();
    }

    private bool ConsiderPrepared()
    {
        if (_preparing is not { IsBarrierPassed: true } preparing || preparing.Left.Count != 0) return false;
        _preparing = null;
        return true;
    }
}
