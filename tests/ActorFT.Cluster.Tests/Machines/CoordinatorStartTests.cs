using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Status;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine;
using ActorFT.Storage.Mirror.Live;
using ActorFT.Network.Links;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>The machine's actors start beside each other: what they say to the coordinator may come before it begins.</summary>
public sealed class CoordinatorStartTests : ActorSpec
{
    [Fact]
    public void MessagesBeforeTheBeginning_AreTakenAfterIt_InTheirOrder()
    {
        IActorRef coordinator = Watch(Sys.ActorOf(LockstepCoordinatorActor.Props(Options(this), Parts())));
        coordinator.Tell(new DiskProtocol.Changed(0, CopyUse.Current, "", null, -1), TestActor);
        coordinator.Tell(new DiskProtocol.Changed(0, CopyUse.Out, "its file is gone", null, -1), TestActor);
        coordinator.Tell(new DiskProtocol.MirrorBytes(0, new byte[5]), TestActor);
        coordinator.Tell(new MachineProtocol.PeerUnreachable("the cluster does not hear it"), TestActor);
        coordinator.Tell(MachineProtocol.GetStatus.Instance, TestActor);
        ExpectNoMsg(TimeSpan.FromMilliseconds(50)); // nothing is said by who has not begun
        coordinator.Tell(new LockstepCoordinatorActor.Begin(0, [CopyUse.Current]), TestActor);
        MachineStatus status = FishForMessage<MachineStatus>(_ => true, Bound);
        Assert.Contains("its own disks", status.Detail, StringComparison.Ordinal); // the disk's word, later than the beginning's
        coordinator.Tell(MachineProtocol.GetStatus.Instance, TestActor);
        FishForMessage<MachineStatus>(_ => true, Bound);
    }

    [Fact]
    public void FailureSentence_NamesOurInnermostMethod()
    {
        IndexOutOfRangeException error = Assert.Throws<IndexOutOfRangeException>(() => Break([]));
        Assert.Equal($"IndexOutOfRangeException: {error.Message.TrimEnd('.')} (in {nameof(CoordinatorStartTests)}.{nameof(Break)})", FailureSentence.Of(error));
        Assert.Equal("TimeoutException: late", FailureSentence.Of(new TimeoutException("late.")));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static int Break(int[] none) => none[none.Length];

    internal static CoordinatorOptions Options(ActorSpec spec) => new()
    {
        Definition = new MachineDefinition { Name = "m", VcpuCount = 1, MemoryBytes = 64 << 20, Kernel = default, Disks = [new DiskDefinition("data", 1 << 20)] },
        CreateMachine = _ => throw new NotSupportedException("nothing boots here"),
        Identity = new ReplicaIdentity(new Member("a", 1), "b", "m", default),
        Settings = new LockstepSettings(),
        Link = new NoLink(),
        Channel = 0,
        Arbiter = spec.CreateTestProbe().Ref,
        Faults = spec.CreateTestProbe().Ref,
        DataDirectory = "none",
    };

    private MachineParts Parts() => new()
    {
        Meters = [new VcpuMeter()],
        NicPorts = [],
        ConsoleLog = new ConsoleLog(null),
        Disks = [CreateTestProbe().Ref],
        TermKeeper = CreateTestProbe().Ref,
    };

    private sealed class NoLink : IPeerLink
    {
        public int PathCount => 0;

        public int BestPath => -1;

        public void Register(ushort channel, IActorRef coordinator)
        {
        }

        public bool TrySend(int path, bool isBulk, ushort channel, ReadOnlySpan<byte> payload, bool mayTrail = false) => false;

        public void FlushLog()
        {
        }

        public void RegisterControl(ushort channel, Action<ReadOnlyMemory<byte>> receive)
        {
        }

        public bool TrySendControl(ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath) => false;

        public int BulkPath => -1;

        public bool TrySendBulk(int path, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body) => false;

        public void RegisterParcels(ushort channel, Action<LinkFrame, byte, ReadOnlyMemory<byte>> receive)
        {
        }

        public Task WaitForBulkRoomAsync(int path) => Task.CompletedTask;
    }
}
