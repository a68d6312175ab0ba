using System.Collections.Immutable;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

// What the protocol says is done here, to the letter.
public sealed partial class LockstepCoordinatorActor
{
    private readonly RecordCopies _copies = new();
    private StateWriter _encoded = new();
    private readonly Dictionary<(int Disk, ulong Request), int> _issued = []; // requests given to this server's disks, not consumed yet; a write's bytes, else -1

    private void Do(Effect effect)
    {
        switch (effect)
        {
            case SendLink send: Send(send); break;
            case AskArbiter ask: Ask(ask.Request); break;
            case PersistTerm persist: PersistDiskTerm(persist.Term); break;
            case BootMachine: Boot(); break;
            case Lead lead: BeginLeading(lead); break;
            case Follow follow: BeginFollowing(follow); break;
            case Fence fence: StopAtOnce(fence.Reason); break;
            case SetPace pace: ChangePace(pace.Percent); break;
            case TakeDigest: _events.Enqueue(new DigestComputed(Now, _machine!.RoundNumber, _machine.ComputeDigest(), ComponentDigests())); break;
            case Perform perform: Perform(perform.Outputs, perform.ReturnIfLate); break;
            case ExecuteRecord execute: (_executing, _executingRound) = (execute.Record, 0); QueueRound(); break;
            case CompleteFlush complete: CompleteFlush(complete.Flush); break;
            case CheckSelf: CheckOwnState(); break;
            case AcceptMemory: AcceptOwnMemory(); break;
            case PrepareForState prepare: MakeBlank(prepare.Stream); break;
            case LoadBatch load: LoadPages(load.Batch); break;
            case LoadState load: FinishLoading(load); break;
            case StreamState stream: BeginPass(stream); break;
            case StreamFinalState stream: BeginFinalPass(stream); break;
            case StopStreaming: EndStream(); break;
            case RefusePeer: break; // told as a fault too
            case RaiseFault raise: Report(raise.Fault); break;
            case LeaveCompleted: Context.Parent.Tell(effect); break;
            case DeliverParcel deliver: OnParcel(deliver.Parcel); break;
        }
    }

    /// <summary>How long a leader that the network does not reach lets the other server claim first: longer than both need to notice.</summary>
    private static readonly TimeSpan s_claimYield = TimeSpan.FromMilliseconds(500);

    // Cut off from its peer and without a NIC, a leader that won would lead a machine that nobody reaches. To the protocol this is
    // a slow way to the arbiter: who claims first still wins, and a claim that came too late is refused.
    private void Ask(ArbiterRequest request)
    {
        if (_options.IsEnding()) return; // a claim that were granted would leave the machine to nobody
        ArbiterProtocol.Ask ask = new(request);
        bool goesAlone = request is ArbiterClaim { Wanted: { Follower: null } wanted } && wanted.Leader == _options.Identity.Self;
        if (goesAlone && _mode == Mode.Leading && _parts.NicPorts.Any(port => port.IsPeerBetter))
            Context.System.Scheduler.ScheduleTellOnce(s_claimYield, _options.Arbiter, ask, Self);
        else _options.Arbiter.Tell(ask, Self);
    }

    private void Send(SendLink send)
    {
        _encoded.Clear();
        LinkCodec.Encode(_encoded, send.Envelope);
        if (send.Channel == LinkChannel.Bulk)
        {
            // The end of a pass is said once, behind its batches: like them it waits for room.
            if (!TrySendBulk(send.Path!.Value)) _outgoingEnds.Enqueue((send.Path.Value, _encoded.WrittenMemory.ToArray()));
        }
        else if (send.Path is { } only)
        {
            SendLog(only);
        }
        else if (send.Envelope.Message is RecordSent record)
        {
            SendRecord(record);
        }
        else
        {
            // Acknowledgements and ended flushes, thousands a second, leave at once on the best path. Their copies follow within a tick, many in one go: a path
            // that breaks costs at most that, and the other one's packets and wake-ups are a fraction.
            int best = send.Envelope.Message is FollowerProgress or FlushesStored ? _options.Link.BestPath : -1;
            for (int path = 0; path < _options.Link.PathCount; path++) SendLog(path, mayTrail: best >= 0 && path != best);
        }
    }

