using System.Runtime.InteropServices;
using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>What the simulation found broken.</summary>
internal sealed class MirrorRuleBrokenException(string rule) : Exception(rule);

/// <summary>
/// One machine, two replicas, two copies: the same requests on both sides at different times, over a link that delays and loses, while copies fail, blocks
/// rot, servers lose power and come back. One seed, one run. Rules checked:
/// a read gives what was written before it, at its own place in the order;
/// what a completed flush covered is readable by whoever has the machine next, after a boot too;
/// only a current copy is ever booted from; an error is given only when no copy could answer;
/// when faults end both copies become equal, byte for byte.
/// </summary>
internal sealed partial class LiveMirrorSimulation
{
    internal const int Sector = DiskGeometry.SectorBytes;
    internal static readonly DiskGeometry Geometry = new((512 << 10) - 1024, DiskGeometry.MinRegionBytes);
    private static readonly int s_sectors = (int)(Geometry.CapacityBytes / Sector);

    private sealed record Step(BlockRequested Request, ulong[] Expected);

    private readonly Random _random;
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly MirrorBug _bug;
    private readonly long _keptBytes;
    private readonly List<Step> _history = []; // of this life of the machine
    private readonly HashSet<int>[] _flushesDone = [[], []];
    private readonly ulong[] _logical = new ulong[s_sectors];
    private readonly Dictionary<int, HashSet<ulong>> _since = []; // stamps written since the last completed flush, by sector
    private ulong[] _flushed = new ulong[s_sectors];
    private readonly Dictionary<ulong, (ulong[] Flushed, Dictionary<int, HashSet<ulong>> After)> _atFlush = [];
    private readonly Side[] _sides;
    private long _order, _nowMs;
    private ulong _nextId = 1, _stamp, _pairing;
    private int _leader = -1; // who has the machine; -1: nobody
    private bool _isPaired, _isQuiet;
    internal long Reads, FromPeer, Flushes, Failovers, Boots, Resyncs, CopyFailures, Healed, Errors, HeldBack;

    internal LiveMirrorSimulation(int seed, MirrorBug bug = MirrorBug.None)
    {
        _random = new Random(seed);
        _bug = bug;
        _keptBytes = seed % 2 == 0 ? 48 << 10 : 32 << 20; // so little that sides wait for each other all the time
        _sides = [new Side(this, 0), new Side(this, 1)];
        _sides[0].Make(NewCopyRole.Current);
        _sides[1].Make(NewCopyRole.Replacement);
    }

    /// <summary>What happened, when asked for: a failing seed explains itself.</summary>
    internal List<string>? Trace { get; init; }

    private void Say(string what) => Trace?.Add($"{_nowMs,6} {what}");

    private void After(long ms, Action action) => _events.Enqueue(action, (_nowMs + ms, _order++));

    internal void Run(int milliseconds)
    {
        foreach (Side side in _sides) side.PowerOn();
        Boot(0);
        After(1, Tick);
        After(1, Work);
        After(200 + _random.Next(200), Fault);
        Advance(milliseconds);
        Calm();
        _isStopped = true;
        long limit = _nowMs + 60_000;
        while (_sides.Any(side => side.Executed < _history.Count || side.Open != 0))
        {
            Advance(5);
            if (_nowMs > limit) throw new MirrorRuleBrokenException("every request ends");
        }

        Advance(200);
        foreach (Side side in _sides) side.TakeStock();
        foreach (Side side in _sides) side.Copy!.Flush();
        if (!_sides[0].Image.Content.SequenceEqual(_sides[1].Image.Content)) throw new MirrorRuleBrokenException("both copies are equal byte for byte once faults end");
        CheckContent(_sides[_leader], "at the end");
    }

    private bool _isStopped;

    private void Advance(long milliseconds)
    {
        long end = _nowMs + milliseconds;
        while (_events.TryPeek(out Action? action, out (long At, long Order) when) && when.At <= end)
        {
            _events.Dequeue();
            _nowMs = when.At;
            action();
        }

        _nowMs = end;
    }

    private void Tick()
    {
        foreach (Side side in _sides)
        {
            if (!side.IsOn) continue;
            HeldBack += side.Mirror.HeldBack;
            side.Mirror.Tick(_nowMs);
        }

        Disarm();
        Manage();
        After(10, Tick);
    }

