using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Mirror.Live;

// What this copy lacks comes from the peer's, region by region, while both are written (docs/disks.md §7).
public sealed partial class DiskMirror
{
    private const long RegionTimeoutMs = 5_000;

    private sealed class Transfer(int region)
    {
        internal int Region { get; } = region;
        internal long SinceMs { get; set; }
        internal ulong Position { get; init; } // when this copy was looked at
        internal bool IsAsked { get; set; }
        internal bool IsWriting { get; set; }
        internal int BadBlocks { get; set; } // bad here, by the own checksum, before
    }

    private readonly Dictionary<int, Transfer> _transfers = [];
    private readonly SortedSet<int> _unconfirmed = []; // regions equal since, and not flushed together since
    private readonly Dictionary<int, (ulong NotBefore, ulong[] Checksums)> _regionsWanted = []; // by the peer, and this replica is not there yet
    private readonly TokenBucket _resyncBucket;
    private readonly ResyncWindow _window;
    private ResyncPlan? _plan;
    private ulong _fetchedThrough; // regions of the plan hold what the other had written up to here: this replica's reads must not see it before
    private long _inventoryAskedMs = long.MinValue / 2, _resyncNotBeforeMs;
    private bool _isPlanning, _isMarkingCurrent, _isTakingInventory;
    private ulong _internalId = InternalIds;

    // Requests of the mirror's own are beside the machine's: its ids never come so far.
    private const ulong InternalIds = RequestOrder.MirrorIds;

    // Of a region: the machine's own requests pass it.
    private ulong NextBackgroundId() => RequestOrder.BackgroundIds | ++_internalId;

    /// <summary>Progress of what is being fetched; null when nothing is.</summary>
    public MirrorProgress? Resync => _plan is { IsComplete: false } plan ? plan.Progress(_nowMs) : null;

    private void DropPlan()
    {
        if (_position < _fetchedThrough && _plan is { } dropped && _settings.Bug != MirrorBug.ForgetsWhatIsAhead)
            foreach ((int region, ulong from) in dropped.Ahead(_position)) _ahead[region] = Math.Max(from, _ahead.GetValueOrDefault(region));
        (_plan, _fetchedThrough) = (null, 0);
        _transfers.Clear();
        _unconfirmed.Clear();
        _regionsWanted.Clear();
        _compared.Clear(); // the scrub does not wait for them
        _isPlanning = false;
        _sync = null;
        _peerSync = null;
    }

    private void TickResync()
    {
        if (Use == CopyUse.Rebuilding && CanPeerServe && _plan is null && !_isPlanning && _nowMs - _inventoryAskedMs >= _settings.AskAgainMs)
        {
            _inventoryAskedMs = _nowMs;
            Say(new InventoryWanted());
        }

        foreach (Transfer transfer in _transfers.Values.Where(t => t is { IsWriting: false } && _nowMs - t.SinceMs >= RegionTimeoutMs).ToArray()) GiveUp(transfer);
        Pump();
    }

    private void OnInventoryWanted()
    {
        if (Use == CopyUse.Out)
        {
            SayStands();
            return;
        }
        if (_isTakingInventory) return;
        _isTakingInventory = true;
        // From here on the peer is written too: what differs now is what may differ, and stays marked until it was compared. What was given to the copy
        // has been done by it, and is marked, when a flush behind it has begun.
        int life = _life, copyLife = _copyLife;
        ulong position = _position;
        _host.Submit(new BlockRequested(0, ++_internalId, BlockOperation.Flush, 0, 0, default), outcome =>
        {
            _isTakingInventory = false;
            if (life != _life || copyLife != _copyLife) return;
            if (outcome.Fault is { } fault)
            {
                Fail(fault, outcome.Detail);
                return;
            }

            TellInventory(position);
        });
    }

    private void TellInventory(ulong position)
    {
        CopyDescription? described = null;
        int[] dirty = [], lacking = _settings.Bug == MirrorBug.ForgetsWhatItLacks ? [] : [.. _lacking.Keys];
        int life = _life, copyLife = _copyLife;
        _host.Record(copy =>
        {
            described = copy.Describe();
            dirty = [.. copy.DirtyRegions().Union(lacking).Order()];
            copy.MarkDirty(dirty);
        }, isRecorded =>
        {
            if (life == _life && copyLife == _copyLife && isRecorded && described is { } d)
                Say(new Inventory(Use, d.DiskId, d.CapacityBytes, _geometry.RegionBytes, d.NeedsFullCompare, _base, position, dirty));
        });
    }

