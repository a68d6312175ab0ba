using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Node.Tests.Support;
using Akka.Actor;
using Akka.TestKit;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

public sealed class TermKeeperActorTests : ActorSpec
{
    private readonly TemporaryFolder _folder = new();

    private string TermPath => TermKeeperActor.PathOf(_folder.Root, "m");

    protected override void AfterAll()
    {
        base.AfterAll();
        _folder.Dispose();
    }

    [Fact]
    public void Term_IsInItsFile_WhenTheAnswerComes()
    {
        Assert.Equal(0UL, TermKeeperActor.Read(TermPath));
        IActorRef keeper = Sys.ActorOf(TermKeeperActor.Props(TermPath, 0));
        foreach (ulong term in new ulong[] { 1, 7, ulong.MaxValue, 3 })
        {
            keeper.Tell(new MachineProtocol.WriteTerm(term), TestActor);
            Assert.Equal(term, ExpectMsg<MachineProtocol.TermWritten>(Bound).Term);
            Assert.Equal(term, TermKeeperActor.Read(TermPath));
        }
    }

    [Fact]
    public void Barrier_IsAnsweredAfterTheTermsBeforeIt()
    {
        IActorRef keeper = Sys.ActorOf(TermKeeperActor.Props(TermPath, 0));
        keeper.Tell(new MachineProtocol.WriteTerm(5), TestActor);
        keeper.Tell(new MachineProtocol.TermBarrier(default), TestActor);
        ExpectMsg<MachineProtocol.TermWritten>(Bound);
        ExpectMsg<MachineProtocol.TermBarrier>(Bound);
        Assert.Equal(5UL, TermKeeperActor.Read(TermPath));
    }

    [Fact]
    public void CrashBetweenWriteAndRename_KeepsTheOldTerm()
    {
        IActorRef keeper = Sys.ActorOf(TermKeeperActor.Props(TermPath, 0));
        keeper.Tell(new MachineProtocol.WriteTerm(5), TestActor);
        ExpectMsg<MachineProtocol.TermWritten>(Bound);
        File.WriteAllText(TermPath + ".new", ""); // what a crash leaves: made, not yet written
        Assert.Equal(5UL, TermKeeperActor.Read(TermPath));
        keeper.Tell(new MachineProtocol.WriteTerm(6), TestActor);
        ExpectMsg<MachineProtocol.TermWritten>(Bound);
        Assert.Equal(6UL, TermKeeperActor.Read(TermPath));
    }

    [Fact]
    public async Task TermThatCannotBeWritten_IsNotAnswered_AndEndsTheKeeper()
    {
        TestProbe watcher = CreateTestProbe();
        IActorRef supervisor = Sys.ActorOf(Props.Create(() => new Stopping()));
        IActorRef keeper = await supervisor.Ask<IActorRef>(TermKeeperActor.Props(Path.Combine(_folder.Root, "no-such-folder", "m.term"), 0), Bound);
        watcher.Watch(keeper);
        keeper.Tell(new MachineProtocol.WriteTerm(5), TestActor);
        watcher.ExpectTerminated(keeper, Bound);
        Assert.False(HasMessages);
    }

    [Theory]
    [InlineData("")]
    [InlineData("seven")]
    [InlineData("-1")]
    [InlineData("18446744073709551616")]
    public void FileThatHoldsNoTerm_IsRefused_InOneSentence(string text)
    {
        File.WriteAllText(TermPath, text);
        EnvironmentException refused = Assert.Throws<EnvironmentException>(() => TermKeeperActor.Read(TermPath));
        Assert.Contains(TermPath, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    // As MachineActor does: never restarts.
    private sealed class Stopping : ReceiveActor
    {
        public Stopping() => Receive<Props>(props => Sender.Tell(Context.ActorOf(props)));

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(0, TimeSpan.Zero, _ => Directive.Stop);
    }
}
