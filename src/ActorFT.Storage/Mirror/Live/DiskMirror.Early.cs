using ActorFT.Machine.IO;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// Results that the peer is told before it asks. A follower whose copy lacks much would ask for read after read, and be a round trip later with each than the leader:
/// for as long as it lacks something the pair would be as slow as that.
/// <code>
///   leader                                             follower
///   read n ends here: kept   ◄── ResultWanted(n) ──    makes n, and lacks it: a round trip
///   read n + 1 ends here     ──  ResultTold(n + 1) ──► kept until it makes n + 1
///   ... for a second, then the next one is asked for again
/// </code>
/// What is told is what was kept for the asking, under the same pairing: rule (1) holds as it does for an answer. One that is lost, or dropped for want of room, is asked for.
/// Only short ones: of a long read the round trip is a small part, and a peer that has it after all was sent much for nothing.
/// </summary>
public sealed partial class DiskMirror
{
    private const long ToldUnaskedMs = 1_000, MaxEarlyBytes = 8 << 20;
    private const int MaxUnaskedBytes = 64 << 10;

    private readonly Dictionary<ulong, ReadOnlyMemory<byte>> _early = []; // by request, of reads that have not ended here
    private readonly Queue<(ulong RequestId, int LengthBytes)> _earlyOrder = new(); // as they came, taken or not
    private long _askedLateMs = long.MinValue / 2; // when the peer last asked for a read that had ended here
    private long _earlyBytes; // of the queue's

    private bool IsToldUnasked(Kept kept) =>
        !kept.IsFlush && kept.Answer == PeerAnswer.Ok && kept.Data.Length <= MaxUnaskedBytes && _isPeerIn && _nowMs - _askedLateMs < ToldUnaskedMs;

    private void TakeEarly(ResultTold told, Entry? entry)
    {
        if (told.Answer != PeerAnswer.Ok || told.Data.Length is 0 or > MaxUnaskedBytes) return;
        if (entry is null ? HasEndedHere(told.RequestId) : entry.IsOwnGood) return; // answered by the own copy
        if (!_early.TryAdd(told.RequestId, told.Data)) return;
        _earlyOrder.Enqueue((told.RequestId, told.Data.Length));
        _earlyBytes += told.Data.Length;
        while (_earlyBytes > MaxEarlyBytes)
        {
            (ulong oldest, int lengthBytes) = _earlyOrder.Dequeue();
            _early.Remove(oldest);
            _earlyBytes -= lengthBytes;
        }
    }

    private bool TryEarly(Entry entry)
    {
        BlockRequested request = entry.Request;
        if (!_early.Remove(request.RequestId, out ReadOnlyMemory<byte> data) || request.Operation != BlockOperation.Read || (ulong)data.Length != request.LengthBytes) return false;
        (entry.Peer, entry.PeerData) = (PeerAnswer.Ok, data);
        End(entry, BlockStatus.Ok, data);
        return true;
    }

    private void ForgetEarly()
    {
        _early.Clear();
        _earlyOrder.Clear();
        (_earlyBytes, _askedLateMs) = (0, long.MinValue / 2);
    }
}