    private void OnInventory(Inventory inventory)
    {
        if (Use != CopyUse.Rebuilding || _plan is not null || _isPlanning || inventory.Use != CopyUse.Current) return;
        if (inventory.CapacityBytes != _geometry.CapacityBytes || inventory.RegionBytes != _geometry.RegionBytes)
        {
            _host.OnForeign($"the other server's copy has {inventory.CapacityBytes} bytes in regions of {inventory.RegionBytes}, this one {_geometry.CapacityBytes} in regions of {_geometry.RegionBytes}");
            return;
        }

        // What this replica wrote while its copy was out, or lost with its memory, and the other has not come to: dirty on neither side yet.
        int[] ahead = [.. Enumerable.Range(0, _geometry.RegionCount).Where(region => _lastWrite[region] > inventory.Position)];
        string? refusal = null;
        int[] regions = [];
        _isPlanning = true;
        int life = _life, copyLife = _copyLife;
        _host.Record(copy =>
        {
            CopyDescription own = copy.Describe();
            bool isOther = own.DiskId != inventory.DiskId;
            // A disk that served before under another identity holds something else: never overwritten without a word (docs/disks.md §6).
            if (isOther && own.Version != default && !own.NeedsFullCompare)
            {
                refusal = $"it is another disk: its identity is {own.DiskId}, and the other server's copy has {inventory.DiskId}; make it anew with \"actorft disk create --replacement\" if it may be overwritten";
                return;
            }

            bool isAll = isOther || own.NeedsFullCompare || inventory.NeedsFullCompare;
            regions = isAll ? [.. Enumerable.Range(0, _geometry.RegionCount)] : [.. copy.DirtyRegions().Union(ahead).Union(_settings.Bug == MirrorBug.ForgetsPeersDirtyRegions ? [] : inventory.DirtyRegions.Where(r => r >= 0 && r < _geometry.RegionCount)).Order()];
            copy.MarkDirty(regions); // so that an interrupted rebuild knows what is left
            if (isOther) copy.AdoptDiskId(inventory.DiskId);
            if (own.NeedsFullCompare) copy.SetNeedsFullCompare(false);
        }, isRecorded =>
        {
            if (life != _life || copyLife != _copyLife) return;
            _isPlanning = false;
            if (!isRecorded) return;
            if (refusal is not null)
            {
                _host.OnForeign(refusal);
                return;
            }

            // Writes made while that was recorded count as made before any region is asked for.
            _plan = new ResyncPlan(_geometry, regions, _position);
            _position = Math.Max(_position, inventory.Base);
            _isConfirmedWhole = false;
            _host.Tell(MirrorNote.ResyncBegan, $"{regions.Length} regions of {_geometry.RegionBytes >> 10} KiB are compared with the other server's copy");
            Pump();
        });
    }

    // Requests that were under way together meet the same bad block: it is one. What is being fetched was counted when that began.
    private long[] Fresh(IReadOnlyList<long> blocks) => [.. blocks.Where(block => _plan is not { } plan || !plan.IsWanted(_geometry.RegionOfBlock(block)))];

    // A block that cannot be read here, or written in part, has its region fetched. That this copy may lack a write there is durable before
    // the request ends.
    private void FetchBadBlocks(IReadOnlyList<long> blocks, BlockRequested request, Entry entry)
    {
        if (Fresh(blocks) is { Length: not 0 } fresh)
        {
            Counts = Counts with { BadBlocks = Counts.BadBlocks + fresh.Length };
            _host.Tell(MirrorNote.BadBlocks, $"{fresh.Length} bad block(s) from {fresh[0]} on were found");
        }

        bool isRead = request.Operation == BlockOperation.Read;
        if (!_isPeerIn || isRead && !CanPeerServe) return;
        if (isRead)
        {
            Want(blocks.Select(_geometry.RegionOfBlock).Distinct());
            return;
        }

        // A change that met a bad block was not made at all, or in part: every region of it is fetched.
        (int first, int last) = _geometry.RegionsOf((long)request.OffsetBytes, (long)request.LengthBytes);
        int[] regions = [.. Enumerable.Range(first, last - first + 1)];
        (entry.IsUnmade, entry.Lacks, entry.IsHeldByRecord) = (true, regions, true);
        if (CanPeerServe && !WaitsForWord) Lack(entry);
        int life = _life;
        RecordLack(regions, () =>
        {
            if (life != _life) return;
            entry.IsHeldByRecord = false;
            Settle(entry);
        });
    }

