using ActorFT.Machine;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// Owns one vCPU: runs its quantum when the round comes to it and passes the round on. Shares its dispatcher's only thread with its
/// siblings and the coordinator, so that passing a round on costs no thread hand-over.
/// An exception here is a broken invariant of the machine: the supervisor stops the replica, never restarts the actor.
/// </summary>
public sealed class VcpuActor : UntypedActor
{
    private readonly int _index;
    private readonly IActorRef _next;
    private readonly VcpuMeter _meter;

    /// <summary>Creates it.</summary>
    /// <param name="index">The vCPU.</param>
    /// <param name="next">Who gets the round next: the following vCPU, or the coordinator.</param>
    /// <param name="meter">Where it notes what its last quantum did.</param>
    public VcpuActor(int index, IActorRef next, VcpuMeter meter) => (_index, _next, _meter) = (index, next, meter);

    /// <summary>How to create one.</summary>
    public static Props Props(int index, IActorRef next, VcpuMeter meter) =>
        Akka.Actor.Props.Create(() => new VcpuActor(index, next, meter)).WithDispatcher(MachineDispatcher.Id);

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        if (message is not MachineProtocol.RoundToken round)
        {
            Unhandled(message);
            return;
        }

        // The coordinator was stopped while the round was under way: actors of one parent stop one after the other.
        if (round.Machine is not { } machine) return;
        if (_meter.InjectedFault is { } fault) fault.Strike(_index);
        QuantumResult result = machine.RunQuantum(_index);
        round.Retired += result.Retired;
        _meter.Retired += (ulong)result.Retired;
        _meter.LastEnd = result.End;
        _next.Tell(round, Self);
    }
}

/// <summary>What a vCPU did lately, for status. Written and read on the machine's thread.</summary>
public sealed class VcpuMeter
{
    /// <summary>Instructions retired by this replica.</summary>
    public ulong Retired { get; set; }

    /// <summary>What ended the last quantum.</summary>
    public QuantumEnd LastEnd { get; set; }

    /// <summary>A fault to strike its next quantum (drills); null for none. Set on any thread.</summary>
    public InjectedVcpuFault? InjectedFault { get => Volatile.Read(ref _injectedFault); set => Volatile.Write(ref _injectedFault, value); }

    private InjectedVcpuFault? _injectedFault;
}

/// <summary>A vCPU's fault, injected for a drill: it throws, or it does not come back from its quantum until it is taken away.</summary>
public sealed class InjectedVcpuFault(bool isStall)
{
    private readonly ManualResetEventSlim _isOver = new();

    /// <summary>Called by the vCPU in the place of its quantum.</summary>
    public void Strike(int index)
    {
        if (!isStall) throw new InvalidOperationException($"vCPU {index} was made to fail for a drill");
        _isOver.Wait();
    }

    /// <summary>A stalled vCPU goes on.</summary>
    public void End() => _isOver.Set();
}
