using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Protocol;

/// <summary>Who this replica is: given once, at start.</summary>
/// <param name="Self">This run of this server.</param>
/// <param name="PeerServer">The other server's name.</param>
/// <param name="Machine">The machine's name.</param>
/// <param name="DefinitionHash"><see cref="Records.MachineIdentity.Of"/>.</param>
public sealed record ReplicaIdentity(Member Self, string PeerServer, string Machine, Digest DefinitionHash);

/// <summary>What the roles of one replica share, and what outlives a change of role.</summary>
internal sealed class ReplicaContext
{
    private readonly List<Effect> _effects = [];
    private readonly Queue<ulong> _isolatedAtNs = new();
    private ulong _sequence;

    public ReplicaContext(ReplicaIdentity identity, LockstepSettings settings)
    {
        Identity = identity;
        Settings = settings;
        Peer = new PeerMonitor(settings);
        Clock = new RoundClock(settings.Bug == PlantedBug.ClockGoesBack);
        Claims = new ClaimDesk(this);
    }

    public ReplicaIdentity Identity { get; }
    public LockstepSettings Settings { get; }
    public PeerMonitor Peer { get; }
    public RoundClock Clock { get; }
    public ClaimDesk Claims { get; }
    public ReplicaRole Role { get; private set; } = null!;
    public ulong NowNs { get; set; }
    public Member Self => Identity.Self;
    public string Machine => Identity.Machine;

    /// <summary>May be a replica: disks usable, not in maintenance.</summary>
    public bool IsAvailable { get; set; } = true;

    /// <summary>This server's disk copies lack nothing: it may go on alone, and boot.</summary>
    public bool AreDisksCurrent { get; set; } = true;

    /// <summary>Whether they lack what the other server's have.</summary>
    public bool AreDisksStale { get; set; }

    /// <summary>The newest stream this replica was offered: older offers that come late are ignored.</summary>
    public StreamId LastStream { get; set; }

    /// <summary>Was asked to leave in order.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>The peer is taken in again not before this time.</summary>
    public ulong ReprotectAfterNs { get; private set; }

    /// <summary>The peer stays out until an operator allows it.</summary>
    public bool IsPeerLeftOut { get; private set; }

    public List<Effect> Effects => _effects;

    public void Emit(Effect effect) => _effects.Add(effect);

    public void Send(LinkMessage message, int? path = null) =>
        Emit(new SendLink(LinkChannel.Log, new LinkEnvelope(Self.Incarnation, ++_sequence, message), path));

    public void SendBulk(LinkMessage message, int path) =>
        Emit(new SendLink(LinkChannel.Bulk, new LinkEnvelope(Self.Incarnation, ++_sequence, message), path));

    public void SendHello(int? path = null) => Send(Role.Introduce(new Hello
    {
        Server = Self.Server,
        Machine = Machine,
        DefinitionHash = Identity.DefinitionHash,
        Commit = Settings.Commit,
        IsAvailable = IsAvailable && !IsLeaving,
        AreDisksCurrent = AreDisksCurrent,
        DiskTerm = Claims.PersistedTerm,
        Configuration = Claims.Known,
    }), path);

    public void Fault(ProtocolFaultKind kind, string message, ulong round = 0) => Fault(kind, message, round, [], []);

    public void Fault(ProtocolFaultKind kind, string message, ulong round, ImmutableArray<ComponentDigest> own, ImmutableArray<ComponentDigest> peer) =>
        Emit(new RaiseFault(new ProtocolFault(kind, message, Claims.KnownTerm, round, own, peer)));

    /// <summary>A self-check found memory of this replica that changed without being written.</summary>
    public void NoteChangedMemory(ulong round, ImmutableArray<ComponentDigest> components)
    {
        string pages = ComponentDigest.DescribePages(components);
        Fault(ProtocolFaultKind.MemoryChanged, $"Memory of {Self.Server} changed without being written{(pages.Length == 0 ? "" : $": {pages} of machine {Machine}")}.",
            round, [.. components.Where(part => part.IsOfCorruptedPage)], []);
    }

    /// <summary>Changes the role. The old role's code returns at once after this.</summary>
    public void Become(ReplicaRole role)
    {
        Role = role;
        role.Enter();
    }

    /// <summary>This replica stops being one: it lost, was left out, or asked to go.</summary>
    public void FenceAndWait(string reason)
    {
        Claims.Withdraw(); // what was wanted as a member, a server that waits must not be given
        Emit(new Fence(reason));
        Fault(ProtocolFaultKind.Fenced, $"{Self.Server} stopped its replica: {reason}.");
        Become(new Joining.JoinerRole(this));
    }

    /// <summary>The peer was isolated by policy: wait before it is taken in again, and for ever when it happens too often.</summary>
    public void NoteIsolation()
    {
        _isolatedAtNs.Enqueue(NowNs);
        while (_isolatedAtNs.Count != 0 && NowNs - _isolatedAtNs.Peek() > Settings.IsolationWindowNs) _isolatedAtNs.Dequeue();
        ReprotectAfterNs = NowNs + Settings.ReprotectDelayNs;
        if (_isolatedAtNs.Count < Settings.MaxIsolations || IsPeerLeftOut) return;
        IsPeerLeftOut = true;
        Fault(ProtocolFaultKind.PeerLeftOut, $"{Identity.PeerServer} was isolated {_isolatedAtNs.Count} times; it stays out until an operator allows it.");
    }

    /// <summary>The peer stays out until it is allowed, because an operator wants it so.</summary>
    public void LeaveOutPeer() => IsPeerLeftOut = true;

    public void AllowPeer()
    {
        _isolatedAtNs.Clear();
        IsPeerLeftOut = false;
        ReprotectAfterNs = NowNs;
    }
}
