using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>What a mirror under test is given: requests of its own copy end when the test says so, and what it may not ask for throws.</summary>
internal abstract class MirrorHostBase : IMirrorHost
{
    private readonly List<(BlockRequested Request, Action<BlockOutcome> Ended)> _submitted = [];

    /// <summary>Requests that the own copy has not ended.</summary>
    internal IEnumerable<BlockRequested> Submitted => _submitted.Select(one => one.Request);

    /// <summary>Requests of the machine that the mirror ended.</summary>
    internal List<(ulong Id, BlockStatus Status)> Ended { get; } = [];

    /// <summary>A message of the other side's mirror, of the pairing that these tests are in (7, 1), comes to a mirror.</summary>
    internal static void Hear(DiskMirror mirror, MirrorMessage message)
    {
        StateWriter writer = new();
        MirrorCodec.Write(writer, 7, 1, message);
        mirror.Received(writer.WrittenMemory);
    }

    /// <summary>The other side's answer to a mirror's first question, whether its copy is complete: it has heard how the asking copy stands.</summary>
    internal static void HearAnswer(DiskMirror mirror, PeerAnswer answer) => Hear(mirror, new ResultTold(0, answer, new byte[] { 1, 0, 0, 0, 0, 0, 0, 0 }));

    /// <summary>Ends the own copy's oldest request; a read gives the byte everywhere.</summary>
    internal void End(CopyFaultKind? fault, byte content = 0, double latencyMs = 0, params long[] badBlocks)
    {
        (BlockRequested request, Action<BlockOutcome> ended) = _submitted[0];
        _submitted.RemoveAt(0);
        byte[] data = new byte[request.Operation == BlockOperation.Read && fault is null ? request.LengthBytes : 0];
        Array.Fill(data, content);
        ended(new BlockOutcome(new BlockCompleted(0, request.RequestId, fault is null ? BlockStatus.Ok : BlockStatus.IoError, data), fault, "", badBlocks, fault is null && request.Operation == BlockOperation.Flush ? new FlushTicket(request.RequestId) : null, latencyMs));
    }

    public void Submit(BlockRequested request, Action<BlockOutcome> ended) => _submitted.Add((request, ended));

    public void Complete(BlockCompleted completion, BlockOperation operation) => Ended.Add((completion.RequestId, completion.Status));

    /// <summary>What the own copy took, as the mirror told it.</summary>
    internal List<(BlockOperation Operation, double LatencyMs)> Took { get; } = [];

    public void OnTook(BlockOperation operation, double latencyMs) => Took.Add((operation, latencyMs));

    public virtual void SubmitWrites(ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended) => throw new NotSupportedException();

    public virtual void Send(ReadOnlySpan<byte> message, bool isRegion) => throw new NotSupportedException();

    public virtual void OnCopyFailed(CopyFaultKind kind, string detail) => throw new NotSupportedException();

    public virtual void Check(int region, Action<BlockCheck[]?> ended) => throw new NotSupportedException();

    public virtual void Record(Action<DiskCopy> change, Action<bool> ended) => throw new NotSupportedException();

    public virtual void MarkStale(Action ended) => throw new NotSupportedException();

    public virtual void MarkCurrent(Action<bool> ended) => throw new NotSupportedException();

    public bool OnBadBlocks(int count) => true;

    public void OnForeign(string reason) => throw new NotSupportedException();

    public virtual void OnChanged()
    {
    }

    /// <summary>What an operator was told.</summary>
    internal List<MirrorNote> MirrorNotes { get; } = [];

    public void Tell(MirrorNote note, string sentence) => MirrorNotes.Add(note);
}
