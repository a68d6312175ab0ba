using ActorFT.Lockstep.Terms;

namespace ActorFT.Cluster.Machines;

/// <summary>Which way a machine's frames go on this server.</summary>
public enum NicRoute : byte
{
    /// <summary>None: the gate is closed.</summary>
    Closed = 0,
    /// <summary>Leading: through this server's own NIC.</summary>
    Own = 1,
    /// <summary>Leading: through the peer server's NIC; the own gate is closed.</summary>
    Peer = 2,
    /// <summary>Leading, on the way back: the peer's permission has not ended for certain, so both gates are closed.</summary>
    Returning = 3,
    /// <summary>Following: frames pass here for the leader.</summary>
    Proxy = 4,
}

/// <summary>Times of <see cref="NicRouting"/>.</summary>
public sealed record NicRoutingSettings
{
    /// <summary>How long the own NIC must have been good before the leader comes back to it.</summary>
    public ulong ReturnAfterNs { get; init; } = 5_000_000_000;

    /// <summary>Time between two beats, at most.</summary>
    public ulong BeatNs { get; init; } = 100_000_000;

    /// <summary>
    /// A follower whose latest word answers one of ours that is older than this may have claimed: below the silence after which it does
    /// (<c>lockstep.silence</c>). <see cref="ulong.MaxValue"/>: this server may lead without being sure of it (on-no-arbiter).
    /// </summary>
    public ulong DoubtAfterNs { get; init; } = 400_000_000;

    /// <summary>How long a permission lasts, from the moment that its receiver asked.</summary>
    public ulong LeaseNs { get; init; } = 1_000_000_000;
}

/// <summary>
/// Decides through which server's NIC a machine's frames pass. Pure: told what happened and the time, asked for the route.
/// <code>
///                    own NIC bad and the follower's good
///   leading:    Own -----------------------------------------> Peer
///                ^                                              |  own good for ReturnAfter, or the peer cannot any more
///                |   the peer has shut, or its lease has ended  v
///                +----------------------------------------- Returning
///   following:  Closed, or Proxy while the lease lasts that a leader of the same term gave
/// </code>
/// Invariant: at any time at most one server's gate is open for a term. A follower's is open only while the lease that the leader of its
/// own term gave lasts, and the leader opens its own only after that lease's end or the follower's word that it has shut.
/// A leader that hears of a later term's leader is none any more, whatever its own configuration still says.
/// </summary>
public sealed class NicRouting(NicRoutingSettings settings)
{
    private NicRole _role;
    private ulong _term;
    private bool _isOwnGood = true, _isProven;
    private ulong _ownGoodSinceNs;
    private NicBeat _peer;
    private ulong _peerHeardNs, _peerTerm;
    private NicRoute _leaderRoute = NicRoute.Own;
    private ulong _leaseEndsNs;      // leading: when the peer has certainly shut
    private ulong _askedToShutNs;    // leading: the stamp of the first beat that ended the permission
    private ulong _mayProxyUntilNs;  // following
    private ulong _followedAtNs;     // leading: the latest stamp of ours that the follower of this term has answered

    /// <summary>The role last set.</summary>
    public NicRole Role => _role;

    /// <summary>The term last set.</summary>
    public ulong Term => _term;

    /// <summary>Whether this server's own NIC is good.</summary>
    public bool IsOwnGood => _isOwnGood;

    /// <summary>The role that a configuration gives a server; null when it is no member.</summary>
    public static NicRole? RoleIn(Lockstep.Terms.Configuration? configuration, Member self) =>
        configuration is null ? null : configuration.Leader == self ? NicRole.Leading : configuration.Follower == self ? NicRole.Following : null;

    /// <summary>The replica's role, or its term, changed. A permission of another term ends here.</summary>
    public void SetRole(NicRole role, ulong term, ulong nowNs)
    {
        if (role == _role && term == _term) return;
        (_role, _term, _mayProxyUntilNs) = (role, term, 0);
        // A permission of an earlier term of ours must have ended first.
        (_leaderRoute, _askedToShutNs) = (nowNs < _leaseEndsNs ? NicRoute.Returning : NicRoute.Own, nowNs);
        (_isProven, _followedAtNs) = (true, 0); // the claim was just won
        Decide(nowNs);
    }

    /// <summary>This server's own NIC passes frames, or does not.</summary>
    public void SetOwn(bool isGood, ulong nowNs)
    {
        if (isGood && !_isOwnGood) _ownGoodSinceNs = nowNs;
        _isOwnGood = isGood;
        Decide(nowNs);
    }

    /// <summary>The peer's beat came. One that is older than what is known (paths are not in order with each other) changes nothing.</summary>
    public void Hear(in NicBeat beat, ulong nowNs)
    {
        // A clock that begins anew with its host comes with a new term. Without that an old permission could follow its own end.
        bool isLater = beat.StampNs > _peer.StampNs && (beat.Term == _peerTerm || beat.Role == NicRole.None);
        if (beat.Term <= _peerTerm && !isLater) return;
        _peerTerm = Math.Max(_peerTerm, beat.Term);
        _peer = beat;
        _peerHeardNs = nowNs;
        if (_role == NicRole.Leading && IsPeerFollowingMe && beat.EchoNs <= nowNs) _followedAtNs = Math.Max(_followedAtNs, beat.EchoNs);
        bool isMyLeader = _role == NicRole.Following && beat.Role == NicRole.Leading && beat.Term == _term;
        // An echo that lies ahead is of another run of this host's clock.
        if (isMyLeader) _mayProxyUntilNs = beat.UsesPeer && beat.EchoNs != 0 && beat.EchoNs <= nowNs ? beat.EchoNs + settings.LeaseNs : 0;
        Decide(nowNs);
    }

