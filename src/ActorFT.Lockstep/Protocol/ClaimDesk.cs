using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// This replica's dealings with the arbiter. It keeps what is wanted, marks the disks first, asks, asks again, and learns.
/// <code>
///  Idle --Want--> Marking --TermPersisted--> Asking --(newer configuration)--> Idle       granted or not: whoever
///                                              | Withdraw                                  wants still, wants anew
///                                              v
///                                            Open: queries until the outcome is known
/// </code>
/// Invariant: a claim that was sent stays open until a configuration of a newer term is known, for until then it may still be
/// granted. Replies carry only the current configuration, so order, loss and repetition do no harm.
/// </summary>
internal sealed class ClaimDesk
{
    private readonly ReplicaContext _context;
    private Configuration? _wanted;
    private bool _isColdStart;
    private ulong _askedForTerm; // the term that a claim that was sent would begin; 0 for none
    private ulong _askedAtNs, _openSinceNs, _persistAskedTerm;

    public ClaimDesk(ReplicaContext context) => _context = context;

    /// <summary>The newest configuration known, from the arbiter or the peer.</summary>
    public Configuration? Known { get; private set; }

    /// <summary>The arbiter has answered since this run began.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>The term known; 0 for none.</summary>
    public ulong KnownTerm => Known?.Term ?? 0;

    /// <summary>The term that this server's disks are marked with.</summary>
    public ulong PersistedTerm { get; private set; }

    /// <summary>A claim was sent whose outcome is not known.</summary>
    public bool IsOpen => _askedForTerm > KnownTerm;

    /// <summary>What is wanted at present.</summary>
    public Configuration? Wanted => _wanted;

    /// <summary>Whether something is wanted, or open, for so long that the arbiter counts as out of reach.</summary>
    public bool IsStuck => (_wanted is not null || IsOpen) && _context.NowNs - _openSinceNs >= _context.Settings.ArbiterTimeoutNs;

    public void Started(ulong diskTerm) => PersistedTerm = _persistAskedTerm = diskTerm;

    /// <summary>Wants a configuration that follows the known one. Wanting the same again is free.</summary>
    public void Want(Member leader, Member? follower, bool isColdStart = false)
    {
        var wanted = new Configuration(KnownTerm + 1, leader, follower);
        if (wanted == _wanted && isColdStart == _isColdStart) return;
        if (_wanted is null && !IsOpen) _openSinceNs = _context.NowNs;
        (_wanted, _isColdStart) = (wanted, isColdStart);
        MarkAndAsk();
    }

    /// <summary>Does not want it any more. If it was asked for, the outcome is still to be learnt.</summary>
    public void Withdraw() => _wanted = null;

    /// <summary>The disks are marked.</summary>
    public void Persisted(ulong term)
    {
        PersistedTerm = term;
        if (_wanted is not null && !IsAsked) MarkAndAsk();
    }

    /// <summary>Marks the disks with a term, if they are not marked with it or a newer one; 0 marks them stale whatever they are.</summary>
    public void Persist(ulong term)
    {
        if (term == 0 ? _persistAskedTerm == 0 : _persistAskedTerm >= term) return;
        _persistAskedTerm = term;
        _context.Emit(new PersistTerm(term));
    }

    /// <summary>A configuration became known; whether it is news.</summary>
    public bool Learn(Configuration configuration)
    {
        if (configuration.Term <= KnownTerm) return false;
        Known = configuration;
        if (_wanted is not null && _wanted.Term <= configuration.Term) _wanted = null;
        return true;
    }

    /// <summary>The arbiter answered.</summary>
    public void Answered() => HasAnswered = true;

    /// <summary>Asks the arbiter for the current configuration, not more often than the retry interval allows.</summary>
    public void Query()
    {
        if (_context.NowNs - _askedAtNs < _context.Settings.ArbiterRetryNs && _askedAtNs != 0) return;
        Ask(new ArbiterQuery(_context.Machine));
    }

    public void Tick()
    {
        if (_wanted is null && !IsOpen) return;
        if (_context.NowNs - _askedAtNs < _context.Settings.ArbiterRetryNs) return;
        if (_wanted is not null) MarkAndAsk();
        else Ask(new ArbiterQuery(_context.Machine));
    }

    private bool IsAsked => _wanted is not null && _askedForTerm == _wanted.Term;

    // Disks are marked with a term before anyone can lead in it, so that disks of a member are never marked older than
    // the arbiter's term (and older marks mean: not these disks).
    private void MarkAndAsk()
    {
        InvariantViolatedException.Require(_wanted!.Term == KnownTerm + 1, "A claim follows the known configuration.");
        if (PersistedTerm < _wanted.Term && _wanted.Contains(_context.Self))
        {
            Persist(_wanted.Term);
            return;
        }
        _askedForTerm = _wanted.Term;
        Ask(new ArbiterClaim(_context.Machine, _context.Self, KnownTerm, _wanted, _isColdStart));
    }

    private void Ask(ArbiterRequest request)
    {
        _askedAtNs = _context.NowNs;
        _context.Emit(new AskArbiter(request));
    }
}
