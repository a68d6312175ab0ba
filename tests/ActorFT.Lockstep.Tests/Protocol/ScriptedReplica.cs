using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Tests.Protocol;

/// <summary>A replica driven event by event, with the answers that a shell would give at once.</summary>
internal sealed class ScriptedReplica
{
    public const ulong Ms = 1_000_000;
    public static readonly Digest Definition = new(3, 4);
    public static readonly Member Peer = new("server-b", 22);

    private readonly ReplicaProtocol _protocol;
    private ulong _peerSequence, _timeNs;

    public ScriptedReplica(LockstepSettings settings, ulong diskTerm = 0)
    {
        Self = new Member("server-a", 11);
        _protocol = new ReplicaProtocol(new ReplicaIdentity(Self, Peer.Server, "web", Definition), settings);
        Step(new Started(Now, diskTerm));
    }

    public Member Self { get; }

    /// <summary>Whether the shell marks the disks as soon as it is told to.</summary>
    public bool MarksDisks { get; set; } = true;
    public ulong Now { get; private set; } = 1_000 * Ms;
    public ReplicaStatus Status => _protocol.Status;
    public bool IsMember => _protocol.IsMember;
    public List<Effect> Effects { get; } = [];
    public IEnumerable<ProtocolFault> Faults => Effects.OfType<RaiseFault>().Select(raise => raise.Fault);
    public IEnumerable<LinkMessage> Sent => Effects.OfType<SendLink>().Select(send => send.Envelope.Message);
    public IEnumerable<MachineOutput> Performed => Effects.OfType<Perform>().SelectMany(perform => perform.Outputs);

    public void Step(ProtocolEvent happened)
    {
        foreach (Effect effect in _protocol.Step(happened))
        {
            Effects.Add(effect);
            if (effect is PersistTerm persist && MarksDisks) Step(new TermPersisted(Now, persist.Term));
            if (effect is TakeDigest digest) Step(new DigestComputed(Now, digest.Round, new Digest(digest.Round, 0), [new ComponentDigest("vcpu-0", new Digest(digest.Round, 1))]));
            if (effect is SetPace { Percent: 0 }) Step(new RoundsPaused(Now));
        }
    }

    public void Pass(ulong ms)
    {
        for (ulong end = Now + ms * Ms; Now < end;)
        {
            Now += 2 * Ms;
            Step(new TimerTick(Now));
        }
    }

    public void Hear(LinkMessage message, int path = 0) =>
        Step(new LinkMessageReceived(Now, path, new LinkEnvelope(Peer.Incarnation, ++_peerSequence, message)));

    public void Answer(Configuration? current) => Step(new ArbiterReplied(Now, new ArbiterReply("web", current)));

    /// <summary>The arbiter says what is known already: it is there.</summary>
    public void AnswerAsKnown() => Answer(Status.Configuration);

    public Hello PeerHello => new() { Server = Peer.Server, Machine = "web", DefinitionHash = Definition, IsAvailable = true };

    public void Run(params MachineOutput[] outputs) => End(Begin(), outputs);

    /// <summary>Begins a round.</summary>
    public Round Begin(params MachineInput[] inputs)
    {
        Round round = new(_timeNs += Ms, [.. inputs]);
        Step(new RoundBegun(Now, round));
        return round;
    }

    /// <summary>The round that began is run.</summary>
    public void End(Round round, params MachineOutput[] outputs) => Step(new RoundExecuted(Now, round, outputs));

    /// <summary>Boots as the first leader.</summary>
    public ScriptedReplica Boot()
    {
        Answer(null);
        Answer(new Configuration(1, Self, null));
        return this;
    }

    /// <summary>Boots and takes the peer in: duplex in term 2, stream (1, 1).</summary>
    public ScriptedReplica BootDuplex(CommitMode commit = CommitMode.Received)
    {
        Boot();
        Step(new LinkUp(Now, 0));
        Hear(PeerHello with { Commit = commit });
        StreamId stream = Stream;
        Hear(new JoinReady(stream));
        Step(new StatePassSent(Now, stream, 0, 3, 0));
        Hear(new PassLoaded(stream, 0));
        Step(new FinalStateSent(Now, stream, 5, Status.Round, _timeNs, new Digest(9, 9)));
        Hear(new StateAccepted(stream, 2));
        Hear(Progress(Status.Round));
        Answer(new Configuration(2, Self, Peer));
        return this;
    }

    /// <summary>Does not run for a while.</summary>
    public void Stop(ulong ms) => Now += ms * Ms;

    /// <summary>Is rebuilt by the peer and taken in: follows in term 2.</summary>
    public ScriptedReplica Follow()
    {
        Load();
        Answer(new Configuration(2, Peer, Self));
        return this;
    }

    /// <summary>Is rebuilt by the peer, and not taken in yet.</summary>
    public ScriptedReplica Load()
    {
        Configuration alone = new(1, Peer, null);
        Answer(alone);
        Step(new LinkUp(Now, 0));
        Hear(new JoinBegin(s_followed, alone));
        Step(new StatePrepared(Now, s_followed));
        Hear(new StateEnd(s_followed, 0, 0, 0, new Digest(9, 9)));
        Step(new StateLoaded(Now, s_followed, new Digest(9, 9)));
        return this;
    }

    private static readonly StreamId s_followed = new(1, 1);

    /// <summary>The leader's heartbeat to a replica that follows.</summary>
    public LeaderBeat Beat(ulong probe) => new(s_followed, new Configuration(2, Peer, Self), 0, 0, probe);

    public StreamId Stream => Sent.OfType<JoinBegin>().Last().Stream;

    /// <summary>What the follower says when it has heard the leader's latest beat.</summary>
    public FollowerProgress Progress(ulong round, ulong? executed = null) => new(Stream, round, executed ?? round, 0, default, false, LastProbe);

    /// <summary>The latest question.</summary>
    public ulong LastProbe => Sent.OfType<LeaderBeat>().LastOrDefault()?.Probe ?? 0;
}