    // It lacks a change now: not current until that is fetched, and that is durable before the request ends (rule 2). While no other copy is known to be complete
    // that is only recorded.
    private void Lack(Entry entry)
    {
        if (entry.Lacks is not { } regions) return;
        entry.Lacks = null;
        Lack(regions, "it lacks a write that met a bad block");
    }

    private void Lack(int[] regions, string why)
    {
        Want(regions);
        NotWhole(regions);
        if (Use != CopyUse.Current) return;
        Stand(CopyUse.Rebuilding, why);
        if (!_isStaleMarked && !_isMarkingStale && !_isMarkingCurrent) BeginMarkStale();
    }

    private void Want(IEnumerable<int> regions)
    {
        if (Use == CopyUse.Rebuilding && _plan is null) return; // all of it is to be fetched
        _plan ??= new ResyncPlan(_geometry, [], _position);
        foreach (int region in regions) _plan.SourceWroteAlone(_geometry.RegionOffset(region), 1);
        Pump();
    }

    private void Pump()
    {
        if (_plan is not { } plan || !CanPeerServe) return;
        while (plan.BusyBytes < _window.Bytes && _nowMs >= _resyncNotBeforeMs && plan.TakeNext() is { } next)
        {
            long waitMs = _resyncBucket.Take(_nowMs, _geometry.RegionLength(next.Region));
            if (waitMs > 0) _resyncNotBeforeMs = _nowMs + waitMs;
            Transfer transfer = new(next.Region) { SinceMs = _nowMs, Position = _position };
            _transfers[next.Region] = transfer;
            _host.Check(next.Region, checks =>
            {
                if (!_transfers.TryGetValue(transfer.Region, out Transfer? same) || same != transfer) return;
                ulong[] checksums = checks is null ? new ulong[_geometry.RegionBlockCount(next.Region)] : [.. checks.Select(c => c.IsGood ? c.Actual : BlockHash.Unknown)];
                if (checks is null) Array.Fill(checksums, BlockHash.Unknown);
                transfer.BadBlocks = checks?.Count(c => !c.IsGood) ?? 0;
                transfer.IsAsked = true;
                Say(new RegionWanted(next.Region, next.NotBefore, checksums));
            });
        }
    }

    private void GiveUp(Transfer transfer)
    {
        _window.Missed();
        _transfers.Remove(transfer.Region);
        _plan?.Abandon(transfer.Region);
    }

    private void OnRegionWanted(RegionWanted wanted)
    {
        if ((uint)wanted.Region >= (uint)_geometry.RegionCount || wanted.Checksums.Length != _geometry.RegionBlockCount(wanted.Region)) return;
        if (_position < wanted.NotBefore)
        {
            _regionsWanted[wanted.Region] = (wanted.NotBefore, wanted.Checksums);
            return;
        }

        GiveRegion(wanted.Region, wanted.NotBefore, wanted.Checksums);
    }

    private void GiveRegion(int region, ulong notBefore, ulong[] theirs)
    {
        // The other replica is not there yet, and would make again what is lacking here; or it is not known yet which of the two lacks a change there.
        if (_lacking.GetValueOrDefault(region) > notBefore && _settings.Bug != MirrorBug.ForgetsWhatItLacks || IsUnmadeIn(region)) Say(new RegionTold(region, _position, true, [], []));
        else SendRegion(region, theirs);
    }

    // The own copy as it is exactly after the last mutation: the worker keeps the order of overlapping requests.
    private void SendRegion(int region, ulong[] theirs)
    {
        long offset = _geometry.RegionOffset(region);
        int length = _geometry.RegionLength(region);
        ulong position = _position;
        if (!IsReadableHere(offset, length))
        {
            Say(new RegionTold(region, position, true, [], []));
            return;
        }

        int life = _life, copyLife = _copyLife;
        _host.Submit(new BlockRequested(0, NextBackgroundId(), BlockOperation.Read, (ulong)offset, (ulong)length, default), outcome =>
        {
            if (life != _life || copyLife != _copyLife) return;
            if (outcome.Fault is null)
            {
                Say(new RegionTold(region, position, false, Differing(region, outcome.Completed.Data, theirs), []));
                return;
            }

            // Bad here too: the others are sent one by one.
            if (outcome.BadBlocks.Count != 0) SendBlocks(region, position, theirs, [.. outcome.BadBlocks]);
            else Say(new RegionTold(region, position, true, [], []));
        });
    }

