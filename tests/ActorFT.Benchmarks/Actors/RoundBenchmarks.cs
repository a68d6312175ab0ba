using ActorFT.Benchmarks.Guest;
using ActorFT.Cluster;
using ActorFT.Cluster.Machines;
using Akka.Actor;
using Akka.Configuration;
using BenchmarkDotNet.Attributes;
using static ActorFT.Benchmarks.Guest.Registers;

namespace ActorFT.Benchmarks.Actors;

/// <summary>
/// What it costs that vCPUs are actors: the same rounds of one machine by direct calls, and as messages on the machine's dispatcher, each
/// round as the coordinator passes it: to the vCPU, back, and to itself for the next one. One vCPU is the dearest case: two messages to
/// itself and the vCPU for one quantum.
/// </summary>
public class RoundBenchmarks
{
    private const int Rounds = GuestProgram.RoundsPerRun;
    private const ulong RoundNs = 1_000_000;

    private GuestProgram? _program;
    private ActorSystem? _system;
    private IActorRef _coordinator = ActorRefs.Nobody;
    private readonly ManualResetEventSlim _done = new();

    [GlobalSetup]
    public void SetUp()
    {
        _program = new GuestProgram(a =>
        {
            int top = a.Here;
            for (int i = 0; i < 16; i++) a.Addi(T0, T0, i);
            a.Jal(0, top);
        });
        _system = ActorSystem.Create("rounds", ConfigurationFactory.ParseString("akka { loglevel = OFF, stdout-loglevel = OFF, actor.provider = local }")
            .WithFallback(NodeRuntime.ReferenceConfig));
        _coordinator = _system.ActorOf(Props.Create(() => new Coordinator(_program.Machine, _done)).WithDispatcher("actorft.machine-dispatcher"));
    }

    [GlobalCleanup]
    public void Stop()
    {
        _system?.Terminate().Wait();
        _program?.Dispose();
    }

    /// <summary>One round of one vCPU by direct calls.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public void RoundDirect()
    {
        Machine.Machine machine = _program!.Machine;
        for (int i = 0; i < Rounds; i++)
        {
            machine.BeginRound(machine.TimeNs + RoundNs, []);
            machine.RunQuantum(0);
            machine.EndRound();
        }
    }

    /// <summary>The same round by actors.</summary>
    [Benchmark(OperationsPerInvoke = Rounds)]
    public void RoundByActors()
    {
        _done.Reset();
        _coordinator.Tell(MachineProtocol.Wake.Instance, ActorRefs.NoSender);
        _done.Wait();
    }

    // The coordinator's part in a round, without protocol, links and devices.
    private sealed class Coordinator : UntypedActor
    {
        private readonly Machine.Machine _machine;
        private readonly ManualResetEventSlim _done;
        private readonly MachineProtocol.RoundToken _token;
        private readonly IActorRef _vcpu;
        private int _left;

        public Coordinator(Machine.Machine machine, ManualResetEventSlim done)
        {
            (_machine, _done) = (machine, done);
            _token = new MachineProtocol.RoundToken { Machine = machine };
            _vcpu = Context.ActorOf(VcpuActor.Props(0, Self, new VcpuMeter()));
        }

        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case MachineProtocol.Wake:
                    _left = Rounds;
                    Begin();
                    break;
                case MachineProtocol.NextRound: Begin(); break;
                case MachineProtocol.RoundToken:
                    _machine.EndRound();
                    if (--_left == 0) _done.Set();
                    else Self.Tell(MachineProtocol.NextRound.Instance, ActorRefs.NoSender);
                    break;
            }
        }

        private void Begin()
        {
            _machine.BeginRound(_machine.TimeNs + RoundNs, []);
            _vcpu.Tell(_token, Self);
        }
    }
}
