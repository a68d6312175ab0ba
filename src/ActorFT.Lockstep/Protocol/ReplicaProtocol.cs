using ActorFT.Lockstep.Joining;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine;

namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// One replica of one machine, as a pure state machine: <see cref="Step"/> takes an event and gives effects. The shell around
/// it runs rounds, moves bytes and asks the arbiter; it decides nothing.
/// <code>
///                 cold start: won a claim                  state loaded, digest equal
///        +------------------------------- JOINING ---------------------------------------+
///        |                                 ^   ^                                          |
///        v        lost a claim: fenced     |   |  lost a claim, left out, diverged        v
///     LEADING -----------------------------+   +-------------------------------------- FOLLOWING
///        ^   \________________________ hand-over: (peer, self) granted ________________^  |
///        +--------- won the next term, and executed every stored record ------------------+
/// </code>
/// Invariants: it leads only in a configuration granted by the arbiter that names this run of this server; outputs leave by
/// the output rule (design.md §3); terms known only rise. A shell that breaks the contract of an event, or a bug here, is
/// an <see cref="InvariantViolatedException"/>: stop the replica.
/// Contract of the shell: one call at a time; effects in order, all of them before the next event; answers (digest, self-check,
/// state loaded, …) as events. docs/lockstep-protocol.md has the sequences.
/// </summary>
public sealed class ReplicaProtocol
{
    /// <summary>How often a <see cref="TimerTick"/> is due, at least; half the shortest interval that matters.</summary>
    public const ulong TickNs = 2_000_000;

    private readonly ReplicaContext _context;
    private bool _hasStarted;
    private ulong _tickedAtNs;
    private string? _refusal;
    private ulong _refusedRun, _refusedByRun; // runs of the peer: one that was refused, and one that refused

    /// <summary>Creates a replica that waits for <see cref="Started"/>.</summary>
    public ReplicaProtocol(ReplicaIdentity identity, LockstepSettings settings)
    {
        InvariantViolatedException.Require(identity.Self.Server != identity.PeerServer, "The two servers have two names.");
        InvariantViolatedException.Require(identity.Self.Incarnation != 0, "A run's number is not 0.");
        _context = new ReplicaContext(identity, settings);
        _context.Become(new JoinerRole(_context));
        _context.Effects.Clear();
    }

    /// <summary>What it is at the moment.</summary>
    public ReplicaStatus Status => _context.Role.Status;

    /// <summary>Whether the other server stays out until <see cref="PeerAllowed"/>.</summary>
    public bool IsPeerLeftOut => _context.IsPeerLeftOut;

    /// <summary>Whether the other replica takes part: being made from this one, or in lockstep with it.</summary>
    public bool HasPeer => _context.Role.HasPeer;

    /// <summary>Whether the configuration, as it is known here, names this replica: one that was made from the leader is none until the arbiter has made it one.</summary>
    public bool IsMember => _context.Role.IsMember;

    /// <summary>Leading: the time for a round that begins now.</summary>
    public ulong StampRound(ulong nowNs) => _context.Clock.Stamp(nowNs);

    /// <summary>Takes an event; gives what to do. The list is the caller's.</summary>
    public IReadOnlyList<Effect> Step(ProtocolEvent happened)
    {
        InvariantViolatedException.Require(happened.NowNs >= _context.NowNs, "The shell's clock never falls.");
        InvariantViolatedException.Require(_hasStarted != happened is Started, "Started comes first, and once.");
        _hasStarted = true;
        _context.NowNs = happened.NowNs;
        _context.Role.BeginStep(happened is OutputsReturned);
        Dispatch(happened);
        Effect[] effects = [.. _context.Effects];
        _context.Effects.Clear();
        return effects;
    }

