using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// Flushes of the mirror's own, on both copies at one place in the order of mutations: what they cover is equal and stable on both, so regions not written
/// since are no longer dirty (docs/disks.md §5).
/// <code>
///   this side                                   other side
///   flush at P, SyncWanted(P) ───────────────►  at P: flush.  Before P: waits until it gets there.
///                                               Beyond P, at Q: flush there, and says so: this side flushes again when it gets to Q
///   both stable: clean      ◄── SyncTold ─────  stable
///   SyncConfirmed ───────────────────────────►  clean
/// </code>
/// A message lost, or a place missed, leaves regions dirty that need not be: the next one cleans them.
/// A side that lacks a change of before the place says "stable" only once that is on record there: the other forgets by it that it has more.
/// </summary>
public sealed partial class DiskMirror
{
    private const long SyncTimeoutMs = 10_000, SoonMs = 100;

    private sealed class Sync(ulong number, ulong position, long sinceMs)
    {
        internal ulong Number { get; } = number;
        internal ulong Position { get; set; } = position;
        internal long SinceMs { get; } = sinceMs;
        internal bool IsHeld { get; set; }          // flushed when this side gets to the position
        internal FlushTicket? Ticket { get; set; }  // stable here
        internal int[] Regions { get; set; } = [];  // equal, as either side knew when it flushed
        internal bool IsStableThere { get; set; }
        internal bool IsWhole { get; set; }         // nothing was lacking here when it was flushed
        internal int Tries { get; set; }            // counts the flushes begun for it: only the latest counts
    }

    private Sync? _sync, _peerSync; // begun by this side, by the other
    private ulong _syncNumber;
    private long _syncedAtMs = long.MinValue / 2;
    private ulong _syncedPosition;
    private bool _isConfirmedWhole;

    private void TickSync()
    {
        if (_sync is { } old && _nowMs - old.SinceMs >= SyncTimeoutMs) _sync = null;
        if (_peerSync is { } other && _nowMs - other.SinceMs >= SyncTimeoutMs) _peerSync = null;
        ConsiderCurrent();
        if (_sync is not null || Use == CopyUse.Out || PeerUse is not (CopyUse.Rebuilding or CopyUse.Current)) return;
        bool isLacking = Use == CopyUse.Rebuilding;
        if (isLacking && _plan is null) return;
        bool isWaitedFor = isLacking && _plan is { IsComplete: true } && !_isConfirmedWhole;
        bool isDue = _nowMs - _syncedAtMs >= (isWaitedFor ? SoonMs : _settings.SyncIntervalMs);
        if (isDue && (isWaitedFor || _unconfirmed.Count != 0 || _isSource && _position != _syncedPosition)) BeginSync();
    }

    private void BeginSync()
    {
        _syncedAtMs = _nowMs;
        _sync = new Sync(++_syncNumber, _position, _nowMs);
        int[] regions = [.. _unconfirmed];
        FlushHere(_sync, () => { });
        Say(new SyncWanted(_sync.Number, _position, regions));
    }

    // What is equal is noted before the flush begins, as the flush must cover it.
    private void FlushHere(Sync sync, Action stable)
    {
        _isPeerPerhapsComplete = true; // both flushed at one place
        (sync.IsHeld, sync.Ticket, sync.IsWhole) = (false, null, Use == CopyUse.Current || _plan is { IsComplete: true });
        sync.Regions = [.. sync.Regions.Union(_unconfirmed)];
        int copyLife = _copyLife, life = _life, number = ++sync.Tries;
        _host.Submit(new BlockRequested(0, ++_internalId, BlockOperation.Flush, 0, 0, default), outcome =>
        {
            if (life != _life || copyLife != _copyLife) return;
            if (outcome.Fault is { } fault)
            {
                Fail(fault, outcome.Detail);
                return;
            }

            WhenLackIsRecorded(() =>
            {
                if (life != _life || number != sync.Tries) return;
                sync.Ticket = outcome.Ticket;
                stable();
                if (sync == _sync) ConfirmSync();
            });
        });
    }

    private readonly Queue<Action> _afterLackRecords = new();
    private int _lackRecords; // under way, or failed with the copy, of this life of the copy

    // A flush says nothing of changes that this copy lacks, and its word makes the other forget them: so they are on record here before it gives it.
    private void WhenLackIsRecorded(Action stable)
    {
        if (_lackRecords == 0 || _settings.Bug == MirrorBug.StableBeforeRecorded) stable();
        else _afterLackRecords.Enqueue(stable);
    }

    private void RecordLack(int[] regions, Action ended)
    {
        _lackRecords++;
        int copyLife = _copyLife;
        _host.Record(copy => copy.MarkDirty(regions), isRecorded =>
        {
            if (isRecorded && copyLife == _copyLife && --_lackRecords == 0)
                while (_afterLackRecords.TryDequeue(out Action? stable)) stable();
            ended();
        });
    }

