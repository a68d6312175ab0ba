using System.IO.Hashing;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;

namespace ActorFT.Simulation.World.Disks;

/// <summary>
/// What is true about the machine's disks whoever leads: what completed flushes covered, what was written since, what the plan of faults may have taken, and which
/// errors it explains. The checker asks it; nothing in the product does.
/// </summary>
internal sealed class DiskTruth
{
    // Moments that belong together are this far apart at most: messages within a server, and the 10 ms at which copies are looked at.
    private const ulong SlackNs = 30_000_000;

    private readonly SimWorld _world;
    private readonly ulong[][] _flushed;
    private readonly List<(ulong Life, ulong Request, ulong Stamp)>[][] _since;
    private readonly HashSet<ulong>[][] _ever;
    private readonly HashSet<ulong> _lost = [];
    private readonly Dictionary<(int Disk, int Sector), HashSet<ulong>> _garbage = []; // what a device made of it, where a boot took it as it was: from then on it is what the disk holds
    private readonly Dictionary<(ulong Life, ulong Request), ulong> _issuedNs = [];
    private readonly Dictionary<(ulong Life, ulong Request, ulong Register), (int Disk, ulong Round, ulong[] Content)> _flushes = [];
    private readonly List<(ulong Life, ulong Request, int Disk, ulong Stamp)> _writes = []; // of this life, in order
    private readonly (ulong Life, ulong Request)[] _flushedThrough = new (ulong, ulong)[SimCopy.Disks.Count];
    private readonly SimServer?[] _owesError = new SimServer?[SimCopy.Disks.Count]; // its next flush must fail; a copy made from its own by then does not know
    private readonly bool[,,] _mayFail = new bool[SimCopy.Disks.Count, 2, 2]; // after a loss of each kind a flush may fail, on each server once

    public DiskTruth(SimWorld world)
    {
        _world = world;
        ToyDisks disks = SimCopy.Disks;
        _flushed = [.. Enumerable.Range(0, disks.Count).Select(_ => new ulong[disks.Sectors])];
        _since = [.. Enumerable.Range(0, disks.Count).Select(_ => Enumerable.Range(0, disks.Sectors).Select(_ => new List<(ulong, ulong, ulong)>()).ToArray())];
        _ever = [.. Enumerable.Range(0, disks.Count).Select(_ => Enumerable.Range(0, disks.Sectors).Select(_ => new HashSet<ulong>()).ToArray())];
    }

    private static void Fail(string rule, string what) => throw new SimulationFailure(rule, what);

    public SimCopy Copy(SimProcess process, int disk) => process.Server.Copies[disk];

    public SimCopy Other(SimProcess process, int disk) => _world.Servers[1 - process.Server.Index].Copies[disk];

    /// <summary>A request is given to a server's disk: from here on its content may be on it.</summary>
    public void Issued(SimProcess process, BlockRequested request)
    {
        ulong life = process.Machine!.Life;
        _issuedNs.TryAdd((life, request.RequestId), _world.NowNs);
        if (request.Operation is BlockOperation.Read or BlockOperation.Flush) return;
        int first = ToyDisks.SectorOf(request);
        for (int i = 0; i < ToyDisks.CountOf(request); i++)
        {
            ulong stamp = request.Operation == BlockOperation.Write ? ToyDisks.StampOf(request.Data.Span.Slice(i * ToyDisks.SectorBytes, ToyDisks.SectorBytes), request.DiskIndex, first + i)!.Value
                : ToyDisks.Stamp(life, request.RequestId, 0, 0, isZero: true);
            if (!_ever[request.DiskIndex][first + i].Add(stamp)) continue;
            _since[request.DiskIndex][first + i].Add((life, request.RequestId, stamp));
            _writes.Add((life, request.RequestId, request.DiskIndex, stamp));
        }
    }

    // ---- What a machine finds that boots

    public ulong[][] ContentAtBoot(SimProcess process, SimDiskActor[] actors)
    {
        _flushes.Clear();
        Array.Clear(_owesError);
        Array.Clear(_mayFail);
        ToyDisks disks = SimCopy.Disks;
        ulong[][] content = [.. Enumerable.Range(0, disks.Count).Select(_ => new ulong[disks.Sectors])];
        for (int disk = 0; disk < disks.Count; disk++)
            for (int sector = 0; sector < disks.Sectors; sector += 8) ReadAtBoot(process, actors[disk].Copy, disk, sector, content[disk]);
        _writes.Clear();
        return content;
    }

