using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror.Live;
using ActorFT.Storage.Tests.Copies;

namespace ActorFT.Storage.Tests.Mirror;

internal sealed partial class LiveMirrorSimulation
{
    private sealed class Side : IMirrorHost
    {
        private readonly LiveMirrorSimulation _world;
        private readonly CrashClock _clock = new();
        private readonly CrashBlockFile _metadata;
        private readonly Dictionary<ulong, int> _open = [];
        private long _recordBusyUntilMs;

        internal Side(LiveMirrorSimulation world, int index)
        {
            (_world, Index) = (world, index);
            Image = new CrashBlockFile($"image-{index}", Geometry.CapacityBytes, _clock);
            _metadata = new CrashBlockFile($"metadata-{index}", 0, _clock);
            Mirror = NewMirror();
        }

        internal int Index { get; }
        internal CrashBlockFile Image { get; }
        internal DiskCopy? Copy { get; private set; }
        internal DiskMirror Mirror { get; private set; }
        internal bool IsOn { get; private set; }
        internal bool IsJoining { get; set; }
        internal bool IsStaleMark { get; private set; } // durable
        internal bool IsLatest { get; set; }            // what the arbiter's configuration says
        internal int Life { get; private set; }
        internal int CopyLife { get; private set; }
        internal int Executed { get; set; }
        internal int Open => _open.Count;
        internal IEnumerable<int> Pending => _open.Values.Order();
        internal bool IsBusy => _queue.Count != 0 || _flushing.Count != 0;
        internal bool IsCurrent => IsOn && Mirror.UseAlone == CopyUse.Current && !IsStaleMark;

        private DiskMirror NewMirror() => new(CrashRig.Name, Geometry, new MirrorSettings
        {
            SyncIntervalMs = 60, AskAgainMs = 40, StallBehindMs = 100, RegionsAtOnce = 2, ScrubBytesPerSecond = 0, KeptResults = 512, KeptBytes = _world._keptBytes, Bug = _world._bug,
        }, this);

        internal void Make(NewCopyRole role)
        {
            DiskCopy.Create(Image, _metadata, CrashRig.Name, Geometry, Guid.NewGuid(), role, CrashRig.Options).Dispose();
            IsStaleMark = role == NewCopyRole.Replacement;
            IsLatest = role == NewCopyRole.Current;
        }

        internal void PowerOn()
        {
            if (IsOn) return;
            _clock.Restart();
            (IsOn, IsJoining) = (true, false);
            Life++;
            Mirror = NewMirror();
            Mirror.Tick(_world._nowMs);
            OpenCopy();
            bool isCurrent = !IsStaleMark && Copy!.Describe().State == CopyState.Good;
            _world.Say($"side {Index}: power on, {(isCurrent ? "current" : "stale")}");
            Mirror.CopyOpened(isCurrent, "opened");
        }

        internal void PowerOff()
        {
            IsOn = false;
            _world.Say($"side {Index}: power off");
            _powerOns++;
            Life++;
            CopyLife++;
            _clock.PowerOff();
            Image.Crash(_world._random);
            _metadata.Crash(_world._random);
            TakeStock();
            Copy = null;
            _open.Clear();
            ForgetQueue();
            _flushing.Clear();
            (_isWorking, _isIsolated, _recordBusyUntilMs, _stalledUntilMs) = (false, false, 0, 0);
        }

        private void OpenCopy()
        {
            CopyLife++;
            TakeStock();
            _faults.Add(new FaultInjectingBlockFile(Image, isFaultInjectionEnabled: true));
            _faults.Add(new FaultInjectingBlockFile(_metadata, isFaultInjectionEnabled: true));
            (IsArmed, _isWorking, _flushBusyUntilMs) = (false, false, 0);
            Copy = DiskCopy.Open(_faults[0], _faults[1], CrashRig.Name, Geometry.CapacityBytes, CrashRig.Options);
        }

        /// <summary>The machine is gone here.</summary>
        internal void Forget()
        {
            Life++;
            Mirror.Reset();
            _open.Clear();
            (Executed, IsJoining) = (0, false);
        }

