using ActorFT.Cluster.Arbiter;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine;
using ActorFT.Node.Tests.Support;
using Akka.Actor;
using Akka.TestKit;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

public sealed class VcpuActorTests : ActorSpec
{
    private readonly TemporaryFolder _folder = new();
    private int _machinesMade;
    private volatile bool _isArmed;

    protected override void AfterAll()
    {
        base.AfterAll();
        _folder.Dispose();
    }

    [Fact]
    public void Round_GoesThroughEveryVcpu_AndComesBackWithWhatTheyRetired()
    {
        using var machine = new Machine.Machine(TinyGuest.Define(TinyGuest.CountForEver(), 3));
        VcpuMeter[] meters = [new(), new(), new()];
        IActorRef next = TestActor;
        for (int i = 2; i >= 0; i--) next = Sys.ActorOf(VcpuActor.Props(i, next, meters[i]));
        machine.BeginRound(1, []);
        next.Tell(new MachineProtocol.RoundToken { Machine = machine });
        MachineProtocol.RoundToken round = ExpectMsg<MachineProtocol.RoundToken>(Bound);
        machine.EndRound();
        Assert.True(round.Retired >= 5_000, "vCPU 0 counts for a whole quantum");
        Assert.Equal(round.Retired, meters.Sum(meter => (long)meter.Retired));
        Assert.Equal(1UL, machine.RoundNumber);
    }

    [Fact]
    public async Task Vcpu_ThatThrows_IsolatesItsReplica_AndIsNeverRestarted()
    {
        MachineDefinition definition = TinyGuest.Define(TinyGuest.CountForEver(), 2);
        TestProbe faults = CreateTestProbe(), stopped = CreateTestProbe();
        IActorRef machine = StartMachine(definition, faults, failingVcpu: 1);
        AwaitCondition(() => Volatile.Read(ref _machinesMade) == 1, Bound);
        IActorRef vcpu = await Sys.ActorSelection(machine.Path / "vcpu-1").ResolveOne(Bound);
        stopped.Watch(vcpu);
        _isArmed = true;

        List<FaultProtocol.Report> reports = [];
        while (reports.Count(report => report.Kind is "component-failed" or "vcpu-failed") < 2) reports.Add(faults.ExpectMsg<FaultProtocol.Report>(Bound));
        FaultProtocol.Report failed = reports.Single(report => report.Kind == "component-failed");
        Assert.Equal(("vcpu-1", FaultSeverity.Critical), (failed.Component, failed.Severity));
        Assert.Contains("planted", failed.Message, StringComparison.Ordinal);
        stopped.ExpectTerminated(vcpu, Bound);

        // No name-sake, no second machine, and a status that does not pretend.
        await Assert.ThrowsAsync<ActorNotFoundException>(() => Sys.ActorSelection(machine.Path / "vcpu-1").ResolveOne(TimeSpan.FromSeconds(1)));
        MachineStatus status = await machine.Ask<MachineStatus>(MachineProtocol.GetStatus.Instance, Bound);
        Assert.NotEqual(ComponentState.Good, status.State);
        Assert.NotEqual("Leading", status.Role);
        Assert.Equal(1, Volatile.Read(ref _machinesMade));
    }

    private IActorRef StartMachine(MachineDefinition definition, TestProbe faults, int failingVcpu)
    {
        IActorRef arbiter = Sys.ActorOf(ArbiterActor.Props(new ArbiterStore(_folder.Root)));
        NodeConfig node = new() { FileName = "a.conf", Text = "", Pair = "p", Name = "a", PeerName = "b", Address = new("127.0.0.1", 1), DataDirectory = _folder.Root };
        CoordinatorOptions options = new()
        {
            Definition = definition,
            CreateMachine = made =>
            {
                Interlocked.Increment(ref _machinesMade);
                return new FailingMachine(new Machine.Machine(made), failingVcpu, () => _isArmed);
            },
            Identity = new ReplicaIdentity(new Member("a", 1), "b", definition.Name, MachineIdentity.Of(definition)),
            Settings = new LockstepSettings { FirstBootWaitNs = 0 },
            Link = new NoLink(),
            Channel = 0,
            Arbiter = arbiter,
            Faults = faults.Ref,
            DataDirectory = _folder.Root,
            Node = node,
        };
        MachineResources resources = new() { Images = [], Nics = [], TermPath = Path.Combine(_folder.Root, "tiny.term"), Term = 0, FailStop = _ => { } };
        return Sys.ActorOf(MachineActor.Props(resources, options), MachineActor.NamePrefix + definition.Name);
    }

    /// <summary>A server whose peer is not there.</summary>
    private sealed class NoLink : IPeerLink
    {
        public int PathCount => 1;
        public void Register(ushort channel, IActorRef coordinator) { }
        public bool TrySend(int path, bool isBulk, ushort channel, ReadOnlySpan<byte> payload) => false;
        public Task WaitForBulkRoomAsync(int path) => Task.CompletedTask;
    }
}
