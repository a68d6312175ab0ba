using ActorFT.Cluster.Host;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine;
using ActorFT.Network.Links;
using ActorFT.Network.Tap;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// Supervisor of one machine's replica on this server: coordinator, vCPUs, disks, NICs, console. Its children have state that a restart would
/// lose, so none is ever restarted: when one fails, the machine's state here cannot be trusted or
/// told, and this server stops at once, so that the other one sees it within milliseconds and goes on.
/// </summary>
public sealed class MachineActor : UntypedActor
{
    /// <summary>Names under the host begin with this.</summary>
    public const string NamePrefix = "machine-";

    private readonly MachineResources _resources;
    private readonly CoordinatorOptions _options;
    private readonly Dictionary<string, string> _failures = [];
    private IActorRef _coordinator = ActorRefs.Nobody;
    private MachineParts _parts = null!;
    private string _failure = "";

    /// <summary>Creates it over what the node opened for it.</summary>
    public MachineActor(MachineResources resources, CoordinatorOptions options) => (_resources, _options) = (resources, options);

    /// <summary>How to create one.</summary>
    public static Props Props(MachineResources resources, CoordinatorOptions options) => Akka.Actor.Props.Create(() => new MachineActor(resources, options));

    /// <summary>All parts of the machine are asked for their status by this; answered by a <see cref="MachineStatus"/>.</summary>
    private sealed record Collected(IActorRef AskedBy, MachineStatus Status) : MachineProtocol.ILocalMessage;

    /// <inheritdoc/>
    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(0, TimeSpan.Zero, error =>
    {
        _failures[Sender.Path.Name] = FailureSentence.Of(error);
        return Directive.Stop;
    });

    /// <inheritdoc/>
    protected override void PreStart()
    {
        MachineDefinition definition = _options.Definition;
        _parts = new MachineParts
        {
            Meters = [.. Enumerable.Range(0, definition.VcpuCount).Select(_ => new VcpuMeter())],
            NicPorts = [.. definition.Nics.Select((nic, i) => new NicPort(i, [.. nic.MacAddress], _resources.Nics[i], _resources.NicRouting[i], new NicLink(_options.Link, _options.Channel)))],
            ConsoleLog = _resources.ConsoleLog,
        };
        string thread = MachineDispatcher.Of(Context.System, definition.Name);
        _coordinator = Context.Watch(Context.ActorOf(LockstepCoordinatorActor.Props(_options, _parts).WithDispatcher(thread), LockstepCoordinatorActor.Name));
        IActorRef next = _coordinator;
        for (int i = definition.VcpuCount - 1; i >= 0; i--)
            next = Context.Watch(Context.ActorOf(VcpuActor.Props(i, next, _parts.Meters[i]).WithDispatcher(thread), VcpuName(i)));
        _parts.FirstVcpu = next;
        _parts.Disks = [.. definition.Disks.Select((disk, i) => Context.Watch(Context.ActorOf(DiskActor.Props(_resources.Disks[i] with { Faults = _options.Faults }, _coordinator,
            new DiskLink(_options.Link, _options.Channel, _options.Identity.Self.Incarnation)).WithDispatcher(MachineDispatcher.OfDisk(Context.System, definition.Name, disk.Name)),
            DiskActor.NamePrefix + disk.Name)))];
        _options.Link.RegisterParcels(_options.Channel, OnParcel(_parts.Disks));
        _parts.Nics = [.. definition.Nics.Select((nic, i) => Context.Watch(Context.ActorOf(
            NicActor.Props(NicOptions(nic.Name, i), _coordinator), NicActor.NamePrefix + nic.Name)))];
        _options.Link.RegisterControl(_options.Channel, OnPeerNic(_parts.NicPorts));
        _parts.Console = Context.ActorOf(ConsoleActor.Props(definition.Name, _coordinator, _parts.ConsoleLog, _options.Faults), ConsoleActor.Name);
        _parts.TermKeeper = Context.Watch(Context.ActorOf(TermKeeperActor.Props(_resources.TermPath, _resources.Term), TermKeeperActor.Name));
        _coordinator.Tell(new LockstepCoordinatorActor.Begin(_resources.Term, [.. _resources.Disks.Select(disk => disk.Use)]), Self);
    }