    // What the protocol does in the product: who may go on, boot, be taken in.
    private void Manage()
    {
        if (_leader >= 0 && !_sides[_leader].IsOn) Lost();
        if (_leader < 0)
        {
            // A server boots only if its own mark says that its copy is current, and only the latest that had the machine alone.
            // Where both may, either does.
            Side[] fit = [.. _sides.Where(side => side.IsLatest && side.IsCurrent && !side.IsBusy && _sides.All(s => s.IsOn) && !_isCut)];
            if (fit.Length != 0) Boot(fit[_random.Next(fit.Length)].Index);
            return;
        }

        Side other = _sides[1 - _leader];
        if (_isPaired && !other.IsOn)
        {
            if (!_sides[_leader].IsCurrent)
            {
                Fence();
                return;
            }
            Alone(_leader);
        }
        else if (!_isPaired && !_isCut && other.IsOn && !other.IsJoining && _sides[_leader].IsCurrent) Join(other);
    }

    private void Lost()
    {
        Side other = _sides[1 - _leader];
        if (_isPaired && other.IsOn && other.IsCurrent)
        {
            // All that the leader made and the other has stored is carried out first.
            Failovers++;
            Say($"failover to {other.Index}");
            while (other.Executed < _history.Count) other.Execute();
            _leader = other.Index;
            Alone(_leader);
            return;
        }

        Fence();
    }

    private void Alone(int index)
    {
        _isPaired = false;
        _sides[1 - index].IsLatest = false;
        _sides[index].Mirror.PeerGone();
        foreach (int flush in _flushesDone[index].ToArray()) GuestFlushed(flush); // the only copy's word is enough now
    }

    // Nobody has the machine's memory any more.
    private void Fence()
    {
        (_leader, _isPaired) = (-1, false);
        Say("fenced");
        foreach (Side side in _sides) side.Forget();
    }

    private void Boot(int index)
    {
        Boots++;
        Say($"boot on {index}");
        Side side = _sides[index];
        side.Forget();
        _history.Clear();
        _flushesDone[0].Clear();
        _flushesDone[1].Clear();
        _atFlush.Clear();
        _healedAt = null;
        (_leader, _isPaired, _nextId) = (index, false, 1);
        _sides[1 - index].IsLatest = false;
        side.IsLatest = true;
        CheckContent(side, "at a boot");
    }

    private void Join(Side other)
    {
        other.IsJoining = true;
        int life = other.Life + 1; // preparing begins a new one
        other.Prepare(() =>
        {
            if (life != other.Life || _leader < 0 || _leader == other.Index || !_sides[_leader].IsCurrent)
            {
                other.IsJoining = false;
                return;
            }

            _pairing++;
            Side source = _sides[_leader];
            source.Mirror.PeerIn(_pairing, 0, isSource: true);
            After(5 + _random.Next(30), () =>
            {
                other.IsJoining = false;
                if (life != other.Life || !source.IsOn || _leader != source.Index || !source.IsCurrent || _isCut)
                {
                    if (source.IsOn && !_isPaired) source.Mirror.PeerGone();
                    return;
                }
                Say($"{other.Index} joins at {source.Executed} of {_history.Count}, open {string.Join(',', source.Pending.Select(i => _history[i].Request.RequestId))}");
                // The state: what was made and has not ended is made again by the joiner.
                source.Mirror.MarkBase();
                other.Mirror.PeerIn(_pairing, 0, isSource: false);
                other.Mirror.Enrolled();
                (_isPaired, other.IsLatest) = (true, true);
                _flushesDone[other.Index].Clear();
                other.Executed = source.Executed;
                foreach (int pending in source.Pending) other.Issue(pending);
                Resyncs++;
            });
        });
    }

    // The guest: a request now and then, never more than a few open.
    private void Work()
    {
        if (_leader >= 0 && _sides[_leader].IsOn && !_isStopped)
        {
            Side leader = _sides[_leader];
            if (leader.Open < 8 && !(_isPaired && _isCut) && _history.Count - (_isPaired ? _sides[1 - _leader].Executed : _history.Count) < 20) MakeRequest();
            if (leader.Executed < _history.Count && _random.Next(2) == 0) leader.Execute();
        }

        if (_leader >= 0)
            foreach (Side side in _sides) if (side.IsOn && (side.Index == _leader || _isPaired) && side.Executed < _history.Count && _random.Next(3) != 0) side.Execute();
        After(1 + _random.Next(3), Work);
    }

