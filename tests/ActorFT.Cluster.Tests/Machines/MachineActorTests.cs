using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Machine;
using ActorFT.Network.Tap;
using Akka.Actor;
using Akka.TestKit;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>A machine's actors hold what a restart would lose: when one fails, this server ends and the other goes on.</summary>
public sealed class MachineActorTests : ActorSpec
{
    [Fact]
    public async Task FailureOfANicsActor_EndsThisServer_AndIsToldWithItsPlace()
    {
        TaskCompletionSource<string> ended = new();
        TestProbe faults = CreateTestProbe();
        NicDefinition nic = new("lan", [2, 0, 0, 0, 0, 1]);
        CoordinatorOptions options = CoordinatorStartTests.Options(this) with
        {
            Definition = new MachineDefinition { Name = "m", VcpuCount = 1, MemoryBytes = 64 << 20, Kernel = default, Nics = [nic] }, Faults = faults.Ref,
        };
        MachineResources resources = new()
        {
            Disks = [], Nics = [new BrokenNic()], NicRouting = [new NicRoutingSettings()], OpenNic = _ => throw new EnvironmentException("none"),
            ConsoleLog = new ConsoleLog(null), TermPath = "none", Term = 0, FailStop = sentence => ended.TrySetResult(sentence),
        };
        Sys.ActorOf(MachineActor.Props(resources, options)).Tell(MachineProtocol.GetStatus.Instance, TestActor);
        string said = await ended.Task.WaitAsync(Bound); // else this server goes on without its NIC's actor
        Assert.Contains("nic-lan failed: InvalidOperationException: broken", said, StringComparison.Ordinal);
        Assert.Equal("component-failed", faults.FishForMessage<FaultProtocol.Report>(report => report.Component == "nic-lan", Bound).Kind);
    }

    private sealed class FailingActor : ReceiveActor
    {
        public FailingActor() => Receive<string>(text => throw new InvalidOperationException(text));
    }

    [Fact]
    public async Task FailureOfAMachinesActor_OrOfTheHosts_EndsThisServer()
    {
        NodeConfig config = new() { FileName = "none", Text = "", Pair = "pair", Name = "a", IsArbiter = true, Address = new NodeAddress("127.0.0.1", 1), DataDirectory = "/none" };
        foreach ((object message, string said) in ((object, string)[])[
            (new HostActor.ForMachine("m", "broken"), "machine-m failed: InvalidOperationException: broken"), (new HostActor.ForMachine(null!, ""), "host failed: ArgumentNullException")])
        {
            TaskCompletionSource<string> ended = new();
            Sys.ActorOf(HostActor.Props(config, null, [("m", Props.Create(() => new FailingActor()))], null, sentence => ended.TrySetResult(sentence))).Tell(message, TestActor);
            Assert.StartsWith(said, await ended.Task.WaitAsync(Bound), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task MessagesOfOtherNodes_ThatHoldNothing_EndNobody()
    {
        NodeConfig config = new() { FileName = "none", Text = "", Pair = "pair", Name = "a", IsArbiter = true, Address = new NodeAddress("127.0.0.1", 1), DataDirectory = "/none" };
        System.Collections.Concurrent.ConcurrentQueue<string> ended = [];
        IActorRef host = Sys.ActorOf(HostActor.Props(config, null, [], null, ended.Enqueue));
        host.Tell(new NodeStatus { Node = null!, Role = "server" });
        host.Tell(new NodeStatus { Node = "b", Role = "server", Links = null! });
        host.Tell(new CommandProtocol.Command(null!, null!, null!, null!, null!));
        host.Tell(new CommandProtocol.Command("isolate", "", "", "link-ft0", []));
        Assert.Empty((await host.Ask<HostActor.PairView>(new HostActor.GetView(), Bound)).Others);
        Assert.Empty(ended);
    }

    private sealed class BrokenNic : INicBackEnd
    {
        public event Action<NicLinkState>? StateChanged
        {
            add { }
            remove { }
        }

        public string Name => "broken";

        public NicLinkState State => NicLinkState.Good;

        public bool IsOpen => false;

        public NicCounters Counters => throw new InvalidOperationException("broken");

        public void Start(NicFrameReceiver receive)
        {
        }

        public void SetOpen(bool open)
        {
        }

        public void SetListening(bool on)
        {
        }

        public bool TrySend(ReadOnlySpan<byte> frame) => false;

        public void SetCarrier(bool on)
        {
        }

        public void Dispose()
        {
        }
    }
}