    // On the best path at once; on the others when the follower does not say soon that it has it.
    private void SendRecord(RecordSent record)
    {
        int best = _options.Link.BestPath;
        if (!SendLog(best))
        {
            for (int path = 0; path < _options.Link.PathCount; path++) if (path != best) SendLog(path);
        }
        else if (_options.Link.PathCount > 1)
        {
            _copies.Keep(record, best, _encoded, Now);
            _encoded = _copies.Rent();
        }
    }

    private void SendCopies(bool isAll)
    {
        while (_copies.TryTakeOverdue(Now, isAll, out int taken, out StateWriter bytes))
        {
            for (int path = 0; path < _options.Link.PathCount; path++) if (path != taken) SendLog(path, bytes, mayTrail: true);
            _copies.Return(bytes);
        }
    }

    // What a path does not take is lost with it: the protocol repeats what matters.
    private bool SendLog(int path, bool mayTrail = false) => SendLog(path, _encoded, mayTrail);

    private bool SendLog(int path, StateWriter bytes, bool mayTrail)
    {
        if (!_options.Link.TrySend(path, isBulk: false, _options.Channel, bytes.Written, mayTrail)) return false;
        _logBytes += bytes.Written.Length;
        return true;
    }

    private void Boot()
    {
        DiscardMachine();
        ulong wallClockNs = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
        _machine = _options.CreateMachine(_options.Definition with { StartWallClockNs = wallClockNs });
    }

    private void BeginLeading(Lead lead)
    {
        bool wasFollowing = _mode == Mode.Following;
        _mode = Mode.Leading;
        if (lead.Configuration.Follower is null) TellPeerGone(); // the other may be rebuilt by the next effect
        TellDisks(new DiskProtocol.Leads(true));
        _executing = null;
        _resumeAtNs = 0;
        if (wasFollowing)
        {
            _failovers++;
            OweInputs();
        }

        OpenDevices(NicRole.Leading, lead.Configuration.Term);
        // A hand-over has the former leader as its follower; whoever leads alone after following took over from one that is lost.
        if (wasFollowing && lead.Configuration.Follower is null)
            ReportEvent("taken-over", FaultSeverity.Warning, $"{_options.Identity.Self.Server} took machine {_options.Identity.Machine} over from {_options.Identity.PeerServer}, which died, hangs or is cut off.");
        ReportEvent("leading", FaultSeverity.Info, $"{_options.Identity.Self.Server} leads machine {_options.Identity.Machine} ({lead.Configuration}).");
        QueueRound();
    }

    // What the machine waits for and the former leader would have fed: completions of this server's own disks that are already here
    // (others come as they end), and entropy.
    private void OweInputs()
    {
        foreach (MachineOutput request in _machine!.PendingRequests)
        {
            switch (request)
            {
                case EntropyRequested entropy: SupplyEntropy(entropy); break;
                case BlockRequested { Operation: not BlockOperation.Flush } block when _completions.Remove((block.DiskIndex, block.RequestId), out BlockCompleted? done):
                    _issued.Remove((block.DiskIndex, block.RequestId));
                    _inputs.Enqueue(done);
                    break;
            }
        }
    }

    private void BeginFollowing(Follow follow)
    {
        _mode = Mode.Following;
        TellDisks(new DiskProtocol.Leads(false));
        _executing = null;
        _writesBehind.ForgetFlushes();
        _flushesBegan.Clear();
        OpenDevices(NicRole.Following, follow.Configuration.Term);
        PassOnInputs();
    }

    // Handed over with inputs that waited for a round: the new leader sequences them. For completions this server's own answers are wanted then.
    private void PassOnInputs()
    {
        foreach (MachineInput input in _inputs)
        {
            if (input is BlockCompleted own)
            {
                _issued[(own.DiskIndex, own.RequestId)] = NoWrite;
                _completions[(own.DiskIndex, own.RequestId)] = own;
            }
            else PassOn(input);
        }

        _inputs.Clear();
    }

    private void PassOn(MachineInput input)
    {
        if (input is FrameReceived frame) _parts.NicPorts[frame.NicIndex].PassOn(frame.Frame);
    }

    private void StopAtOnce(string reason)
    {
        OpenDevices(NicRole.None, 0);
        _mode = Mode.None;
        ReportEvent("fenced", FaultSeverity.Warning, $"{_options.Identity.Self.Server} stopped its replica of machine {_options.Identity.Machine}: {reason}.");
        DiscardMachine();
    }