    private (int, ReadOnlyMemory<byte>)[] Differing(int region, ReadOnlyMemory<byte> data, ulong[] theirs)
    {
        long first = _geometry.RegionOffset(region) / DiskGeometry.BlockBytes;
        List<(int, ReadOnlyMemory<byte>)> blocks = [];
        for (int i = 0; i < theirs.Length; i++)
        {
            ReadOnlyMemory<byte> block = data.Slice(i * DiskGeometry.BlockBytes, _geometry.BlockLength(first + i));
            if (BlockHash.Compute(_blockSeed, first + i, block.Span) != theirs[i]) blocks.Add((i, block));
        }

        return [.. blocks];
    }

    private void SendBlocks(int region, ulong position, ulong[] theirs, HashSet<long> bad)
    {
        long first = _geometry.RegionOffset(region) / DiskGeometry.BlockBytes;
        List<(int, ReadOnlyMemory<byte>)> blocks = [];
        List<int> unsendable = [];
        int left = theirs.Length, life = _life, copyLife = _copyLife;
        bool isMoved = _lastWrite[region] > position; // written since: these reads would show a later place
        for (int i = 0; i < theirs.Length; i++)
        {
            int index = i;
            if (bad.Contains(first + i))
            {
                unsendable.Add(i);
                left--;
                continue;
            }

            ulong offset = (ulong)(first + i) * DiskGeometry.BlockBytes;
            _host.Submit(new BlockRequested(0, NextBackgroundId(), BlockOperation.Read, offset, (ulong)_geometry.BlockLength(first + i), default), outcome =>
            {
                if (life != _life || copyLife != _copyLife) return;
                if (outcome.Fault is not null) unsendable.Add(index);
                else if (BlockHash.Compute(_blockSeed, first + index, outcome.Completed.Data.Span) != theirs[index]) blocks.Add((index, outcome.Completed.Data));
                if (--left == 0) SendWithoutBad(region, position, theirs, isMoved, blocks, unsendable);
            });
        }

        if (left == 0) SendWithoutBad(region, position, theirs, isMoved, blocks, unsendable);
    }

    // A block that is bad here and that the other copy has, by the checksum kept here, is nothing that it lacks. One that it has not, nobody has: what it
    // holds there is older, and would come back from it as right. So that copy does not become complete before the block is written anew.
    private void SendWithoutBad(int region, ulong position, ulong[] theirs, bool isMoved, List<(int, ReadOnlyMemory<byte>)> blocks, List<int> unsendable)
    {
        if (_settings.Bug == MirrorBug.TakesWhatNobodyHas)
        {
            Say(new RegionTold(region, position, isMoved, isMoved ? [] : [.. blocks.OrderBy(b => b.Item1)], [.. unsendable]));
            return;
        }

        int life = _life, copyLife = _copyLife;
        _host.Check(region, checks =>
        {
            if (life != _life || copyLife != _copyLife) return;
            bool isRefused = isMoved || checks is null || _lastWrite[region] > position;
            int[] nobodys = isRefused ? [] : [.. unsendable.Where(i => checks![i].Stored != theirs[i])];
            if (nobodys.Length != 0)
            {
                isRefused = true;
                if (_toldNobodys.Add(region))
                    _host.Tell(MirrorNote.DataLost, $"{nobodys.Length} block(s) of region {region}, from {_geometry.RegionOffset(region) / DiskGeometry.BlockBytes + nobodys[0]} on, are bad here, and the other copy has not what they held: it is not complete before they are written anew");
            }

            Say(new RegionTold(region, position, isRefused, isRefused ? [] : [.. blocks.OrderBy(b => b.Item1)], []));
        });
    }

    private readonly HashSet<int> _toldNobodys = [];

    private void OnRegion(RegionTold told)
    {
        if (_plan is not { } plan || !_transfers.TryGetValue(told.Region, out Transfer? transfer) || !transfer.IsAsked || transfer.IsWriting) return;
        if (told.IsRefused)
        {
            // Asked again by the next tick, not at once: what stands in the way takes a while. Then as of this replica's place: it may be that which it waits for.
            transfer.IsAsked = false;
            plan.NotBefore(told.Region, _position);
            transfer.SinceMs = _nowMs - RegionTimeoutMs + _settings.AskAgainMs;
            return;
        }

        if (!plan.TryApply(told.Region, _settings.Bug == MirrorBug.TakesOldRegions ? ulong.MaxValue : told.AsOf))
        {
            _transfers.Remove(told.Region);
            Pump();
            return;
        }

        transfer.IsWriting = true;
        _fetchedThrough = Math.Max(_fetchedThrough, told.AsOf);
        if (told.Unsendable.Length != 0)
            _host.Tell(MirrorNote.DataLost, $"{told.Unsendable.Length} block(s) of region {told.Region} are bad on both copies");
        NoteScrubbed(told, transfer);
        WriteRegion(told, transfer);
    }