        internal void Prepare(Action prepared)
        {
            Forget();
            IsJoining = true;
            int life = Life;
            IMirrorHost host = this;
            IsStaleMark = true;
            host.Submit(new BlockRequested(0, ulong.MaxValue, BlockOperation.Flush, 0, 0, default), _ =>
            {
                if (Mirror.Use != CopyUse.Out) Mirror.CopyOpened(false, "joining");
                host.Record(copy => copy.SetStatus(CopyState.Rebuilding, "joining", copy.Describe().Version, false), _ =>
                {
                    Mirror.Joined();
                    if (life == Life) prepared();
                });
            });
        }

        internal void Execute() => Issue(Executed++);

        internal void Issue(int index)
        {
            BlockRequested request = _world._history[index].Request;
            _open[request.RequestId] = index;
            _world.Say($"side {Index}: {request.Operation} {request.RequestId} sectors {request.OffsetBytes / Sector}+{request.LengthBytes / Sector}");
            Mirror.Request(request);
        }

        private sealed record Operation(BlockRequested Request, Action<BlockOutcome> Ended, DiskCopy? Copy, IReadOnlyList<CopyWrite>? Writes = null);

        private readonly Dictionary<RequestOrder.Item, Operation> _queue = [];  // not begun: a worker does them one after the other, in its order
        private RequestOrder _order = new();
        private readonly List<Operation> _flushing = [];   // begun, waits for the device while later ones go on
        private bool _isWorking;
        private long _stalledUntilMs, _flushBusyUntilMs;
        private int _powerOns;  // rises with every loss of power: what was under way is gone

        private void AfterIfOn(long milliseconds, Action action)
        {
            int power = _powerOns;
            _world.After(milliseconds, () => { if (power == _powerOns && IsOn) action(); });
        }

        void IMirrorHost.Submit(BlockRequested request, Action<BlockOutcome> ended) => Take(new Operation(request, ended, Copy));

        void IMirrorHost.SubmitWrites(ulong requestId, IReadOnlyList<CopyWrite> writes, Action<BlockOutcome> ended) =>
            Take(new Operation(new BlockRequested(0, requestId, BlockOperation.Write, writes[0].OffsetBytes, writes[^1].OffsetBytes + (ulong)writes[^1].Data.Length - writes[0].OffsetBytes, default), ended, Copy, writes));

        private void Take(Operation operation)
        {
            if (Copy is null) AfterIfOn(0, () => Fail(operation, CopyFaultKind.Failed));
            else
            {
                RequestOrder.Item item = new(operation.Request);
                _order.Add(item);
                _queue[item] = operation;
                Work();
            }
        }

        private void ForgetQueue()
        {
            _queue.Clear();
            _order = new RequestOrder();
        }

        private static void Fail(Operation operation, CopyFaultKind kind, string detail = "the copy takes no requests", IReadOnlyList<long>? bad = null) =>
            operation.Ended(new BlockOutcome(new BlockCompleted(0, operation.Request.RequestId, BlockStatus.IoError, default), kind, detail, bad ?? [], null, 0));

        private void Work()
        {
            if (_isWorking || _queue.Count == 0) return;
            _isWorking = true;
            DiskCopy? copy = Copy;
            AfterIfOn(Math.Max(_world._random.Next(3), _stalledUntilMs - _world._nowMs), () =>
            {
                if (copy != Copy) return; // given up meanwhile
                _isWorking = false;
                RequestOrder.Item item = (_world._random.Next(2) == 0 ? _order.StartRead() ?? _order.StartMutation() : _order.StartMutation() ?? _order.StartRead())!;
                _queue.Remove(item, out Operation? next);
                _order.Finish(item);
                Operation operation = next!;
                Carry(operation, operation.Copy!);
                Work();
            });
        }

        private void Carry(Operation operation, DiskCopy copy)
        {
            BlockRequested request = operation.Request;
            byte[] data = [];
            try
            {
                switch (request.Operation)
                {
                    case BlockOperation.Read:
                        data = new byte[request.LengthBytes];
                        copy.Read((long)request.OffsetBytes, data);
                        break;
                    case BlockOperation.Write when operation.Writes is { } writes:
                        foreach (CopyWrite write in writes) copy.Write((long)write.OffsetBytes, write.Data.Span);
                        break;
                    case BlockOperation.Write: copy.Write((long)request.OffsetBytes, request.Data.Span); break;
                    case BlockOperation.WriteZeroes: copy.WriteZeroes((long)request.OffsetBytes, (long)request.LengthBytes); break;
                    default:
                        FinishFlush(operation, copy, copy.BeginFlush());
                        return;
                }
            }
            catch (BlockIoException e)
            {
                Fail(operation, e.Kind, e.Message, e is BlockCorruptException corrupt ? corrupt.Blocks : []);
                return;
            }

            operation.Ended(new BlockOutcome(new BlockCompleted(0, request.RequestId, BlockStatus.Ok, data), null, "", [], null, 0));
        }