    private void Dispatch(ProtocolEvent happened)
    {
        switch (happened)
        {
            case Started started:
                _context.Claims.Started(started.DiskTerm);
                _context.Peer.Watch(started.NowNs);
                _context.Claims.Query();
                break;
            case TimerTick:
                NoteOwnPause();
                _context.Claims.Tick();
                _context.Role.OnTick();
                break;
            case LinkUp up:
                _context.Peer.PathUp(up.Path);
                _context.SendHello(up.Path);
                break;
            case LinkDown down:
                _context.Peer.PathDown(down.Path, down.NowNs);
                _context.Role.OnLinkDown(down.Path);
                break;
            case LinkMessageReceived received: Receive(received); break;
            case ArbiterReplied replied: Learn(replied.Reply); break;
            case TermPersisted persisted:
                _context.Claims.Persisted(persisted.Term);
                _context.Role.OnTermPersisted();
                break;
            case PeerSuspected suspected:
                _context.Peer.Suspect(suspected.Reason);
                _context.Role.OnTick();
                break;
            case AvailabilityChanged changed:
                _context.IsAvailable = changed.IsAvailable;
                if (changed.IsAvailable) _context.IsLeaving = false; // it is back
                _context.Role.OnTick();
                break;
            case DisksChanged disks:
                (_context.AreDisksCurrent, _context.AreDisksStale) = (disks.AreCurrent, disks.AreStale);
                _context.Role.OnTick();
                break;
            case PeerAllowed: _context.AllowPeer(); break;
            default: _context.Role.OnShell(happened); break;
        }
    }

    // A process that did not run itself heard nothing, and that is not the peer's fault.
    private void NoteOwnPause()
    {
        if (_context.NowNs - _tickedAtNs >= _context.Settings.PauseNs) _context.Peer.Watch(_context.NowNs);
        _tickedAtNs = _context.NowNs;
    }

    private void Receive(LinkMessageReceived received)
    {
        LinkEnvelope envelope = received.Envelope;
        if (!_context.Peer.Heard(envelope, received.NowNs)) return;
        switch (envelope.Message)
        {
            case Hello hello:
                if (Refusal(hello) is { } reason) Refuse(reason, received.Path, envelope.Incarnation);
                else
                {
                    Learn(hello.Configuration);
                    _context.Role.OnHello(hello, envelope.Incarnation);
                }
                break;
            case PeerRefused refused:
                // The same from the other side's view: what was said here of this run of the peer's is enough.
                if (_refusedRun == envelope.Incarnation || _refusedByRun == envelope.Incarnation) break;
                _refusedByRun = envelope.Incarnation;
                _context.Fault(ProtocolFaultKind.PeerRefused, refused.Reason);
                break;
            case Parcel parcel: _context.Emit(new DeliverParcel(parcel)); break;
            case LeaderBeat beat:
                Learn(beat.Configuration);
                _context.Role.OnMessage(beat, received.Path);
                break;
            case JoinBegin begin:
                Learn(begin.Configuration);
                _context.Role.OnMessage(begin, received.Path);
                break;
            default: _context.Role.OnMessage(envelope.Message, received.Path); break;
        }
    }

    private void Learn(Configuration? configuration)
    {
        if (configuration is not null && _context.Claims.Learn(configuration)) _context.Role.OnConfiguration(configuration);
    }

    private void Learn(ArbiterReply reply)
    {
        if (reply.Machine != _context.Machine) return;
        _context.Claims.Answered();
        if (reply.Current is { } current && _context.Claims.Learn(current)) _context.Role.OnConfiguration(current);
        else _context.Role.OnArbiterAnswered(reply);
    }

    private string? Refusal(Hello hello)
    {
        ReplicaIdentity own = _context.Identity;
        if (hello.Server != own.PeerServer) return $"{own.Self.Server} expects {own.PeerServer} on this link, but {hello.Server} answered.";
        if (hello.Machine != own.Machine) return $"{own.Self.Server} runs machine {own.Machine}, but {hello.Server} runs {hello.Machine}.";
        if (hello.ExecutionRevision != ExecutionRevision.Current)
            return $"The build of {own.Self.Server} executes machines by revision {ExecutionRevision.Current}, that of {hello.Server} by revision {hello.ExecutionRevision}: builds of one revision only run a machine in lockstep.";
        if (hello.DefinitionHash != own.DefinitionHash)
            return $"{own.Self.Server} and {hello.Server} define machine {own.Machine} differently (definition, kernel or initrd): {own.DefinitionHash} and {hello.DefinitionHash}.";
        if (hello.Commit != _context.Settings.Commit)
            return $"{own.Self.Server} commits as {_context.Settings.Commit}, but {hello.Server} as {hello.Commit}; both must be configured alike.";
        return null;
    }

    private void Refuse(string reason, int path, ulong run)
    {
        _context.Peer.Forget();
        _context.Send(new PeerRefused(reason), path);
        if (reason == _refusal) return; // said once, not with every hello
        (_refusal, _refusedRun) = (reason, run);
        _context.Emit(new RefusePeer(reason));
        if (_refusedByRun != run) _context.Fault(ProtocolFaultKind.PeerRefused, reason);
    }
}
