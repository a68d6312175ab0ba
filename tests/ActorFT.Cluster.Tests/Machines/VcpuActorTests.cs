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

    // Its memory is given back when the coordinator stops; a vCPU that is stopped a moment later must not run in it.
    [Fact]
    public void Round_OfAMachineThatIsNoMore_EndsWhereItIs()
    {
        VcpuMeter meter = new();
        TaskCompletionSource<Exception> failure = new();
        Sys.ActorOf(Akka.Actor.Props.Create(() => new Parent(VcpuActor.Props(0, TestActor, meter), failure))).Tell(new MachineProtocol.RoundToken { Machine = null });
        ExpectNoMsg(TimeSpan.FromMilliseconds(100)); // not passed on
        Assert.False(failure.Task.IsCompleted, "the vCPU failed");
    }

    private sealed class Parent(Props child, TaskCompletionSource<Exception> failure) : UntypedActor
    {
        private readonly IActorRef _child = Context.ActorOf(child);

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(error =>
        {
            failure.TrySetResult(error);
            return Directive.Stop;
        });

        protected override void OnReceive(object message) => _child.Forward(message);
    }
}