    private NicActorOptions NicOptions(string name, int index) => new()
    {
        Name = name,
        Index = index,
        Machine = _options.Identity.Machine,
        Server = _options.Identity.Self.Server,
        PeerServer = _options.Identity.PeerServer,
        Port = _parts.NicPorts[index],
        Reopen = () => _resources.OpenNic(index),
        Faults = _options.Faults,
        Beat = TimeSpan.FromTicks((long)_resources.NicRouting[index].BeatNs / 100),
    };

    // On a link thread: the port has a lock of its own.
    private static Action<ReadOnlyMemory<byte>> OnPeerNic(IReadOnlyList<NicPort> ports) => message =>
    {
        if (NicWire.TryReadHeader(message.Span, out _, out int index, out _) && index < ports.Count) ports[index].OnPeerMessage(message);
    };

    // On a link thread. A disk bounds what it asks for by itself, so its parcels take no credit from others': those of a disk that has ended least of all.
    private static Action<LinkFrame, byte, ReadOnlyMemory<byte>> OnParcel(IReadOnlyList<IActorRef> disks) => (frame, kind, content) =>
    {
        if (kind != MirrorParcels.Kind || content.Length < MirrorParcels.HeaderBytes || content.Span[0] >= disks.Count)
        {
            frame.Dispose();
            return;
        }

        frame.ReturnCredit();
        disks[content.Span[0]].Tell(new DiskProtocol.MirrorFrame(frame, content), ActorRefs.NoSender);
    };

    private sealed class NicLink(IPeerLink link, ushort channel) : INicPeerLink
    {
        public bool TrySend(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath) => link.TrySendControl(channel, head, body, onEveryPath);
    }

    private const string VcpuPrefix = "vcpu-";

