using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Node.Tests.Support;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

public sealed class VcpuActorTests : ActorSpec
{
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
}