    private void ForgetLackRecords()
    {
        _lackRecords = 0;
        _afterLackRecords.Clear();
    }

    // What is lacking from now on no flush of before made equal.
    private void NotWhole(int[] regions)
    {
        _isConfirmedWhole = false;
        _unconfirmed.ExceptWith(regions);
        foreach (Sync? sync in (ReadOnlySpan<Sync?>)[_sync, _peerSync])
            if (sync is not null) (sync.IsWhole, sync.Regions) = (false, [.. sync.Regions.Except(regions)]);
    }

    private void OnSyncWanted(SyncWanted wanted)
    {
        if (Use == CopyUse.Out || Use == CopyUse.Rebuilding && _plan is null) return;
        Sync sync = _peerSync = new Sync(wanted.Number, wanted.Position, _nowMs) { Regions = [.. wanted.CleanRegions.Where(r => r >= 0 && r < _geometry.RegionCount)] };
        if (_position < wanted.Position && _settings.Bug != MirrorBug.CleansWithoutMeeting)
        {
            sync.IsHeld = true;
            return;
        }

        if (_position > wanted.Position && _settings.Bug != MirrorBug.CleansWithoutMeeting)
        {
            sync.Position = _position;
            Say(new SyncTold(sync.Number, true, sync.Position, []));
        }

        FlushForPeer(sync);
    }

    private void FlushForPeer(Sync sync)
    {
        int[] own = [.. _unconfirmed];
        FlushHere(sync, () => Say(new SyncTold(sync.Number, false, sync.Position, own)));
    }

    private void OnSyncTold(SyncTold told)
    {
        if (_sync is not { } sync || sync.Number != told.Number) return;
        if (told.IsPassed)
        {
            sync.Position = told.Position;
            (sync.Ticket, sync.IsHeld) = (null, true);
            sync.Tries++;
            if (_position == told.Position) FlushHere(sync, () => { });
            else if (_position > told.Position) _sync = null; // the two passed each other; the next one meets
            return;
        }

        if (told.Position != sync.Position) return;
        sync.IsStableThere = true;
        sync.Regions = [.. sync.Regions.Union(told.CleanRegions.Where(r => r >= 0 && r < _geometry.RegionCount))];
        ConfirmSync();
    }

    private void ConfirmSync()
    {
        if (_sync is not { Ticket: { } ticket, IsStableThere: true } sync) return;
        _sync = null;
        Say(new SyncConfirmed(sync.Number));
        Confirm(sync, ticket);
    }

    private void OnSyncConfirmed(ulong number)
    {
        if (_peerSync is not { Ticket: { } ticket } sync || sync.Number != number) return;
        _peerSync = null;
        Confirm(sync, ticket);
    }

    private void Confirm(Sync sync, FlushTicket ticket)
    {
        // A region that came from here, and in which a change failed here since, may be equal no more.
        int[] regions = [.. sync.Regions.Where(region => Use != CopyUse.Current || !_lacking.ContainsKey(region)).Order()];
        int life = _life, copyLife = _copyLife;
        _host.Record(copy =>
        {
            copy.ConfirmMirrored(ticket);
            if (regions.Length != 0) copy.MarkClean(regions, ticket);
        }, isRecorded =>
        {
            if (!isRecorded || life != _life || copyLife != _copyLife) return;
            _unconfirmed.ExceptWith(sync.Regions);
            _syncedPosition = Math.Max(_syncedPosition, sync.Position);
            if (sync.IsWhole) _isConfirmedWhole = true;
            if (_plan is { IsComplete: true } && Use == CopyUse.Current && _unconfirmed.Count == 0 && _position >= _fetchedThrough) (_plan, _fetchedThrough) = (null, 0);
            ConsiderCurrent();
        });
    }

    // A mutation beyond the place is about to be made: a side that never came to the place exactly has missed it.
    private void HoldSyncBefore(ulong id)
    {
        if (_sync is { IsHeld: true } own && id > own.Position) _sync = null;
        if (_peerSync is { IsHeld: true } other && id > other.Position) _peerSync = null;
    }

    private void ReachedPosition()
    {
        if (_sync is { IsHeld: true } own && own.Position == _position) FlushHere(own, () => { });
        if (_peerSync is { IsHeld: true } other && other.Position == _position) FlushForPeer(other);
        if (_regionsWanted.Count == 0) return;
        foreach ((int region, (ulong notBefore, ulong[] checksums)) in _regionsWanted.Where(w => w.Value.NotBefore <= _position).ToArray())
        {
            _regionsWanted.Remove(region);
            GiveRegion(region, notBefore, checksums);
        }
    }
}
