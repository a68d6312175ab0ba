using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// One of a replica's three roles. Events that a role does not handle are stale (asked for by a role that was left) and
/// are ignored.
/// </summary>
internal abstract class ReplicaRole(ReplicaContext context)
{
    protected ReplicaContext Context { get; } = context;
    protected LockstepSettings Settings => Context.Settings;
    protected ClaimDesk Claims => Context.Claims;
    protected PeerMonitor Peer => Context.Peer;

    public abstract ReplicaStatus Status { get; }

    /// <summary>Whether the other replica takes part in the machine with this one.</summary>
    public virtual bool HasPeer => false;

    /// <summary>Whether the configuration, as it is known here, names this replica.</summary>
    public virtual bool IsMember => false;

    public virtual void Enter() { }

    /// <summary>An event is about to be taken. Everything that was emitted before is done, but what is returned.</summary>
    /// <param name="areOutputsReturned">Whether the event is <see cref="OutputsReturned"/>.</param>
    public virtual void BeginStep(bool areOutputsReturned) { }

    /// <summary>Adds what the role knows to a hello.</summary>
    public abstract Hello Introduce(Hello hello);

    /// <summary>The peer's hello fits.</summary>
    public abstract void OnHello(Hello hello, ulong incarnation);

    public abstract void OnMessage(LinkMessage message, int path);

    /// <summary>A newer configuration than any before became known.</summary>
    public abstract void OnConfiguration(Configuration configuration);

    /// <summary>The arbiter's answer brought nothing new.</summary>
    public virtual void OnArbiterAnswered(ArbiterReply reply) { }

    public virtual void OnTermPersisted() { }

    public virtual void OnLinkDown(int path) { }

    public abstract void OnTick();

    /// <summary>An event of the shell that concerns this role.</summary>
    public virtual void OnShell(ProtocolEvent happened) { }
}
