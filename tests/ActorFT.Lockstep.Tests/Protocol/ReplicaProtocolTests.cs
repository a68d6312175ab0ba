using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Lockstep.Tests.Protocol;

public class ReplicaProtocolTests
{
    private static readonly MachineOutput Console = new ConsoleWritten(0, new byte[] { 65 });

    [Fact]
    public void FirstBoot_MarksTheDisks_ThenClaims_ThenBoots()
    {
        var replica = new ScriptedReplica(new LockstepSettings());
        replica.Answer(null);
        Assert.Equal([typeof(PersistTerm), typeof(AskArbiter)], replica.Effects.TakeLast(2).Select(effect => effect.GetType()));
        Assert.DoesNotContain(replica.Effects, effect => effect is BootMachine);
        replica.Answer(new Configuration(1, replica.Self, null));
        Assert.Equal([typeof(BootMachine), typeof(Lead)], replica.Effects.Where(effect => effect is BootMachine or Lead).Select(effect => effect.GetType()));
    }

    [Fact]
    public void Simplex_OutputsLeaveAtOnce_AndDuplexOnlyWhenStored()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Boot();
        replica.Run(Console);
        Assert.Single(replica.Performed);

        replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        Assert.True(replica.Status.IsDuplex);
        replica.Run(Console);
        Assert.Single(replica.Sent.OfType<RecordSent>()); // closed as soon as an output waits
        Assert.Empty(replica.Performed);
        replica.Hear(replica.Progress(1, executed: 0));
        Assert.Single(replica.Performed);
    }

    [Fact]
    public void Duplex_AfterAPause_NothingLeavesBeforeThePeerSaysThatItFollowsStill()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Console);
        FollowerProgress before = replica.Progress(1, executed: 0);
        replica.Stop(300);
        replica.Hear(before); // from before the pause, for all it knows
        Assert.Empty(replica.Performed);
        Assert.True(replica.LastProbe > before.Probe); // asks at once
        replica.Hear(replica.Progress(1, executed: 0));
        Assert.Single(replica.Performed);
    }

    [Fact]
    public void Duplex_AfterSilence_AcknowledgementsFromBeforeItLetNothingLeave()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Console);
        FollowerProgress before = replica.Progress(1, executed: 0);
        replica.Pass(400); // cut off, without a sign of the link
        replica.Hear(before); // what TCP repeats when the cut is healed
        Assert.Empty(replica.Performed);
        replica.Hear(replica.Progress(1, executed: 0));
        Assert.Single(replica.Performed);
    }

    [Fact]
    public void Duplex_WhoseFollowerAnswersTooLateForEver_GoesOnAlone()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        FollowerProgress late = replica.Progress(0);
        for (int i = 0; i < 15 && !replica.Sent.OfType<LeaderBeat>().Any(beat => beat.Configuration.Term == 3); i++)
        {
            replica.Pass(100);
            replica.Hear(late); // heard, but never in answer to anything
        }
        Assert.Contains(replica.Effects.OfType<AskArbiter>(), ask => ask.Request is ArbiterClaim { Wanted.Follower: null, Wanted.Term: 3 });
    }

    [Fact]
    public void Duplex_WithoutAnArbiter_AFollowerThatAskedToLeadAndFollowsStill_HoldsNothingUp()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Stop(700); // meanwhile the follower claimed, and no arbiter answered
        replica.Pass(100);
        replica.Hear(replica.Progress(0) with { HasOpenClaim = true });
        replica.Run(Console);
        replica.Hear(replica.Progress(1, executed: 0) with { HasOpenClaim = true });
        Assert.Single(replica.Performed);
    }

    [Fact]
    public void Duplex_AfterAPause_ANewerTermFences_AndTheArbitersWordToBeAloneEndsTheDoubt()
    {
        ScriptedReplica replaced = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replaced.Run(Console);
        FollowerProgress before = replaced.Progress(1, executed: 0);
        replaced.Stop(700);
        replaced.Hear(before);
        replaced.Answer(new Configuration(3, ScriptedReplica.Peer, null));
        Assert.Single(replaced.Effects.OfType<Fence>());
        Assert.Empty(replaced.Performed);

        ScriptedReplica alone = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        alone.Run(Console);
        alone.Stop(700);
        alone.Answer(new Configuration(3, alone.Self, null));
        Assert.Single(alone.Performed);
    }

    [Fact]
    public void OutputsThatCouldNotLeaveInTime_LeaveFirst_AndAreNotToldGoneBefore()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        MachineOutput second = new ConsoleWritten(0, new byte[] { 66 });
        replica.Run(Console);
        replica.Hear(replica.Progress(1, executed: 0));
        Assert.True(replica.Effects.OfType<Perform>().Single().ReturnIfLate);
        FollowerProgress progress = replica.Progress(2, executed: 0);
        replica.Effects.Clear();
        replica.Stop(300);
        replica.Step(new OutputsReturned(replica.Now, [Console]));
        replica.Run(second);
        replica.Hear(progress);
        Assert.Empty(replica.Performed);
        Assert.All(replica.Sent.OfType<RecordSent>(), sent => Assert.Equal(0ul, sent.ReleasedRound));
        replica.Hear(progress with { Probe = replica.LastProbe });
        Assert.Equal([Console, second], replica.Performed);
        replica.Pass(100);
        Assert.Equal(2ul, replica.Sent.OfType<LeaderBeat>().Last().ReleasedRound);
    }

    [Fact]
    public void Follower_AnswersAProbeAtOnce_ButNotOnceItLeads()
    {
        var replica = new ScriptedReplica(new LockstepSettings());
        replica.Follow();
        replica.Effects.Clear();
        replica.Hear(replica.Beat(probe: 1));
        Assert.Equal(1ul, replica.Sent.OfType<FollowerProgress>().Single().Probe);
        replica.Answer(new Configuration(3, replica.Self, null));
        replica.Effects.Clear();
        replica.Hear(replica.Beat(probe: 2));
        Assert.DoesNotContain(replica.Sent.OfType<FollowerProgress>(), progress => progress.Probe != 0);
    }

    [Fact]
    public void Verified_OutputsLeaveOnlyWhenTheDigestsAgree()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { Commit = CommitMode.Verified });
        replica.Boot();
        replica.Step(new LinkUp(replica.Now, 0));
        replica.Hear(replica.PeerHello with { Commit = CommitMode.Verified });
        StreamId stream = replica.Stream;
        replica.Hear(new JoinReady(stream));
        replica.Step(new StatePassSent(replica.Now, stream, 0, 3, 0));
        replica.Hear(new PassLoaded(stream, 0));
        replica.Step(new FinalStateSent(replica.Now, stream, 5, 0, 0, new Digest(9, 9)));
        replica.Hear(new StateAccepted(stream, 2));
        replica.Hear(replica.Progress(0));
        replica.Answer(new Configuration(2, replica.Self, ScriptedReplica.Peer));
        replica.Run(Console);
        replica.Hear(replica.Progress(1));
        Assert.Empty(replica.Performed);
        replica.Hear(replica.Progress(1) with { DigestRound = 1, Digest = new Digest(77, 0) });
        Assert.Empty(replica.Performed);
        Assert.Contains(replica.Effects, effect => effect is CheckSelf);

        replica.Step(new SelfChecked(replica.Now, IsSound: true, []));
        replica.Hear(new FollowerDiverged(stream, 1, IsSound: false, [new ComponentDigest("vcpu-0", new Digest(77, 1))]));
        ProtocolFault fault = Assert.Single(replica.Faults, fault => fault.Kind == ProtocolFaultKind.Divergence);
        Assert.Contains("server-b is isolated", fault.Message);
        Assert.Equal((2UL, 1UL, new Digest(1, 1), new Digest(77, 1)), (fault.Term, fault.Round, fault.Own[0].Digest, fault.Peer[0].Digest)); // the dump, both of one round
        replica.Answer(new Configuration(3, replica.Self, null));
        Assert.Single(replica.Performed);
    }

    private static readonly ComponentDigest s_page = ComponentDigest.OfCorruptedPage(77, new Digest(5, 6));

    [Fact]
    public void LeaderWhoseMemoryChanged_AsksForTheArbiter_ThenHandsOverInOrder_AndGoes()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Pass(200);
        replica.Hear(replica.Progress(0));
        replica.Effects.Clear();
        replica.Step(new SelfChecked(replica.Now, IsSound: false, [new ComponentDigest("vcpu-0", new Digest(1, 1)), s_page]));
        ProtocolFault fault = Assert.Single(replica.Faults);
        Assert.Equal(ProtocolFaultKind.MemoryChanged, fault.Kind);
        Assert.Contains("Memory of server-a changed without being written: memory page 77 of machine web", fault.Message);
        Assert.Equal(s_page, Assert.Single(fault.Own));
        Assert.IsType<ArbiterQuery>(Assert.Single(replica.Effects.OfType<AskArbiter>()).Request); // before a claim

        // Without an arbiter a claim would stop the machine; nothing differs so far, so it goes on. Told again, it is not a second fault.
        replica.Step(new SelfChecked(replica.Now, IsSound: false, [s_page]));
        Assert.DoesNotContain(replica.Effects, effect => effect is SetPace { Percent: 0 });
        Assert.Single(replica.Faults);

        replica.Answer(new Configuration(2, replica.Self, ScriptedReplica.Peer));
        Assert.Contains(replica.Effects, effect => effect is SetPace { Percent: 0 });
        replica.Pass(2);
        HandOverPrepare prepare = replica.Sent.OfType<HandOverPrepare>().Last();
        Assert.Equal(new Configuration(3, ScriptedReplica.Peer, null), prepare.Proposed); // it does not follow with such memory
        replica.Hear(new HandOverReady(prepare.Stream, 3));
        Assert.Equal(prepare.Proposed, Assert.Single(replica.Effects.OfType<AskArbiter>().Select(ask => ask.Request).OfType<ArbiterClaim>()).Wanted);
        replica.Answer(prepare.Proposed);
        Assert.Single(replica.Effects.OfType<Fence>());
        Assert.Equal(ReplicaRoleName.Joining, replica.Status.Role);
    }

    // The last record closed by its age, without a digest: nothing in it waits to be verified, and nothing more will be.
    [Fact]
    public void HandOver_InVerified_AfterARecordWithoutADigest_IsNotHeldUp()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { Commit = CommitMode.Verified }).BootDuplex(CommitMode.Verified);
        replica.Run();
        replica.Pass(6);
        Assert.Null(Assert.Single(replica.Sent.OfType<RecordSent>()).Record.DigestAtEnd);
        replica.Hear(replica.Progress(1));
        replica.Step(new HandOverRequested(replica.Now));
        replica.AnswerAsKnown();
        replica.Pass(2);
        Assert.Single(replica.Sent.OfType<HandOverPrepare>());
    }

    [Fact]
    public void LeaderWhoseMemoryChanged_Alone_GoesOnWithIt_AndSaysSo()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Boot();
        replica.Step(new SelfChecked(replica.Now, IsSound: false, [s_page]));
        Assert.Equal(ProtocolFaultKind.MemoryCorrupt, Assert.Single(replica.Faults).Kind);
        Assert.Contains("memory page 77", Assert.Single(replica.Faults).Message);
        Assert.Single(replica.Effects.OfType<AcceptMemory>());
    }

    [Fact]
    public void FollowerWhoseMemoryChanged_TellsTheLeader_OnceAnArbiterIsThereToLetItGoOnAlone()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Follow();
        replica.Pass(200);
        replica.Hear(replica.Beat(probe: 1));
        replica.Effects.Clear();
        replica.Step(new SelfChecked(replica.Now, IsSound: false, [new ComponentDigest("vcpu-0", new Digest(1, 1)), s_page]));
        Assert.Equal(ProtocolFaultKind.MemoryChanged, Assert.Single(replica.Faults).Kind);
        Assert.Empty(replica.Sent.OfType<FollowerDiverged>());
        replica.Answer(new Configuration(2, ScriptedReplica.Peer, replica.Self));
        FollowerDiverged told = Assert.Single(replica.Sent.OfType<FollowerDiverged>());
        Assert.False(told.IsSound);
        Assert.Equal(s_page, Assert.Single(told.Components)); // digests of components would be of another round than the leader's
    }

    [Fact]
    public void LeaderOfAFollowerWhoseMemoryChanged_LeavesItOut_AndNamesThePage()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Hear(new FollowerDiverged(replica.Stream, 0, IsSound: false, [s_page]));
        replica.Step(new SelfChecked(replica.Now, IsSound: true, []));
        ProtocolFault fault = Assert.Single(replica.Faults);
        Assert.Equal(ProtocolFaultKind.Divergence, fault.Kind);
        Assert.Contains("server-b is isolated (its self-check found it faulty: memory page 77)", fault.Message);
        Assert.Equal(new Configuration(3, replica.Self, null), replica.Effects.OfType<AskArbiter>().Select(ask => ask.Request).OfType<ArbiterClaim>().Last().Wanted);
    }

    [Fact]
    public void Transfer_ThatMovesForLongerThanTheStallTime_GoesOn_AndOneThatStandsStillBeginsAnew()
    {
        LockstepSettings settings = new();
        ScriptedReplica replica = new ScriptedReplica(settings).Boot();
        replica.Step(new LinkUp(replica.Now, 0));
        replica.Hear(replica.PeerHello);
        StreamId stream = replica.Stream;
        replica.Hear(new JoinReady(stream));
        ulong stallMs = settings.JoinStallNs / ScriptedReplica.Ms;
        for (ulong ms = 0; ms < 3 * stallMs; ms += 10)
        {
            replica.Pass(10);
            replica.Hear(replica.PeerHello with { Stream = stream });
            replica.Step(new StateMoved(replica.Now, stream));
        }

        Assert.Empty(replica.Faults);
        Assert.Equal(stream, replica.Stream);
        for (ulong ms = 0; ms <= stallMs; ms += 10)
        {
            replica.Pass(10);
            replica.Hear(replica.PeerHello with { Stream = stream });
        }

        Assert.Contains("stood still", Assert.Single(replica.Faults, fault => fault.Kind == ProtocolFaultKind.TransferFailed).Message);
    }

    [Fact]
    public void Safe_WithoutPeerAndArbiter_HoldsOutputsAndSaysWhy()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Console);
        replica.Step(new LinkDown(replica.Now, 0));
        replica.Pass(5_000);
        Assert.Empty(replica.Performed);
        Assert.Contains("arbiter does not answer", Assert.Single(replica.Faults, fault => fault.Kind == ProtocolFaultKind.ArbiterUnreachable).Message);
    }

    [Fact]
    public void Preferred_WithoutPeerAndArbiter_GoesOnAlone_AndStopsWhenTheArbiterSaysItLost()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { PreferredWithoutArbiter = "server-a" }).BootDuplex();
        replica.Run(Console);
        replica.Step(new LinkDown(replica.Now, 0));
        replica.Pass(5_000);
        Assert.Single(replica.Performed);
        Assert.Contains(replica.Faults, fault => fault.Kind == ProtocolFaultKind.ActingWithoutArbiter);
        replica.Answer(new Configuration(3, ScriptedReplica.Peer, null));
        Assert.Contains(replica.Effects, effect => effect is Fence);
        Assert.Equal(ReplicaRoleName.Joining, replica.Status.Role);
    }

    [Fact]
    public void NotPreferred_WithoutPeerAndArbiter_Holds()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings { PreferredWithoutArbiter = "server-b" }).BootDuplex();
        replica.Run(Console);
        replica.Step(new LinkDown(replica.Now, 0));
        replica.Pass(5_000);
        Assert.Empty(replica.Performed);
    }

    public static TheoryData<string> Misfits => ["definition", "revision", "machine", "server", "commit"];

    [Theory]
    [MemberData(nameof(Misfits))]
    public void PeerThatDoesNotFit_IsToldTheSameSentence_AndTheRunningSideIsUnharmed(string what)
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Boot();
        replica.Step(new LinkUp(replica.Now, 0));
        Hello hello = what switch
        {
            "definition" => replica.PeerHello with { DefinitionHash = new Digest(8, 8) },
            "revision" => replica.PeerHello with { ExecutionRevision = ExecutionRevision.Current + 1 },
            "machine" => replica.PeerHello with { Machine = "other" },
            "server" => replica.PeerHello with { Server = "server-x" },
            _ => replica.PeerHello with { Commit = CommitMode.Verified },
        };
        replica.Hear(hello);
        replica.Hear(hello);
        ProtocolFault fault = Assert.Single(replica.Faults);
        Assert.Equal(ProtocolFaultKind.PeerRefused, fault.Kind);
        Assert.Equal(fault.Message, replica.Sent.OfType<PeerRefused>().First().Reason);
        replica.Pass(2_000);
        Assert.DoesNotContain(replica.Sent, message => message is JoinBegin);
        replica.Run(Console);
        Assert.Single(replica.Performed);
    }

    [Fact]
    public void LostClaim_FencesAtOnce_AndNothingHeldLeaves()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Console);
        replica.Pass(1_000);
        replica.Answer(new Configuration(3, ScriptedReplica.Peer, null));
        Assert.Contains(replica.Effects, effect => effect is Fence);
        Assert.Empty(replica.Performed);
        replica.Run(Console); // a round that was under way
        Assert.Empty(replica.Performed);
    }

    [Fact]
    public void Flush_EndsOnlyWhenBothCopiesAreStable()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        var flush = new FlushId(0, 5);
        replica.Step(new FlushDone(replica.Now, flush));
        Assert.DoesNotContain(new CompleteFlush(flush), replica.Effects);
        replica.Hear(new FlushesStored(replica.Stream, [flush]));
        replica.Hear(new FlushesStored(replica.Stream, [flush]), path: 1);
        Assert.Single(replica.Effects.OfType<CompleteFlush>());
    }

    [Fact]
    public void Flush_OfACopyThatIsLeftAlone_EndsWithIt()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        var flush = new FlushId(0, 5);
        replica.Step(new FlushDone(replica.Now, flush));
        replica.Pass(1_000);
        replica.Answer(new Configuration(3, replica.Self, null));
        Assert.Contains(new CompleteFlush(flush), replica.Effects);
    }

    [Fact]
    public void HandOver_HoldsNothing_AndGivesTheLeadOnlyWithTheArbitersWord()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Run(Console);
        replica.Step(new HandOverRequested(replica.Now));
        replica.AnswerAsKnown();
        Assert.DoesNotContain(replica.Sent, message => message is HandOverPrepare); // an output still waits
        replica.Hear(replica.Progress(1));
        replica.Pass(2); // what was let go has left by the next event
        HandOverPrepare prepare = Assert.Single(replica.Sent.OfType<HandOverPrepare>());
        Assert.Equal((1UL, ScriptedReplica.Peer, replica.Self), (prepare.Round, prepare.Proposed.Leader, prepare.Proposed.Follower));
        replica.Hear(new HandOverReady(replica.Stream, 3));
        Assert.Equal(ReplicaRoleName.Leading, replica.Status.Role);
        replica.Answer(prepare.Proposed);
        Assert.Equal(ReplicaRoleName.Following, replica.Status.Role);
        Assert.DoesNotContain(replica.Effects, effect => effect is Fence);
    }

    // A claim that nobody answers keeps the machine standing until the arbiter is back.
    [Fact]
    public void HandOver_WhileNoArbiterAnswers_StopsNothing_AndIsCalledOff()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        int before = replica.Effects.Count;
        replica.Step(new HandOverRequested(replica.Now));
        PassInLockstep(replica, 2_100);
        Assert.DoesNotContain(replica.Effects.Skip(before), effect => effect is SetPace);
        Assert.All(replica.Effects.Skip(before).OfType<AskArbiter>(), ask => Assert.IsType<ArbiterQuery>(ask.Request));
        Assert.Equal("Machine web is not handed over: the arbiter does not answer.", Assert.Single(replica.Faults).Message);
        Assert.Equal("in lockstep", replica.Status.Detail);
        replica.AnswerAsKnown(); // too late
        Assert.DoesNotContain(replica.Effects.Skip(before), effect => effect is SetPace);
    }

    [Fact]
    public void LeaderThatLeaves_HandsOverWhenTheArbiterIsBack_AndRunsOnUntilThen()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        int before = replica.Effects.Count;
        replica.Step(new LeaveRequested(replica.Now));
        PassInLockstep(replica, 30_000);
        Assert.DoesNotContain(replica.Effects.Skip(before), effect => effect is SetPace);
        Assert.Empty(replica.Faults);
        Assert.InRange(replica.Effects.Skip(before).OfType<AskArbiter>().Count(), 100, 300); // again and again, without haste
        replica.AnswerAsKnown();
        Assert.Contains(replica.Effects.Skip(before), effect => effect is SetPace { Percent: 0 });
        replica.Pass(2);
        Assert.Single(replica.Sent.OfType<HandOverPrepare>());
    }

    [Fact]
    public void LeaderThatWasToLeaveAndReturns_BeforeTheArbiterIsBack_KeepsTheLead()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).BootDuplex();
        replica.Step(new LeaveRequested(replica.Now));
        PassInLockstep(replica, 1_000);
        replica.Step(new AvailabilityChanged(replica.Now, true));
        int before = replica.Effects.Count;
        replica.AnswerAsKnown();
        PassInLockstep(replica, 1_000);
        Assert.DoesNotContain(replica.Effects.Skip(before), effect => effect is SetPace or AskArbiter);
    }

    private static void PassInLockstep(ScriptedReplica replica, ulong ms)
    {
        for (ulong passed = 0; passed < ms; passed += 50)
        {
            replica.Pass(50);
            replica.Hear(replica.Progress(replica.Status.Round));
        }
    }

    [Fact]
    public void OnlyCopy_MayNotLeave()
    {
        ScriptedReplica replica = new ScriptedReplica(new LockstepSettings()).Boot();
        replica.Step(new LeaveRequested(replica.Now));
        Assert.Contains("only copy", Assert.Single(replica.Faults).Message);
        Assert.DoesNotContain(replica.Effects, effect => effect is LeaveCompleted);
    }

    [Fact]
    public void ShellThatBreaksItsContract_IsABrokenInvariant()
    {
        Assert.Throws<InvariantViolatedException>(() => new ScriptedReplica(new LockstepSettings()).Step(new TimerTick(1)));
        var replica = new ReplicaProtocol(new ReplicaIdentity(new Member("a", 1), "b", "web", default), new LockstepSettings());
        Assert.Throws<InvariantViolatedException>(() => replica.Step(new TimerTick(1)));
        Assert.Throws<InvariantViolatedException>(() => new ReplicaProtocol(new ReplicaIdentity(new Member("a", 1), "a", "web", default), new LockstepSettings()));
    }
}