    private static string VcpuName(int index) => $"{VcpuPrefix}{index}";

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case MachineProtocol.GetStatus: CollectStatus(Sender); break;
            case Collected collected: collected.AskedBy.Tell(collected.Status); break;
            case CommandProtocol.Command command: OnCommand(command); break;
            case MachineProtocol.PeerUnreachable: _coordinator.Forward(message); break;
            case ConsoleActor.Watch or ConsoleActor.Unwatch or ConsoleActor.Typed: _parts.Console.Forward(message); break;
            case LeaveCompleted: Context.Parent.Tell(message); break;
            case MachineProtocol.StandingChanged: Context.Parent.Tell(new HostActor.StatusChanged()); break;
            case Terminated terminated: OnStopped(terminated.ActorRef.Path.Name); break;
            default: Unhandled(message); break;
        }
    }

    // CommandRules has seen it: the verb is one that this kind of component knows.
    private void OnCommand(CommandProtocol.Command command)
    {
        (CommandSubject subject, string name) = CommandRules.Parse(command.Component)!.Value;
        MachineDefinition definition = _options.Definition;
        switch (subject)
        {
            case CommandSubject.Disk: ForwardTo(_parts.Disks, [.. definition.Disks.Select(disk => disk.Name)], "disk", name, command); break;
            case CommandSubject.Nic: ForwardTo(_parts.Nics, [.. definition.Nics.Select(nic => nic.Name)], "NIC", name, command); break;
            case CommandSubject.Vcpu: Sender.Tell(OnVcpuCommand(command, name)); break;
            default: _coordinator.Forward(command); break;
        }
    }

    private void ForwardTo(IReadOnlyList<IActorRef> actors, string[] names, string kind, string name, CommandProtocol.Command command)
    {
        int index = Array.IndexOf(names, name);
        if (index >= 0) actors[index].Forward(command);
        else Sender.Tell(new CommandProtocol.Outcome(false, $"Machine {_options.Identity.Machine} has no {kind} \"{name}\"; {(names.Length == 0 ? $"it has no {kind}" : "it has " + string.Join(", ", names))}."));
    }

    // Injection and its end; on this thread, because a stalled vCPU's own is taken.
    private CommandProtocol.Outcome OnVcpuCommand(CommandProtocol.Command command, string number)
    {
        string server = _options.Identity.Self.Server;
        if (!int.TryParse(number, System.Globalization.CultureInfo.InvariantCulture, out int index) || index < 0 || index >= _parts.Meters.Count)
            return new(false, $"Machine {_options.Identity.Machine} has no vCPU {number}; it has 0 to {_parts.Meters.Count - 1}.");
        VcpuMeter meter = _parts.Meters[index];
        if (command.Verb == CommandProtocol.Verbs.Clear)
        {
            if (meter.InjectedFault is not { } injected) return new(false, $"No fault is injected into vCPU {index} on {server}.");
            meter.InjectedFault = null;
            injected.End();
            return new(true, $"vCPU {index} on {server} goes on.");
        }

        if (command.Arguments is not (["kind=stall"] or ["kind=fail"])) return new(false, "A vCPU's fault is kind=stall or kind=fail (--set kind=stall).");
        bool isStall = command.Arguments[0] == "kind=stall";
        meter.InjectedFault = new InjectedVcpuFault(isStall);
        return new(true, $"vCPU {index} on {server} {(isStall ? "stalls" : "fails")} at its next quantum.");
    }

    private void OnStopped(string child)
    {
        _failures.TryGetValue(child, out string? reason);
        reason ??= "it stopped";
        // Fail stop: a round that a vCPU broke off never ends, without coordinator or term keeper the replica cannot be one, and without a disk's or a
        // NIC's actor nobody would answer the machine here, nor have the other server do it.
        for (int i = 0; i < _parts.Meters.Count; i++)
            if (child == VcpuName(i)) _coordinator.Tell(new MachineProtocol.VcpuFailed(i, reason), Self);
        _failure = $"{child} failed: {reason}";
        _options.Faults.Tell(new FaultProtocol.Report("component-failed", FaultSeverity.Critical, _options.Identity.Machine, child,
            $"{child} of machine {_options.Identity.Machine} on {_options.Identity.Self.Server} was stopped: {reason}.", "this server stops, the other one goes on"), Self);
        _resources.FailStop(_failure);
    }

    // Asks the parts and answers when all have, within a second.
    private void CollectStatus(IActorRef askedBy)
    {
        TimeSpan limit = TimeSpan.FromSeconds(1);
        Task<MachineStatus> replica = _coordinator.Ask<MachineStatus>(MachineProtocol.GetStatus.Instance, limit);
        Task<DiskStatus>[] disks = [.. _parts.Disks.Select(disk => disk.Ask<DiskStatus>(MachineProtocol.GetStatus.Instance, limit))];
        Task<NicStatus>[] nics = [.. _parts.Nics.Select(nic => nic.Ask<NicStatus>(MachineProtocol.GetStatus.Instance, limit))];
        Collect(replica, disks, nics).PipeTo(Self, success: status => new Collected(askedBy, status), failure: error => new Collected(askedBy, Unknown(error)));
    }

    private static async Task<MachineStatus> Collect(Task<MachineStatus> replica, Task<DiskStatus>[] disks, Task<NicStatus>[] nics) =>
        (await replica.ConfigureAwait(false)).WithParts(await Task.WhenAll(disks).ConfigureAwait(false), await Task.WhenAll(nics).ConfigureAwait(false));

    private MachineStatus Unknown(Exception error) => new()
    {
        Name = _options.Identity.Machine,
        State = ComponentState.Failed,
        Reason = _failure.Length != 0 ? _failure : $"a part of the replica does not answer ({error.GetType().Name})",
    };
}

/// <summary>What the node opened for a machine before any actor was made: so that an operator's mistake is told before anything starts.</summary>
public sealed record MachineResources
{
    /// <summary>Disk copies, in the definition's order.</summary>
    public required IReadOnlyList<DiskActorOptions> Disks { get; init; }
    /// <summary>NIC back ends, in the definition's order.</summary>
    public required IReadOnlyList<INicBackEnd> Nics { get; init; }
    /// <summary>Times of the NICs' routing, in the definition's order.</summary>
    public required IReadOnlyList<NicRoutingSettings> NicRouting { get; init; }
    /// <summary>Opens a NIC's back end anew, by number.</summary>
    public required Func<int, INicBackEnd> OpenNic { get; init; }
    /// <summary>The console's data path.</summary>
    public required ConsoleLog ConsoleLog { get; init; }
    /// <summary>The file that keeps the term.</summary>
    public required string TermPath { get; init; }
    /// <summary>The term found in it.</summary>
    public required ulong Term { get; init; }
    /// <summary>Ends the process at once, after saying why: for faults after which this server must not go on.</summary>
    public required Action<string> FailStop { get; init; }
}