    private void ReadAtBoot(SimProcess process, DiskCopy? copy, int disk, int first, ulong[] content)
    {
        byte[] block = new byte[Math.Min(8, content.Length - first) * ToyDisks.SectorBytes];
        bool isReadable = copy is not null;
        try
        {
            copy?.Read((long)first * ToyDisks.SectorBytes, block);
        }
        catch (BlockIoException)
        {
            isReadable = false;
        }

        if (!isReadable && IsExplained(Copy(process, disk), _world.NowNs) is { } why)
            Fail("what a completed flush covered is readable", $"{process.Self.Server} boots, and sector {first} of disk {disk} cannot be read: {why}");
        for (int i = 0; i < block.Length / ToyDisks.SectorBytes; i++)
            content[first + i] = isReadable ? AtBoot(process, disk, first + i, block.AsSpan(i * ToyDisks.SectorBytes, ToyDisks.SectorBytes)) : ToyDisks.Unknown;
    }

    private ulong AtBoot(SimProcess process, int disk, int sector, ReadOnlySpan<byte> found)
    {
        ulong flushed = _flushed[disk][sector];
        if (ToyDisks.Holds(found, disk, sector, flushed)) return flushed;
        foreach ((_, _, ulong stamp) in _since[disk][sector]) if (ToyDisks.Holds(found, disk, sector, stamp)) return stamp;
        if (IsAnythingAllowed(flushed) && Ever(disk, sector, found) is { } ever) return ever;
        if (IsGarbage(disk, sector, found)) return ToyDisks.Unknown; // taken by a boot before, and not written and flushed since
        if (Copy(process, disk).Lies.Has(sector, found))
        {
            _world.Count("a device lied before a crash: sector taken as it is");
            if (!_garbage.TryGetValue((disk, sector), out HashSet<ulong>? contents)) _garbage[(disk, sector)] = contents = [];
            contents.Add(XxHash3.HashToUInt64(found));
            return ToyDisks.Unknown;
        }

        Fail("what a completed flush covered is readable", $"{process.Self.Server} boots, and sector {sector} of disk {disk} holds {Words(ToyDisks.StampOf(found, disk, sector))}; flushed was {Words(flushed)}");
        return 0;
    }

    private bool IsAnythingAllowed(ulong stamp) => stamp == ToyDisks.Unknown || _lost.Contains(stamp);

    private bool IsAllowed(ulong expected, int disk, int sector, ReadOnlySpan<byte> found) =>
        IsAnythingAllowed(expected) && (Ever(disk, sector, found) is not null || expected == ToyDisks.Unknown && IsGarbage(disk, sector, found));

    private bool IsGarbage(int disk, int sector, ReadOnlySpan<byte> found) => _garbage.TryGetValue((disk, sector), out HashSet<ulong>? contents) && contents.Contains(XxHash3.HashToUInt64(found));

    private ulong? Ever(int disk, int sector, ReadOnlySpan<byte> found)
    {
        if (ToyDisks.Holds(found, disk, sector, 0)) return 0;
        foreach (ulong stamp in _ever[disk][sector]) if (ToyDisks.Holds(found, disk, sector, stamp)) return stamp;
        return null;
    }

    public static string Words(ulong? stamp) => stamp switch
    {
        null => "what nobody wrote",
        0 => "zeroes",
        ToyDisks.Unknown => "not known",
        { } s => $"{(ToyDisks.IsZero(s) ? "zeroes" : "a write")} of request {s >> 32 & 0xFFFFFF} of life {s >> 56}",
    };

    // ---- What the machine is told

    /// <summary>A flush was asked for, in a leader's round: what it covers.</summary>
    public void FlushMade(SimProcess process, BlockRequested flush)
    {
        ToyMachine machine = process.Machine!;
        _flushes[(machine.Life, flush.RequestId, machine.Accumulator)] = (flush.DiskIndex, machine.Round, machine.FlushContent(flush.RequestId));
    }

