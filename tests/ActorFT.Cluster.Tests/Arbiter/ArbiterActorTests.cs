using ActorFT.Cluster.Arbiter;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Lockstep.Terms;
using ActorFT.Node.Tests.Support;
using Akka.Actor;
using Akka.TestKit;
using Microsoft.Data.Sqlite;
using Xunit;

namespace ActorFT.Cluster.Tests.Arbiter;

public sealed class ArbiterActorTests : ActorSpec
{
    private static readonly Member s_a = new("a", 7), s_b = new("b", ulong.MaxValue);

    private readonly TemporaryFolder _folder = new();

    private string StorePath => Path.Combine(_folder.Root, "arbiter.db");

    protected override void AfterAll()
    {
        base.AfterAll();
        _folder.Dispose();
    }

    private IActorRef StartArbiter() => Sys.ActorOf(ArbiterActor.Props(new ArbiterStore(_folder.Root)));

    private void StopArbiter(IActorRef arbiter)
    {
        Watch(arbiter);
        Sys.Stop(arbiter);
        ExpectTerminated(arbiter, Bound);
    }

    private Lockstep.Terms.Configuration? Ask(IActorRef arbiter, ArbiterRequest request)
    {
        arbiter.Tell(new ArbiterProtocol.Ask(request), TestActor);
        return ExpectMsg<ArbiterProtocol.Answer>(Bound).Reply.Current;
    }

    private static ArbiterClaim FirstClaim => new("m", s_a, 0, new Lockstep.Terms.Configuration(1, s_a, null), true);

    [Fact]
    public void ConfigurationThatWasAnswered_IsRememberedByTheNextArbiter()
    {
        IActorRef arbiter = StartArbiter();
        Assert.Null(Ask(arbiter, new ArbiterQuery("m")));
        Assert.Equal(new Lockstep.Terms.Configuration(1, s_a, null), Ask(arbiter, FirstClaim));
        Lockstep.Terms.Configuration pair = new(2, s_a, s_b);
        Assert.Equal(pair, Ask(arbiter, new ArbiterClaim("m", s_a, 1, pair, false)));
        StopArbiter(arbiter);

        arbiter = StartArbiter();
        Assert.Equal(pair, Ask(arbiter, new ArbiterQuery("m")));
        // A claim that rests on what was before loses, also against the memory alone.
        Assert.Equal(pair, Ask(arbiter, new ArbiterClaim("m", s_b, 1, new Lockstep.Terms.Configuration(2, s_b, null), false)));
        Assert.Null(Ask(arbiter, new ArbiterQuery("another")));
    }

    [Fact]
    public void TwoClaimsOnOneTerm_OneWins_AndBothAreToldWho()
    {
        IActorRef arbiter = StartArbiter();
        Ask(arbiter, FirstClaim);
        Ask(arbiter, new ArbiterClaim("m", s_a, 1, new Lockstep.Terms.Configuration(2, s_a, s_b), false));
        Lockstep.Terms.Configuration won = new(3, s_b, null);
        Assert.Equal(won, Ask(arbiter, new ArbiterClaim("m", s_b, 2, won, false)));
        Assert.Equal(won, Ask(arbiter, new ArbiterClaim("m", s_a, 2, new Lockstep.Terms.Configuration(3, s_a, null), false)));
    }

    [Fact]
    public async Task ClaimThatCannotBeStored_IsNotAnswered_AndNotBelieved()
    {
        TestProbe watcher = CreateTestProbe();
        ArbiterStore store = new(_folder.Root);
        IActorRef supervisor = Sys.ActorOf(Props.Create(() => new Stopping()));
        IActorRef arbiter = await supervisor.Ask<IActorRef>(ArbiterActor.Props(store), Bound);
        Assert.Equal(1UL, Ask(arbiter, FirstClaim)!.Term);
        watcher.Watch(arbiter);
        store.Dispose(); // the disk under it is gone
        arbiter.Tell(new ArbiterProtocol.Ask(new ArbiterClaim("m", s_a, 1, new Lockstep.Terms.Configuration(2, s_a, s_b), false)), TestActor);
        watcher.ExpectTerminated(arbiter, Bound);
        Assert.False(HasMessages);
        Assert.Equal(1UL, Ask(StartArbiter(), new ArbiterQuery("m"))!.Term);
    }

    [Fact]
    public void Answer_ComesAfterTheFileHoldsIt()
    {
        IActorRef arbiter = StartArbiter();
        Ask(arbiter, FirstClaim);
        // A copy of the files, as a power cut would leave them at this moment.
        string copy = Path.Combine(_folder.Root, "copy.db");
        File.Copy(StorePath, copy);
        if (File.Exists(StorePath + "-wal")) File.Copy(StorePath + "-wal", copy + "-wal");
        using SqliteConnection connection = new($"Data Source={copy};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT term || ' ' || leader || ' ' || leader_run FROM terms WHERE machine = 'm'";
        Assert.Equal("1 a 7", command.ExecuteScalar());
    }

    [Fact]
    public void FileThatIsNoStore_IsRefused_InOneSentence()
    {
        File.WriteAllText(StorePath, "this is no database, but it is long enough to be read as one: " + new string('x', 4096));
        EnvironmentException refused = Assert.Throws<EnvironmentException>(() => new ArbiterStore(_folder.Root).Dispose());
        Assert.Contains("arbiter.db", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    private sealed class Stopping : ReceiveActor
    {
        public Stopping() => Receive<Props>(props => Sender.Tell(Context.ActorOf(props)));

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(0, TimeSpan.Zero, _ => Directive.Stop);
    }
}