        private void FinishFlush(Operation operation, DiskCopy copy, FlushTicket ticket)
        {
            _flushing.Add(operation);
            _flushBusyUntilMs = Math.Max(_flushBusyUntilMs, _world._nowMs) + _world._random.Next(3);
            AfterIfOn(_flushBusyUntilMs - _world._nowMs, () =>
            {
                if (!_flushing.Remove(operation)) return;
                try
                {
                    copy.CompleteFlush(ticket);
                }
                catch (BlockIoException e)
                {
                    Fail(operation, e.Kind, e.Message);
                    return;
                }

                operation.Ended(new BlockOutcome(new BlockCompleted(0, operation.Request.RequestId, BlockStatus.Ok, default), null, "", [], ticket, 0));
            });
        }

        // What was in memory is gone; the files are as they are, and the next opening recovers. Everything under way ends.
        private void GiveUp()
        {
            Operation[] left = [.. _flushing, .. _queue.Values.OrderBy(o => o.Request.RequestId)];
            _flushing.Clear();
            ForgetQueue();
            (_isWorking, _stalledUntilMs) = (false, 0);
            TakeStock();
            Copy = null;
            CopyLife++;
            foreach (Operation operation in left) AfterIfOn(0, () => Fail(operation, CopyFaultKind.Failed));
        }

        private bool _isIsolated;
        private readonly List<FaultInjectingBlockFile> _faults = [];

        internal bool IsArmed { get; private set; }

        internal void Inject(InjectedFault fault, bool isOfMetadata)
        {
            if (Copy is null) return;
            IsArmed = true;
            _faults[isOfMetadata && fault.Kind == InjectedFaultKind.IoError ? 1 : 0].Inject(fault);
            if (isOfMetadata && fault.Kind != InjectedFaultKind.IoError) _faults[1].Inject(fault);
        }

        internal void ClearFaults()
        {
            IsArmed = false;
            foreach (FaultInjectingBlockFile file in _faults) file.Clear();
        }

        internal void TakeStock()
        {
            foreach (FaultInjectingBlockFile file in _faults)
                foreach (InjectedFaultKind kind in Enum.GetValues<InjectedFaultKind>()) _world.Fired[(int)kind] += file.FiredCount(kind);
            _faults.Clear();
            IsArmed = false;
        }

        internal void Stall(int milliseconds)
        {
            if (Copy is not { } copy) return;
            _stalledUntilMs = _world._nowMs + milliseconds;
            AfterIfOn(50, () =>
            {
                // Where it is the only copy now, the machine waits for it: giving it up would be a second fault.
                if (copy != Copy || _queue.Count == 0 || !(_world._isPaired && _world._sides[1 - Index] is { IsOn: true, Mirror.Use: CopyUse.Current })) return;
                _world.Fired[(int)InjectedFaultKind.Stall]++;
                Mirror.CopyOut("a request has not ended");
                ((IMirrorHost)this).OnCopyFailed(CopyFaultKind.Stalled, "a request has not ended");
            });
        }

        // By command; refused where it is the only complete copy.
        internal void Isolate()
        {
            if (Copy is null || Mirror.PeerUse != CopyUse.Current) return;
            _isIsolated = true;
            _world.Say($"side {Index}: isolated");
            Mirror.CopyOut("isolated");
            GiveUp();
        }

        internal void Repair()
        {
            if (!_isIsolated) return;
            _isIsolated = false;
            if (IsOn) OpenAgain();
        }

        internal void Calm()
        {
            ClearFaults();
            _stalledUntilMs = 0;
            Repair();
        }

        private void OpenAgain()
        {
            if (Copy is not null || _isIsolated) return;
            OpenCopy();
            bool isCurrent = !IsStaleMark;
            if (!isCurrent) Copy!.SetStatus(CopyState.Rebuilding, "opened again", Copy.Describe().Version, false);
            _world.Say($"side {Index}: copy opened again, {(isCurrent ? "current" : "stale")}");
            Mirror.CopyOpened(isCurrent, "opened again");
        }