    /// <summary>A flush has ended for the machine of the arbiter's leader.</summary>
    public void FlushEnded(SimProcess process, ToyEnd end)
    {
        ToyMachine machine = process.Machine!;
        foreach (((ulong life, ulong request, ulong register), (int disk, ulong round, ulong[] content)) in _flushes)
        {
            // The same id in a history that ended, of a leader that was replaced.
            if (life != machine.Life || request != end.Request.RequestId || round > machine.Round || process.Registers.TryGetValue(round, out ulong own) && own != register) continue;
            if (end.Completed.Status != BlockStatus.Ok)
            {
                _owesError[disk] = null;
                _world.Count("flush ended with an error");
                return;
            }

            if (_flushedThrough[disk].CompareTo((life, request)) > 0) return; // a later one has ended before
            _flushedThrough[disk] = (life, request);
            bool isAlone = ((MirroredDisks)process.Disks).Actors[disk].Mirror.PeerUse is null; // a copy made from the one that lost them does not know
            for (int sector = 0; sector < content.Length; sector++)
            {
                if (isAlone && _owesError[disk] == process.Server && _lost.Contains(content[sector]))
                    Fail("a completed flush vouches for nothing lost", $"flush {request} of disk {disk} ended well, and {Words(content[sector])} in sector {sector} was lost with the only copy's memory");
                _flushed[disk][sector] = content[sector];
                if (content[sector] != ToyDisks.Unknown) _garbage.Remove((disk, sector));
                _since[disk][sector].RemoveAll(write => write.Life < life || write.Life == life && write.Request < request);
            }

            if (!isAlone || process.Server != _owesError[disk]) _owesError[disk] = null;
            _world.Count("flush ended");
            return;
        }
    }

    /// <summary>A read has ended in a machine: right or an error, whatever happened.</summary>
    public void ReadEnded(SimProcess process, ToyEnd end)
    {
        if (end.Completed.Status != BlockStatus.Ok) return;
        BlockRequested read = end.Request;
        ReadOnlySpan<byte> data = end.Completed.Data.Span;
        if ((ulong)data.Length != read.LengthBytes)
        {
            Fail("a read is right or an error", $"read {read.RequestId} of disk {read.DiskIndex} gave {data.Length} bytes on {process.Self.Server}");
            return;
        }

        _world.Count("read compared");
        for (int i = 0; i < end.Expected.Length; i++)
        {
            int sector = ToyDisks.SectorOf(read) + i;
            ReadOnlySpan<byte> found = data.Slice(i * ToyDisks.SectorBytes, ToyDisks.SectorBytes);
            if (ToyDisks.Holds(found, read.DiskIndex, sector, end.Expected[i])) continue;
            if (IsAllowed(end.Expected[i], read.DiskIndex, sector, found)) continue;
            Fail("a read is right or an error", $"read {read.RequestId} of disk {read.DiskIndex} gave {process.Self.Server} {Words(ToyDisks.StampOf(found, read.DiskIndex, sector))} in sector {sector}; before it came {Words(end.Expected[i])}");
        }
    }

    // ---- What the plan of faults explains

    /// <summary>A request has ended at a server's disk.</summary>
    public void OwnEnded(SimProcess process, BlockCompleted completion, BlockOperation operation)
    {
        if (completion.Status == BlockStatus.Ok) return;
        _world.Count("request ended with an error");
        if (operation == BlockOperation.Flush && _owesError[completion.DiskIndex] == process.Server) _owesError[completion.DiskIndex] = null;
        if (process.Machine is not { } machine) return;
        if (operation is BlockOperation.Read or BlockOperation.Flush) return;
        LetNextFlushFail(completion.DiskIndex, Loss.OfWrite); // the machine may take it for done
        Lose(write => write.Life == machine.Life && write.Request == completion.RequestId);
    }

    /// <summary>The machine of the arbiter's leader was told of an error.</summary>
    public void ErrorEnded(SimProcess process, BlockRequested request)
    {
        int disk = request.DiskIndex, server = process.Server.Index;
        _world.Count("error told to the machine");
        ulong sinceNs = _issuedNs.GetValueOrDefault((process.Machine!.Life, request.RequestId), _world.NowNs);
        string? why = IsExplained(Copy(process, disk), sinceNs);
        if (process.Disks is MirroredDisks { } disks && disks.Actors[disk].Mirror.PeerUse is not null) why ??= IsExplained(Other(process, disk), sinceNs);
        if (why is null) return;
        // The flush after a loss says so by an error, whatever the copies are by then.
        if (request.Operation == BlockOperation.Flush && (TakeMayFail(disk, server, Loss.OfMemory) || TakeMayFail(disk, server, Loss.OfWrite))) return;
        Fail("an error means that both copies were bad", $"{request.Operation} {request.RequestId} of disk {disk} failed on {process.Self.Server}: {why}");
    }

