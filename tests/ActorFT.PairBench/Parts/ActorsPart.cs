using ActorFT.Benchmarks.Guest;
using ActorFT.Cluster;
using ActorFT.Cluster.Machines;
using Akka.Actor;
using Akka.Configuration;
using static ActorFT.Benchmarks.Guest.Registers;

namespace ActorFT.PairBench.Parts;

/// <summary>
/// What it costs that vCPUs are actors: the same machine's rounds by a bare loop, and as messages on the machine's dispatcher, taking turns;
/// processor time of the whole process. One vCPU is the dearest case: two messages for one quantum.
/// </summary>
internal static class ActorsPart
{
    private const int RoundsPerTurn = 3000, Turns = 20;
    private const ulong RoundNs = 1_000_000;

    public static IEnumerable<Measurement> Measure(Action<string> say)
    {
        using GuestProgram program = new(a =>
        {
            int top = a.Here;
            for (int i = 0; i < 16; i++) a.Addi(T0, T0, i);
            a.Jal(0, top);
        });
        ActorSystem system = ActorSystem.Create("rounds", ConfigurationFactory.ParseString("akka { loglevel = OFF, stdout-loglevel = OFF, actor.provider = local }")
            .WithFallback(NodeRuntime.ReferenceConfig));
        using ManualResetEventSlim done = new();
        IActorRef coordinator = system.ActorOf(Props.Create(() => new Coordinator(program.Machine, done)).WithDispatcher("actorft.machine-dispatcher"));
        List<double> direct = [], actors = [], overhead = [];
        for (int turn = -3; turn < Turns; turn++) // the first ones are the runtime's own warming up
        {
            double bare = ProcessorUs(() => RunDirect(program.Machine)), messages = ProcessorUs(() =>
            {
                done.Reset();
                coordinator.Tell(MachineProtocol.Wake.Instance, ActorRefs.NoSender);
                done.Wait();
            });
            if (turn < 0) continue;
            direct.Add(bare / RoundsPerTurn);
            actors.Add(messages / RoundsPerTurn);
            overhead.Add(100 * (messages / bare - 1));
        }

        say($"rounds: {direct.Order().ElementAt(Turns / 2):F1} µs bare, {actors.Order().ElementAt(Turns / 2):F1} µs by actors");
        system.Terminate().Wait();
        return
        [
            new("a round of one vCPU (50,000 instructions), bare loop, processor time", "µs", direct),
            new("a round of one vCPU (50,000 instructions), by actors, processor time", "µs", actors),
            new("what actors add to a round", "%", overhead, 5),
        ];
    }

    private static double ProcessorUs(Action run)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        run();
        return (Environment.CpuUsage.TotalTime - before).TotalMicroseconds;
    }

    private static void RunDirect(Machine.Machine machine)
    {
        for (int i = 0; i < RoundsPerTurn; i++)
        {
            machine.BeginRound(machine.TimeNs + RoundNs, []);
            machine.RunQuantum(0);
            machine.EndRound();
        }
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
                    _left = RoundsPerTurn;
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
