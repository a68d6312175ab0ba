using System.Collections.Immutable;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// Unequal executions. Two replicas alone cannot tell which is right, so each checks itself: memory that changed without
/// being written, or a host that knows it is sick, is evidence. Evidence decides; without it, or against both, policy does.
/// Rounds stand still meanwhile, so that no more is done on a doubtful state.
/// </summary>
internal sealed partial class LeaderRole
{
    private sealed class Divergence(ulong round, ulong sinceNs)
    {
        public ulong Round { get; } = round;
        public ulong SinceNs { get; } = sinceNs;
        public bool? IsSelfSound { get; set; }
        public bool? IsPeerSound { get; set; }
        public ImmutableArray<ComponentDigest> Own { get; set; } = [];
        public ImmutableArray<ComponentDigest> Peer { get; set; } = [];
        public bool IsDecided { get; set; }
    }

    private Divergence? _divergence;
    private bool _yields; // this replica is the faulty one: the peer shall lead alone

    private void OnDigestsDiffer(ulong round) => NoteDivergence(round);

    private void OnFollowerDiverged(FollowerDiverged diverged)
    {
        if (Settings.Bug == PlantedBug.IgnoreDivergence) return;
        NoteDivergence(diverged.Round);
        (_divergence!.IsPeerSound, _divergence.Peer) = (diverged.IsSound, diverged.Components);
        DecideDivergence();
    }

    private void NoteDivergence(ulong round)
    {
        if (_divergence is not null) return;
        _divergence = new Divergence(round, Context.NowNs) { Own = _stream!.Window!.ComponentsAt(round) };
        Context.Emit(new CheckSelf());
    }

    private void OnSelfChecked(SelfChecked check)
    {
        if (_divergence is null)
        {
            if (!check.IsSound) OnOwnMemoryChanged(check);
            return;
        }
        if (!check.IsSound) Context.NoteChangedMemory(_divergence.Round, check.Components);
        _divergence.IsSelfSound = check.IsSound;
        // Of the same round as the follower's if they were kept; else of now, which still tells what the check found.
        if (_divergence.Own.IsEmpty) _divergence.Own = check.Components;
        else _divergence.Own = [.. _divergence.Own, .. check.Components.Where(part => _divergence.Own.All(own => own.Component != part.Component))]; // such as a page that is not what was written
        DecideDivergence();
    }

    /// <summary>A lead that could not be given away is tried to be given away again after so many times the time it took: rounds stand still meanwhile.</summary>
    private const ulong HurtAgainFactor = 5;

    private bool _isHurt; // memory of this replica changed where nothing shows it yet: the peer shall lead, and this one goes
    private ulong _hurtAgainNs;

    // Nothing differs so far, so that there is time to hand over in order, and no hurry to stand still without an arbiter. What the guest
    // comes upon meanwhile differs by then, and is a divergence.
    private void OnOwnMemoryChanged(SelfChecked check)
    {
        if (_stream is not { CarriesRecords: true })
        {
            AcceptMemory(check);
            return;
        }
        // Not in lockstep: the peer has what was written, and is being taken in or left out. This is found again when that is decided.
        if (!IsDuplex || _handOver != HandOverStep.None || Context.NowNs < _hurtAgainNs) return;
        if (!_isHurt) Context.NoteChangedMemory(_executedRound, check.Components);
        _isHurt = true;
        Claims.Query();
    }

    public override void OnArbiterAnswered(ArbiterReply reply)
    {
        if (_isHurt && _handOver == HandOverStep.None && IsDuplex && _divergence is null && !Claims.IsOpen) BeginHandOver();
        OnArbiterIsThere();
        Advance();
    }

    // There is nothing better: going on beats stopping, and being copied beats staying alone with it.
    private void AcceptMemory(SelfChecked check)
    {
        string pages = ComponentDigest.DescribePages(check.Components);
        Context.Fault(ProtocolFaultKind.MemoryCorrupt,
            $"{Context.Self.Server} runs the only copy of machine {Context.Machine}, and its memory changed without being written{(pages.Length == 0 ? "" : $" ({pages})")}; it goes on as it is.",
            _executedRound, check.Components, []);
        Context.Emit(new AcceptMemory());
    }

    // A follower that is too far gone to answer is judged by policy.
    private void TickDivergence()
    {
        if (_divergence is not { IsDecided: false, IsPeerSound: null } || Context.NowNs - _divergence.SinceNs < Settings.SilenceNs) return;
        _divergence.IsPeerSound = true;
        DecideDivergence();
    }

    private void DecideDivergence()
    {
        if (_divergence is not { IsDecided: false, IsSelfSound: { } isSelfSound, IsPeerSound: { } isPeerSound } divergence) return;
        divergence.IsDecided = true;
        bool isEvident = isSelfSound != isPeerSound;
        bool followerGoes = isEvident ? isSelfSound : Settings.OnDivergence == DivergencePolicy.IsolateFollower;
        bool leaderGoes = isEvident ? !isSelfSound : Settings.OnDivergence == DivergencePolicy.IsolateLeader;
        if (leaderGoes && _stream is not { MayBeMember: true }) (followerGoes, leaderGoes) = (true, false); // nobody could lead in its place
        string verdict = followerGoes ? $"{_stream!.Peer.Server} is isolated" : leaderGoes ? $"{Context.Self.Server} is isolated" : "the machine stands still until an operator decides";
        string pages = ComponentDigest.DescribePages(isSelfSound ? divergence.Peer : divergence.Own);
        string why = isEvident ? $"its self-check found it faulty{(pages.Length == 0 ? "" : $": {pages}")}" : isSelfSound ? "both self-checks found nothing, so policy decides" : "both self-checks found faults, so policy decides";
        Context.Fault(ProtocolFaultKind.Divergence, $"The replicas of machine {Context.Machine} differ before round {divergence.Round}: {verdict} ({why}).",
            divergence.Round, divergence.Own, divergence.Peer);
        if (followerGoes) DropByPolicy("its execution diverged");
        _yields = leaderGoes;
    }
}