    private void MakeRequest()
    {
        int sector = _random.Next(s_sectors), count = Math.Min(1 + _random.Next(_random.Next(5) == 0 ? 70 : 9), s_sectors - sector);
        ulong id = _nextId++;
        int kind = _random.Next(20);
        BlockOperation operation = kind < 7 ? BlockOperation.Read : kind < 16 ? BlockOperation.Write : kind < 17 ? BlockOperation.WriteZeroes : BlockOperation.Flush;
        if (operation == BlockOperation.Flush)
        {
            _history.Add(new Step(new BlockRequested(0, id, operation, 0, 0, default), []));
            _atFlush[id] = ((ulong[])_logical.Clone(), []);
            return;
        }

        ulong[] expected = operation == BlockOperation.Read ? _logical[sector..(sector + count)] : [];
        byte[] data = operation == BlockOperation.Write ? new byte[count * Sector] : [];
        if (operation != BlockOperation.Read)
        {
            for (int i = 0; i < count; i++)
            {
                ulong stamp = operation == BlockOperation.Write ? ++_stamp : 0;
                if (data.Length != 0) MemoryMarshal.Cast<byte, ulong>(data.AsSpan(i * Sector, Sector)).Fill(stamp);
                _logical[sector + i] = stamp;
                Note(_since, sector + i, stamp);
                foreach ((_, Dictionary<int, HashSet<ulong>> after) in _atFlush.Values) Note(after, sector + i, stamp);
            }
        }

        if (data.Length != 0) Say($"request {id} writes stamps {_stamp - (ulong)count + 1} to {_stamp}");
        _history.Add(new Step(new BlockRequested(0, id, operation, (ulong)sector * Sector, (ulong)count * Sector, data), expected));
    }

    private static void Note(Dictionary<int, HashSet<ulong>> stamps, int sector, ulong stamp)
    {
        if (!stamps.TryGetValue(sector, out HashSet<ulong>? all)) stamps[sector] = all = [];
        all.Add(stamp);
    }

    private void Ended(Side side, int index, BlockCompleted completed)
    {
        Step step = _history[index];
        Say($"side {side.Index}: {step.Request.Operation} {step.Request.RequestId} ended {completed.Status}");
        if (completed.Status != BlockStatus.Ok)
        {
            Errors++;
            Side other = _sides[1 - side.Index];
            // A change that the copy in service could not make fails while the other is not known to be complete: it may be made from this one.
            bool mayFail = step.Request.Operation is not (BlockOperation.Read or BlockOperation.Flush) && side.Mirror.PeerUse != CopyUse.Current;
            if (!mayFail && _isPaired && other.IsOn && other.Mirror.Use == CopyUse.Current && side.IsOn) throw new MirrorRuleBrokenException($"an error is given only when no copy can answer: {step.Request.Operation} {step.Request.RequestId} on side {side.Index} ({_sides[0].Mirror.Use}, {_sides[1].Mirror.Use})");
            return;
        }

        if (step.Request.Operation == BlockOperation.Read)
        {
            Reads++;
            for (int i = 0; i < step.Expected.Length; i++)
                if (MemoryMarshal.Cast<byte, ulong>(completed.Data.Span.Slice(i * Sector, Sector))[0] != step.Expected[i])
                    throw new MirrorRuleBrokenException($"a read gives what was written before it: request {step.Request.RequestId} on side {side.Index}, sector {(int)(step.Request.OffsetBytes / Sector) + i} holds stamp {MemoryMarshal.Cast<byte, ulong>(completed.Data.Span.Slice(i * Sector, Sector))[0]} instead of {step.Expected[i]}");
        }
        else if (step.Request.Operation == BlockOperation.Flush)
        {
            _flushesDone[side.Index].Add(index);
            if (!_isPaired || _flushesDone[1 - side.Index].Contains(index)) GuestFlushed(index);
        }
    }

    // The guest is told: from here on nothing of this may be lost.
    private void GuestFlushed(int index)
    {
        ulong id = _history[index].Request.RequestId;
        if (!_atFlush.Remove(id, out (ulong[] Flushed, Dictionary<int, HashSet<ulong>> After) state)) return;
        Flushes++;
        foreach (ulong older in _atFlush.Keys.Where(key => key < id).ToArray()) _atFlush.Remove(older);
        _flushed = state.Flushed;
        _since.Clear();
        foreach ((int sector, HashSet<ulong> stamps) in state.After) _since[sector] = stamps;
    }

    // After a boot a sector holds what the last flush covered, or anything written since; that is the disk from then on.
    private void CheckContent(Side side, string when)
    {
        byte[] content = new byte[Geometry.CapacityBytes];
        side.Copy!.Read(0, content);
        for (int sector = 0; sector < s_sectors; sector++)
        {
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(content.AsSpan(sector * Sector, Sector));
            if (words[0] != _flushed[sector] && !(_since.TryGetValue(sector, out HashSet<ulong>? stamps) && stamps.Contains(words[0])))
                throw new MirrorRuleBrokenException($"what a completed flush covered is readable by whoever leads: sector {sector} of side {side.Index} {when} holds {words[0]}, flushed was {_flushed[sector]}");
            _logical[sector] = words[0];
        }
    }
}
