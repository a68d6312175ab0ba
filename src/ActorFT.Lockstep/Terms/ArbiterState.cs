using System.Collections.Immutable;

namespace ActorFT.Lockstep.Terms;

/// <summary>What happens to the arbiter.</summary>
public abstract record ArbiterEvent;

/// <summary>A request came in.</summary>
/// <param name="From">Whom to answer; opaque to the arbiter.</param>
/// <param name="Request">The request.</param>
public sealed record ArbiterRequestReceived(object From, ArbiterRequest Request) : ArbiterEvent;

/// <summary>A configuration asked for by <see cref="StoreConfiguration"/> is on stable storage.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Term">The configuration's term.</param>
public sealed record ConfigurationStored(string Machine, ulong Term) : ArbiterEvent;

/// <summary>What the arbiter's shell must do, in order.</summary>
public abstract record ArbiterEffect;

/// <summary>Make the configuration durable, then report <see cref="ConfigurationStored"/>.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Configuration">What to keep instead of the one before.</param>
public sealed record StoreConfiguration(string Machine, Configuration Configuration) : ArbiterEffect;

/// <summary>Answer.</summary>
/// <param name="To">Who asked.</param>
/// <param name="Reply">The answer.</param>
public sealed record ReplyToServer(object To, ArbiterReply Reply) : ArbiterEffect;

/// <summary>
/// The arbiter: for each machine one configuration, changed by compare-and-set, durable before it is told to anyone.
/// <code>
///            claim, allowed                    stored
///  Settled ------------------> Storing ----------------------> Settled     (replies; then the requests that waited)
///     | query, refused claim      | any request: waits
///     v reply                     v
/// </code>
/// Invariant: what it has told anyone is on stable storage; terms rise by one.
/// Not here: storage, addresses, who is alive. The arbiter guesses nothing: the first allowed claim wins.
/// </summary>
public sealed class ArbiterState
{
    /// <summary>Machines one arbiter serves; claims for more are answered as if the machine never ran, and not granted.</summary>
    public const int MaxMachines = 1024;

    /// <summary>Requests that may wait for one machine's store; later ones are dropped, their senders ask again.</summary>
    public const int MaxWaiting = 64;

    private readonly SortedDictionary<string, Entry> _machines = new(StringComparer.Ordinal);
    private readonly List<ArbiterEffect> _effects = [];
    private readonly bool _ignoresMembership, _repliesBeforeStored;

    /// <summary>Starts from what stable storage holds.</summary>
    public ArbiterState(IEnumerable<KeyValuePair<string, Configuration>> stored) : this(stored, ignoresMembership: false, repliesBeforeStored: false) { }

    // The two switches plant bugs for the simulation to find.
    internal ArbiterState(IEnumerable<KeyValuePair<string, Configuration>> stored, bool ignoresMembership, bool repliesBeforeStored)
    {
        foreach ((string machine, Configuration configuration) in stored) _machines.Add(machine, new Entry { Current = configuration });
        (_ignoresMembership, _repliesBeforeStored) = (ignoresMembership, repliesBeforeStored);
    }

    /// <summary>The durable configurations, by machine.</summary>
    public ImmutableSortedDictionary<string, Configuration> Configurations =>
        _machines.Where(pair => pair.Value.Current is not null).ToImmutableSortedDictionary(pair => pair.Key, pair => pair.Value.Current!, StringComparer.Ordinal);

    /// <summary>Takes an event; gives what to do, valid until the next call.</summary>
    public IReadOnlyList<ArbiterEffect> Step(ArbiterEvent happened)
    {
        _effects.Clear();
        switch (happened)
        {
            case ArbiterRequestReceived received: Receive(received); break;
            case ConfigurationStored stored: Settle(stored); break;
        }
        return _effects;
    }

    private void Receive(ArbiterRequestReceived received)
    {
        string machine = received.Request.Machine;
        if (machine.Length is 0 or > Member.MaxNameLength) return;
        if (!_machines.TryGetValue(machine, out Entry? entry))
        {
            if (received.Request is not ArbiterClaim || _machines.Count >= MaxMachines)
            {
                _effects.Add(new ReplyToServer(received.From, new ArbiterReply(machine, null)));
                return;
            }
            _machines.Add(machine, entry = new Entry());
        }
        if (entry.Storing is null) Answer(machine, entry, received);
        else if (entry.Waiting.Count < MaxWaiting) entry.Waiting.Enqueue(received);
    }

    private void Answer(string machine, Entry entry, ArbiterRequestReceived received)
    {
        if (received.Request is ArbiterClaim claim && claim.Wanted != entry.Current && IsAllowed(entry.Current, claim))
        {
            entry.Storing = claim.Wanted;
            entry.Claim = received;
            _effects.Add(new StoreConfiguration(machine, claim.Wanted));
            if (_repliesBeforeStored) _effects.Add(new ReplyToServer(received.From, new ArbiterReply(machine, claim.Wanted)));
            return;
        }
        _effects.Add(new ReplyToServer(received.From, new ArbiterReply(machine, entry.Current)));
    }

    private void Settle(ConfigurationStored stored)
    {
        if (!_machines.TryGetValue(stored.Machine, out Entry? entry) || entry.Storing?.Term != stored.Term) return;
        InvariantViolatedException.Require(entry.Storing.Term == (entry.Current?.Term ?? 0) + 1, "Terms rise by one.");
        entry.Current = entry.Storing;
        entry.Storing = null;
        _effects.Add(new ReplyToServer(entry.Claim!.From, new ArbiterReply(stored.Machine, entry.Current)));
        while (entry.Storing is null && entry.Waiting.TryDequeue(out ArbiterRequestReceived? waiting)) Answer(stored.Machine, entry, waiting);
    }

    // Only a member of the current configuration may change it, and only in the ways its role allows: so a server that
    // missed anything can never come to lead (design.md §3, rules 2 and 5).
    private bool IsAllowed(Configuration? current, ArbiterClaim claim)
    {
        Configuration wanted = claim.Wanted;
        if (wanted.Term != claim.ExpectedTerm + 1 || claim.ExpectedTerm != (current?.Term ?? 0)) return false;
        if (wanted.Follower?.Server == wanted.Leader.Server) return false;
        bool actsAlone = wanted.Leader == claim.Claimant && wanted.Follower is null;
        if (current is null) return claim.IsColdStart && actsAlone;
        if (_ignoresMembership && actsAlone) return true;
        if (claim.IsColdStart) return actsAlone && current.ContainsServer(claim.Claimant.Server);
        if (current.Follower == claim.Claimant) return actsAlone;
        if (current.Leader != claim.Claimant) return false;
        return wanted.Leader == claim.Claimant || wanted.Leader == current.Follower && (wanted.Follower is null || wanted.Follower == claim.Claimant);
    }

    private sealed class Entry
    {
        public Configuration? Current { get; set; }
        public Configuration? Storing { get; set; }
        public ArbiterRequestReceived? Claim { get; set; }
        public Queue<ArbiterRequestReceived> Waiting { get; } = new();
    }
}