        void IMirrorHost.Check(int region, Action<BlockCheck[]?> ended)
        {
            DiskCopy? copy = Copy;
            int power = _powerOns;
            _world.After(_world._random.Next(3), () => { if (power == _powerOns && IsOn) ended(copy is null || copy != Copy ? null : copy.CheckRegion(region)); });
        }

        void IMirrorHost.Record(Action<DiskCopy> change, Action<bool> ended)
        {
            DiskCopy? copy = Copy;
            int power = _powerOns;
            _recordBusyUntilMs = Math.Max(_recordBusyUntilMs, _world._nowMs) + 1 + _world._random.Next(3);
            _world.After(_recordBusyUntilMs - _world._nowMs, () =>
            {
                if (power != _powerOns || !IsOn) return;
                bool isDone = false;
                try
                {
                    if (copy is not null && copy == Copy)
                    {
                        change(copy);
                        isDone = true;
                    }
                }
                catch (Exception e) when (e is BlockIoException or InvalidOperationException)
                {
                    // said by false
                }

                ended(isDone);
            });
        }

        void IMirrorHost.Send(ReadOnlySpan<byte> message, bool isRegion) => SendCopy(message.ToArray());

        private void SendCopy(byte[] message)
        {
            Side other = _world._sides[1 - Index];
            int power = other._powerOns;
            if (_world._isCut || !_world._isQuiet && _world._random.Next(50) == 0) return; // lost
            // Small messages go over both paths, large ones over one: order is not kept.
            _world.After(1 + _world._random.Next(8), () =>
            {
                if (power != other._powerOns || !other.IsOn) return;
                if (_world.Trace is not null) _world.Say($"side {other.Index} gets {Brief(MirrorCodec.Read(message).Message)}");
                other.Mirror.Received(message);
            });
        }

        private static string Brief(MirrorMessage message) => message switch
        {
            RegionTold m => $"RegionTold {m.Region} as of {m.AsOf}{(m.IsRefused ? " refused" : "")} blocks [{string.Join(',', m.Blocks.Select(b => b.Block))}]",
            RegionWanted m => $"RegionWanted {m.Region} not before {m.NotBefore}",
            Inventory m => $"Inventory {m.Use} base {m.Base} position {m.Position} dirty [{string.Join(',', m.DirtyRegions)}]",
            SyncWanted m => $"SyncWanted {m.Number} at {m.Position} clean [{string.Join(',', m.CleanRegions)}]",
            SyncTold m => $"SyncTold {m.Number} at {m.Position}{(m.IsPassed ? " passed" : "")} clean [{string.Join(',', m.CleanRegions)}]",
            _ => message.ToString(),
        };

        void IMirrorHost.Complete(BlockCompleted completion, BlockOperation operation)
        {
            if (!_open.Remove(completion.RequestId, out int index)) return;
            _world.Ended(this, index, completion);
        }

        void IMirrorHost.MarkStale(Action ended)
        {
            int power = _powerOns;
            _world.After(1 + _world._random.Next(5), () =>
            {
                if (power != _powerOns || !IsOn) return;
                IsStaleMark = true;
                ended();
            });
        }

        void IMirrorHost.MarkCurrent(Action<bool> ended) => ((IMirrorHost)this).Record(copy => copy.SetStatus(CopyState.Good, "", copy.Describe().Version, false), isDone =>
        {
            if (isDone) IsStaleMark = false;
            ended(isDone);
        });

        void IMirrorHost.OnCopyFailed(CopyFaultKind kind, string detail)
        {
            _world.Say($"side {Index}: copy failed, {detail}");
            GiveUp();
            AfterIfOn(20 + _world._random.Next(_world._random.Next(3) == 0 ? 400 : 60), OpenAgain);
        }

        bool IMirrorHost.OnBadBlocks(int count) => true;

        void IMirrorHost.OnForeign(string reason) => throw new MirrorRuleBrokenException($"a copy of this disk is not refused: {reason}");

        void IMirrorHost.OnChanged() { }

        void IMirrorHost.Tell(MirrorNote note, string sentence)
        {
            _world.Say($"side {Index}: {sentence}");
            if (note == MirrorNote.ServedByPeer) _world.FromPeer++;
        }
    }
}