    /// <summary>The route now. Time alone may change it.</summary>
    public NicRoute Route(ulong nowNs)
    {
        Decide(nowNs);
        return _role switch
        {
            NicRole.Leading => IsSuperseded ? NicRoute.Closed : _leaderRoute,
            NicRole.Following when nowNs < _mayProxyUntilNs => NicRoute.Proxy,
            _ => NicRoute.Closed,
        };
    }

    /// <summary>What to tell the peer now.</summary>
    public NicBeat MakeBeat(ulong nowNs)
    {
        NicRoute route = Route(nowNs);
        // The permission runs from the peer's own stamp, which it made before we heard it.
        if (route == NicRoute.Peer) _leaseEndsNs = Math.Max(_leaseEndsNs, _peerHeardNs + settings.LeaseNs);
        return new NicBeat(_term, _role, _isOwnGood, route == NicRoute.Proxy, route == NicRoute.Peer, nowNs, _peer.StampNs);
    }

    /// <summary>Whether the peer's NIC can serve, as far as is known.</summary>
    public bool CanPeerServe(ulong nowNs) =>
        _peer is { Role: NicRole.Following, IsGood: true } && _peer.Term == _term && nowNs - _peerHeardNs < settings.LeaseNs;

    /// <summary>
    /// Leading: the follower of this term has not answered for so long that it may lead by now. What it acknowledged earlier may still arrive
    /// (a cable that was cut and healed brings old words first), and frees outputs that must not leave here any more.
    /// </summary>
    public bool IsInDoubt(ulong nowNs) => _role == NicRole.Leading && _followedAtNs != 0 && nowNs - _followedAtNs >= settings.DoubtAfterNs;

    /// <summary>Leading: well before a doubt, the follower is asked for a word.</summary>
    public bool ShouldAsk(ulong nowNs) => _role == NicRole.Leading && _followedAtNs != 0 && nowNs - _followedAtNs >= settings.DoubtAfterNs / 2;

    /// <summary>
    /// Leading: whether the machine's address may be announced. Through the peer always: its own term and lease decide. Through the own NIC
    /// only while it is certain that the other server does not lead: by a claim just won, or by the follower's own word. A leader that was
    /// cut off comes back to its own NIC without either, before it is fenced; what it announced would take the survivor's frames away.
    /// </summary>
    public bool MayAnnounce(ulong nowNs)
    {
        NicRoute route = Route(nowNs);
        if (route == NicRoute.Own) return _isProven && !IsInDoubt(nowNs);
        return _role == NicRole.Leading && route == NicRoute.Peer;
    }

    /// <summary>Leading: the own NIC is bad, and the follower's was good when it was last heard: the machine is better off there.</summary>
    public bool IsPeerBetter => _role == NicRole.Leading && !_isOwnGood && _peer is { Role: NicRole.Following, IsGood: true } && _peer.Term == _term;

    private void Decide(ulong nowNs)
    {
        if (_role != NicRole.Leading) return;
        switch (_leaderRoute)
        {
            case NicRoute.Own when !_isOwnGood && CanPeerServe(nowNs):
                _leaderRoute = NicRoute.Peer;
                break;
            case NicRoute.Peer when ShouldReturn(nowNs):
                (_leaderRoute, _askedToShutNs) = (NicRoute.Returning, nowNs);
                break;
            case NicRoute.Returning when nowNs >= _leaseEndsNs || HasPeerShut:
                (_leaderRoute, _leaseEndsNs, _isProven) = (NicRoute.Own, 0, false);
                break;
        }

        if (_leaderRoute == NicRoute.Own && IsPeerFollowingMe && HasPeerShut) _isProven = true;
    }

    // With the own NIC bad, a peer that is merely not heard is still the best there is.
    private bool ShouldReturn(ulong nowNs)
    {
        if (_isOwnGood) return !CanPeerServe(nowNs) || nowNs - _ownGoodSinceNs >= settings.ReturnAfterNs;
        return !CanPeerServe(nowNs) && nowNs - _peerHeardNs < settings.LeaseNs;
    }

    /// <summary>Following: the leader of this term is known to lead, so its own NIC is open.</summary>
    public bool IsPeerLeading => _peer.Role == NicRole.Leading && _peer.Term == _term;

    private bool IsPeerFollowingMe => _peer.Role == NicRole.Following && _peer.Term == _term;

    private bool IsSuperseded => _peer.Role == NicRole.Leading && _peer.Term > _term;

    // Its beat answers one of ours that gave no permission any more.
    private bool HasPeerShut => !_peer.IsProxying && _peer.EchoNs >= _askedToShutNs;
}