    // One write for each run of blocks, all of them one request ordered among the machine's own: it comes after what was written before and before what is
    // written later.
    private void WriteRegion(RegionTold told, Transfer transfer)
    {
        if (told.Blocks.Length == 0)
        {
            RegionWritten(transfer);
            return;
        }

        long first = _geometry.RegionOffset(told.Region) / DiskGeometry.BlockBytes;
        int length = 0, at = 0;
        foreach ((_, ReadOnlyMemory<byte> content) in told.Blocks) length += content.Length;
        byte[] data = GC.AllocateUninitializedArray<byte>(length);
        List<CopyWrite> runs = [];
        for (int i = 0; i < told.Blocks.Length;)
        {
            (int block, int from) = (told.Blocks[i].Block, at);
            do
            {
                told.Blocks[i].Content.CopyTo(data.AsMemory(at));
                at += told.Blocks[i].Content.Length;
                i++;
            }
            while (i < told.Blocks.Length && told.Blocks[i].Block == told.Blocks[i - 1].Block + 1);
            runs.Add(new CopyWrite((ulong)(first + block) * DiskGeometry.BlockBytes, data.AsMemory(from, at - from)));
        }

        Counts = Counts with { ResyncedBytes = Counts.ResyncedBytes + length };
        int copyLife = _copyLife;
        _host.SubmitWrites(NextBackgroundId(), runs, outcome =>
        {
            if (copyLife != _copyLife) return;
            if (outcome.Fault is { } fault) Fail(fault, outcome.Detail);
            else if (_transfers.GetValueOrDefault(transfer.Region) == transfer) RegionWritten(transfer);
        });
    }

    private void RegionWritten(Transfer transfer)
    {
        _transfers.Remove(transfer.Region);
        if (_plan is not { } plan) return;
        _window.Ended(_geometry.RegionLength(transfer.Region), _nowMs - transfer.SinceMs);
        if (plan.Applied(transfer.Region, _nowMs))
        {
            _unconfirmed.Add(transfer.Region);
            if (transfer.BadBlocks != 0)
            {
                Counts = Counts with { Repaired = Counts.Repaired + transfer.BadBlocks };
                _host.Tell(MirrorNote.Repaired, $"{transfer.BadBlocks} bad block(s) of region {transfer.Region} were replaced from the other server's copy");
            }
        }

        if (plan.IsComplete)
        {
            _syncedAtMs = long.MinValue / 2; // flush at one place soon
            foreach (Entry entry in Snapshot()) Settle(entry);
        }

        Pump();
    }

    // Every region is equal, both copies were stable at one place since, this replica has come to the place that the regions were read at, and this server is a member.
    private void ConsiderCurrent()
    {
        if (Use != CopyUse.Rebuilding || _plan is not { IsComplete: true } || !_isConfirmedWhole || _position < _fetchedThrough || _isMarkingCurrent) return;
        if (!_isEnrolled && _settings.Bug != MirrorBug.CurrentBeforeEnrolled) return;
        _isMarkingCurrent = true;
        int life = _life, copyLife = _copyLife;
        _host.MarkCurrent(isMarked =>
        {
            _isMarkingCurrent = false;
            if (life != _life) return; // made anew, and marked so
            bool isStill = copyLife == _copyLife && Use == CopyUse.Rebuilding && _plan is { IsComplete: true } && CanPeerServe;
            if (isMarked && (isStill || _settings.Bug == MirrorBug.CurrentWhateverCame && copyLife == _copyLife && CanPeerServe))
            {
                DropPlan();
                _lacking.Clear(); // it has what the other has
                _host.Tell(MirrorNote.ResyncEnded, "the copy is equal to the other server's and in service");
                Stand(CopyUse.Current, "");
                return;
            }

            // It failed, or met a bad block, or the peer went away meanwhile: the mark says more than is so, until it is made again (rule 2).
            if (isMarked && Use != CopyUse.Current)
            {
                _isStaleMarked = false;
                if (CanPeerServe && !_isMarkingStale) BeginMarkStale();
            }

            foreach (Entry entry in Snapshot()) Settle(entry);
        });
    }
}