    /// <summary>A follower's disk gave an error where the leader's had data.</summary>
    public void ErrorOfOneReplica(SimProcess process, BlockRequested request)
    {
        ulong sinceNs = _issuedNs.GetValueOrDefault((process.Machine!.Life, request.RequestId), _world.NowNs);
        if (IsExplained(Copy(process, request.DiskIndex), sinceNs) is { } why) Fail("an error of one replica means that its copy was bad", $"{request.Operation} {request.RequestId} of disk {request.DiskIndex} failed on {process.Self.Server}: {why}");
    }

    // Null: the copy was bad at some time since, by the plan.
    private string? IsExplained(SimCopy copy, ulong sinceNs)
    {
        copy.Observe();
        return copy.NotAbleAtNs + SlackNs >= sinceNs ? null
            : $"the copy of {copy.Server.Name} was good since {copy.NotAbleAtNs / 1_000_000} ms, and the request was made at {sinceNs / 1_000_000} ms";
    }

    /// <summary>A copy that failed is opened again; if it serves as it is, for there is no other, what was in its memory, and no flush covered, is lost.</summary>
    public Action IfOnly(SimCopy files, SimDiskActor actor)
    {
        if (files.Server.Process is not { Machine: { } machine }) return () => LetNextFlushFail(files.Disk, Loss.OfMemory);
        ulong flushed = actor.FlushedThrough;
        HashSet<ulong> stamps = [.. _writes.Where(write => write.Life == machine.Life && write.Disk == files.Disk && write.Request > flushed).Select(write => write.Stamp)];
        return () =>
        {
            LetNextFlushFail(files.Disk, Loss.OfMemory);
            if (!Lose(write => stamps.Contains(write.Stamp))) return;
            _owesError[files.Disk] = files.Server;
            _world.Count("the only copy lost its memory");
        };
    }

    // The mirror says by a flush what its copy's memory lost, the writes behind what failed after its end was told: each its own, one flush may be between.
    private enum Loss
    {
        OfMemory,
        OfWrite,
    }

    private void LetNextFlushFail(int disk, Loss loss) => (_mayFail[disk, 0, (int)loss], _mayFail[disk, 1, (int)loss]) = (true, true);

    private bool TakeMayFail(int disk, int server, Loss loss)
    {
        bool may = _mayFail[disk, server, (int)loss];
        _mayFail[disk, server, (int)loss] = false;
        return may;
    }

    private bool Lose(Predicate<(ulong Life, ulong Request, int Disk, ulong Stamp)> which)
    {
        int before = _lost.Count;
        foreach ((ulong Life, ulong Request, int Disk, ulong Stamp) write in _writes) if (which(write)) _lost.Add(write.Stamp);
        return _lost.Count != before;
    }

    // ---- Once faults have ended

    /// <summary>Both copies, closed and quiet, against each other and against what the machine knows.</summary>
    public void CheckEqual(ToyMachine machine)
    {
        for (int disk = 0; disk < SimCopy.Disks.Count; disk++)
        {
            ReadOnlySpan<byte> one = _world.Servers[0].Copies[disk].Image.Content, two = _world.Servers[1].Copies[disk].Image.Content;
            int differs = one.CommonPrefixLength(two);
            if (differs != one.Length) Fail("both copies are equal once faults end", $"disk {disk} differs in sector {differs / ToyDisks.SectorBytes}: {Words(StampAt(one, disk, differs))} on {_world.Servers[0].Name}, {Words(StampAt(two, disk, differs))} on {_world.Servers[1].Name}; the machine has {Words(machine.Logical[disk][differs / ToyDisks.SectorBytes])}");
            for (int sector = 0; sector < SimCopy.Disks.Sectors; sector++)
            {
                ulong expected = machine.Logical[disk][sector];
                ReadOnlySpan<byte> found = one.Slice(sector * ToyDisks.SectorBytes, ToyDisks.SectorBytes);
                if (ToyDisks.Holds(found, disk, sector, expected) || IsAllowed(expected, disk, sector, found)) continue;
                Fail("both copies are equal once faults end", $"sector {sector} of disk {disk} holds {Words(ToyDisks.StampOf(found, disk, sector))} on both; the machine has {Words(expected)}");
            }
        }
    }

    private static ulong? StampAt(ReadOnlySpan<byte> image, int disk, int offset)
    {
        int sector = offset / ToyDisks.SectorBytes;
        return ToyDisks.StampOf(image.Slice(sector * ToyDisks.SectorBytes, ToyDisks.SectorBytes), disk, sector);
    }
}
