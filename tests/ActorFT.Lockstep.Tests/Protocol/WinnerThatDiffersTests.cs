using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using Xunit;
using Record = ActorFT.Lockstep.Records.Record;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>A follower that won, and finds that what it executes is not what its leader made: nobody is there to compare with, so it looks at itself before it leads.</summary>
public class WinnerThatDiffersTests
{
    private static readonly Record s_first = new() { FirstRound = 0, Rounds = [new Round(1_000)] }, s_second = new() { FirstRound = 1, Rounds = [new Round(2_000)] };
    private static readonly MachineOutput[] s_notTheLeaders = [new ConsoleWritten(0, new byte[] { 7 })];

    private readonly ScriptedReplica _replica = new ScriptedReplica(new LockstepSettings()).Follow();

    public WinnerThatDiffersTests()
    {
        _replica.Hear(_replica.Beat(probe: 1));
        _replica.Hear(new RecordSent(new StreamId(1, 1), s_first, 0));
        _replica.Hear(new RecordSent(new StreamId(1, 1), s_second, 0));
    }

    private void Win() => _replica.Answer(new Configuration(3, _replica.Self, null));

    private void Execute(Record record, MachineOutput[] outputs)
    {
        _replica.Step(new RecordRoundExecuted(_replica.Now, outputs));
        _replica.Step(new RecordExecuted(_replica.Now, record.EndRound, null));
    }

    private void Checked(bool isSound) => _replica.Step(new SelfChecked(_replica.Now, isSound, []));

    [Fact]
    public void Winner_ThatDiffers_IsToldOf_AndDoesNotLeadBeforeItLookedAtItself()
    {
        Win();
        Execute(s_first, s_notTheLeaders);
        Assert.Equal(ProtocolFaultKind.Divergence, Assert.Single(_replica.Faults).Kind);
        Assert.Single(_replica.Effects.OfType<CheckSelf>());
        Assert.Single(_replica.Effects.OfType<ExecuteRecord>());
        Assert.Empty(_replica.Effects.OfType<Lead>());
    }

    [Fact]
    public void Winner_WhoseOwnMemoryChanged_Stops()
    {
        Win();
        Execute(s_first, s_notTheLeaders);
        Checked(isSound: false);
        Assert.Contains("memory", Assert.Single(_replica.Effects.OfType<Fence>()).Reason, StringComparison.Ordinal);
        Assert.Empty(_replica.Effects.OfType<Lead>());
    }

    [Fact]
    public void Winner_ThatIsSound_GoesOn_AndChecksItselfOnce()
    {
        Win();
        Execute(s_first, s_notTheLeaders);
        Checked(isSound: true);
        Execute(s_second, s_notTheLeaders);
        Assert.Single(_replica.Effects.OfType<CheckSelf>());
        Assert.Single(_replica.Effects.OfType<Lead>());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Follower_ThatWinsWhileItLooksAtItself_WaitsForWhatItFinds(bool isSound)
    {
        Execute(s_first, s_notTheLeaders);
        Win();
        Assert.Empty(_replica.Effects.OfType<Lead>());
        Checked(isSound);
        if (isSound) Execute(s_second, []);
        Assert.Equal(isSound ? 1 : 0, _replica.Effects.OfType<Lead>().Count());
        Assert.Equal(isSound ? 0 : 1, _replica.Effects.OfType<Fence>().Count());
    }
}
