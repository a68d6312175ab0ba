using ActorFT.Machine.IO;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// A change that met a bad block here, for it writes a block in part whose rest cannot be read: it was not made, or in part. Whether the machine has it all the same is the other copy's word
/// for the same change, not how that copy stands: the same block may be bad there, too, before or after.
/// <code>
///   source of the pairing                                other side
///   write n meets a bad block: n waits                   write n meets a bad block: lacks it at once, n waits
///   ResultWanted(n, change) ───────────────────────────► 
///        ◄── ResultTold(n, Ok: made) ────────────────── made it: this side lacks n, the other serves
///        ◄── ResultTold(n, Bad) ─────────────────────── did not: n ends with an error, this copy stays the complete one
/// </code>
/// Rules:
/// (1) such a change ends well only with the other copy's word that it was made there;
/// (2) of two copies that both cannot make it the source's stays complete: the other is made from it, but for the block that nobody has;
/// (3) until the word is here nothing of those regions is read from this copy, or given to the other.
/// A peer of a build that does not give its word is taken for having made it, as it was before.
/// </summary>
public sealed partial class DiskMirror
{
    private const int MaxNotMade = 4096;
    private const ulong OfChange = 1; // in the offset of ResultWanted with no length

    // What a build says of itself in RequestsEnded(0, ...), which carried nothing before.
    private const ulong GivesWordOfChanges = 1;

    private static readonly ulong[] s_abilities = [GivesWordOfChanges];

    private readonly HashSet<ulong> _notMade = []; // changes that the own copy did not make, of late
    private readonly Queue<ulong> _notMadeOrder = new();
    private ulong _notMadeFloor;
    private bool _peerGivesWord;

    // The source waits for the word before it takes the other copy for the better one.
    private bool WaitsForWord => _isSource && Use == CopyUse.Current && _peerGivesWord && _settings.Bug != MirrorBug.TakesChangesForMade;

    // False: it waits, or has ended.
    private bool HasWord(Entry entry)
    {
        if (!_peerGivesWord || _settings.Bug == MirrorBug.TakesChangesForMade) entry.Peer = PeerAnswer.Ok;
        switch (entry.Peer)
        {
            case PeerAnswer.Ok: return true;
            case null:
                entry.NeedsPeer = true;
                AskPeer(entry);
                return false;
            default:
                entry.Lacks = null;
                EndWithError(entry, "the other copy cannot either");
                return false;
        }
    }

    private void OnWordWanted(ulong change)
    {
        if (change > _position || _entries.TryGetValue(change, out Entry? entry) && !entry.IsOwnGood && !entry.IsOwnBad)
        {
            if (_wants.Count < _settings.KeptResults) _wants.Add(change);
        }
        else TellWord(change);
    }

    private void TellWord(ulong change) =>
        Say(new ResultTold(change, change <= _notMadeFloor || _notMade.Contains(change) ? PeerAnswer.Bad : PeerAnswer.Ok, default));

    private void NoteMade(BlockRequested change, bool isMade)
    {
        if (change.Operation is BlockOperation.Read or BlockOperation.Flush) return;
        if (!isMade && _notMade.Add(change.RequestId))
        {
            _notMadeOrder.Enqueue(change.RequestId);
            if (_notMadeOrder.Count > MaxNotMade)
            {
                _notMadeFloor = Math.Max(_notMadeFloor, _notMadeOrder.Peek());
                _notMade.Remove(_notMadeOrder.Dequeue());
            }
        }

        if (_wants.Remove(change.RequestId)) TellWord(change.RequestId);
    }

    private void ForgetNotMade()
    {
        _notMade.Clear();
        _notMadeOrder.Clear();
        _notMadeFloor = 0;
    }

    private bool IsUnmadeIn(int region)
    {
        if (_notHere == 0) return false;
        foreach (Entry entry in _entries.Values)
        {
            if (!entry.IsUnmade) continue;
            (int first, int last) = _geometry.RegionsOf((long)entry.Request.OffsetBytes, (long)entry.Request.LengthBytes);
            if (region >= first && region <= last) return true;
        }

        return false;
    }
}