    private void DiscardMachine()
    {
        EndStream();
        TellDisks(new DiskProtocol.Reset());
        _isPeerTold = false;
        _machine?.Dispose();
        _machine = null;
        _executing = null;
        _inputs.Clear();
        _completions.Clear();
        _issued.Clear();
        _flushesBegan.Clear();
        _writesBehind.Clear();
        _heldSince.Clear();
    }

    private void OpenDevices(NicRole role, ulong term)
    {
        foreach (NicPort port in _parts.NicPorts) port.SetRole(role, term);
        _parts.Console.Tell(new MachineProtocol.SetOpen(role == NicRole.Leading), Self);
    }

    private void ChangePace(int percent)
    {
        _pace = percent;
        _resumeAtNs = 0;
        if (percent == 0) _events.Enqueue(new RoundsPaused(Now));
        else QueueRound();
    }

    private readonly List<MachineOutput> _returned = [];

    // A pause of this process may lie between the event that let an output leave and this line.
    private bool IsLate => _returned.Count != 0 || Now - _steppedAtNs >= _options.Settings.PauseNs;

    private OutputsReturned? TakeReturned()
    {
        if (_returned.Count == 0) return null;
        OutputsReturned returned = new(Now, [.. _returned]);
        _returned.Clear();
        return returned;
    }

    private void PutOut(MachineOutput output)
    {
        if (output is FrameTransmitted frame) _parts.NicPorts[frame.NicIndex].Send(frame.Frame.Span);
        else if (output is ConsoleWritten written) _parts.ConsoleLog.Append(written.Bytes);
        NoteReleased(output);
    }

    private void Perform(IReadOnlyList<MachineOutput> outputs, bool returnIfLate)
    {
        if (_options.IsEnding()) return; // the other server says it
        foreach (MachineOutput output in outputs)
        {
            switch (output)
            {
                case FrameTransmitted or ConsoleWritten when returnIfLate && IsLate: _returned.Add(output); break;
                case FrameTransmitted or ConsoleWritten: PutOut(output); break;
                case BlockRequested request:
                    _issued[(request.DiskIndex, request.RequestId)] = request.Operation == BlockOperation.Write ? request.Data.Length : NoWrite;
                    _parts.Disks[request.DiskIndex].Tell(new MachineProtocol.DiskRequest(request), Self);
                    break;
                case EntropyRequested request: SupplyEntropy(request); break;
                case PowerChanged power:
                    ReportEvent("power", FaultSeverity.Info, $"The guest of machine {_options.Identity.Machine} {Describe(power.Event)}.");
                    break;
            }
        }

        QueueRound();
    }

    private static string Describe(PowerEvent what) => what switch
    {
        PowerEvent.Reboot => "rebooted",
        PowerEvent.Shutdown => "shut down",
        _ => "shut down and reported a failure",
    };

    private void CheckOwnState()
    {
        if (_machine is not { } machine) return;
        machine.ComputeDigest();
        List<int> pages = machine.Memory.FindCorruptedPages(0, machine.Memory.PageCount, ComponentDigest.MaxCorruptedPages);
        _events.Enqueue(new SelfChecked(Now, pages.Count == 0, [.. ComponentDigests(), .. DigestsOf(machine.Memory, pages)]));
    }

    private static IEnumerable<ComponentDigest> DigestsOf(GuestMemory memory, IEnumerable<int> pages) =>
        pages.Select(page => ComponentDigest.OfCorruptedPage(page, GuestMemory.PageDigest(page, memory.Page(page))));

    private ImmutableArray<ComponentDigest> ComponentDigests() =>
        [.. _machine!.ComputeComponentDigests().Select(part => new ComponentDigest(part.Key, part.Value))];

    // Writing a page what it holds makes its kept hash that of what is there.
    private void AcceptOwnMemory()
    {
        if (_machine is null) return;
        _machine.ComputeDigest();
        foreach (int page in _machine.Memory.FindCorruptedPages(0, _machine.Memory.PageCount, int.MaxValue))
            _machine.Memory.WritePage(page, _machine.Memory.Page(page).ToArray());
    }

    private void OnVcpuFailed(MachineProtocol.VcpuFailed failed)
    {
        // The round never comes back: the machine is not touched again, and MachineActor ends this server.
        _isInRound = false;
        _machine = null;
        OpenDevices(NicRole.None, 0);
        Report("vcpu-failed", FaultSeverity.Error, $"vcpu-{failed.Index}", $"vCPU {failed.Index} of machine {_options.Identity.Machine} on {_options.Identity.Self.Server} failed: {failed.Reason}");
        _mode = Mode.None;
    }
}
