namespace ActorFT.Cluster.Machines;

/// <summary>
/// The machine was handed over, and frames are under way to where it was: clients would send a lost one again only after 200 ms and more. So the former
/// leader passes on, in order, what no round took, and for a while what the network still brings; the new one keeps it until it leads.
/// <code>
///  former leader:  TAP -> coordinator's mailbox -> (Following) PassOn -> FrameIn of the new term
///  new leader:     FrameIn of a term to come -> early -> SetRole(Leading, that term) -> Deliver
/// </code>
/// </summary>
public sealed partial class NicPort
{
    /// <summary>So long frames are passed on: a switch learns the new port with the first announcement, which is repeated.</summary>
    private const ulong PassingOnNs = 2_000_000_000;

    private readonly Queue<(ulong Term, ReadOnlyMemory<byte> Frame)> _early = [];
    private ulong _passesOnUntilNs;

    /// <summary>Passes on a frame that came in for the leader that this server was; dropped when it did not hand over just now.</summary>
    public void PassOn(ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (PassesOn(Now)) SendToPeer(NicWire.Kind.FrameIn, frame.Span);
            else Interlocked.Increment(ref _dropped);
        }
    }

    private bool PassesOn(ulong now) => now < _passesOnUntilNs;

    private void BeginPassingOn(bool isHandedOver, ulong now)
    {
        _passesOnUntilNs = isHandedOver ? now + PassingOnNs : 0;
        _backEnd.SetListening(isHandedOver);
    }

    private void EndPassingOn(ulong now)
    {
        if (_passesOnUntilNs == 0 || PassesOn(now)) return;
        _passesOnUntilNs = 0;
        _backEnd.SetListening(false);
    }

    // What is for everybody comes in at the new leader's NIC too, once that is open.
    private bool IsForNewLeader(ReadOnlySpan<byte> frame, ulong now) =>
        PassesOn(now) && (!_routing.IsPeerLeading || frame.Length >= _macAddress.Length && frame[.._macAddress.Length].SequenceEqual(_macAddress));

    private bool IsOfTermToCome(ulong term) => _routing.Role == NicRole.Following && term > _routing.Term;

    private void KeepEarly(ulong term, ReadOnlyMemory<byte> frame)
    {
        if (_early.Count < MaxWaitingFrames) _early.Enqueue((term, frame));
        else Interlocked.Increment(ref _dropped);
    }

    private void DeliverEarly()
    {
        while (_early.TryDequeue(out (ulong Term, ReadOnlyMemory<byte> Frame) early))
        {
            if (_routing.Role != NicRole.Leading || early.Term != _routing.Term) Interlocked.Increment(ref _dropped);
            else if (TryDeliver(early.Frame)) Interlocked.Increment(ref _receivedByPeer);
        }
    }
}
