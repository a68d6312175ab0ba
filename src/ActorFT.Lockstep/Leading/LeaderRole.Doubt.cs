using ActorFT.Lockstep.Protocol;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// What the leader knew may be old: it did not run for a while (SIGSTOP, a stalled hypervisor), or acknowledgements were on their way for
/// a while (TCP repeats, when a cut is healed, what was sent before it), and the other server leads by now. So each beat asks the follower
/// whether it follows, and outputs that wait for it leave only for <see cref="LockstepSettings.PauseNs"/> from when a question was asked that it answered:
/// <code>
///            asked            answered             PauseNs after asked          SilenceNs after asked
///  leader  ----+----------------+---sure, may let go----+--what was let go leaves--+--nothing leaves-->
///  follower    +--heard: follows-----------------------------------------------------+--may claim for silence-->
/// </code>
/// Hence a leader that was replaced because nothing was heard from it is silent before its successor claims, whatever the delays; one that
/// was replaced for another reason (every path down) is silent at latest <see cref="LockstepSettings.SilenceNs"/> after, and says until then only
/// what its successor has stored. The arbiter need not be in reach: a pause of the leader must not depend on it while the pair is whole.
/// </summary>
internal sealed partial class LeaderRole
{
    private const int MaxQuestions = 64; // of the last seconds

    private readonly Queue<(ulong Probe, ulong AskedAtNs)> _questions = new();
    private ulong _probe;
    private ulong? _sureSinceNs; // when the latest question that was answered was asked

    /// <summary>Outputs of all rounds before the first have been let go; of those before the second they have left, for certain: what the follower may forget.</summary>
    private ulong _letGoRound, _leftRound;

    private bool IsInDoubt => Holds && Settings.Bug != PlantedBug.NeverDoubt && !(Context.NowNs - _sureSinceNs < Settings.PauseNs);

    public override void BeginStep(bool areOutputsReturned)
    {
        // What the step before let go has left by now, or comes back.
        if (areOutputsReturned) _letGoRound = _leftRound;
        else _leftRound = _letGoRound;
        if (IsInDoubt && Context.NowNs - _beatAtNs >= Settings.HeartbeatNs / 2) SendBeat();
    }

    private ulong Ask()
    {
        _questions.Enqueue((++_probe, Context.NowNs));
        if (_questions.Count > MaxQuestions) _questions.Dequeue();
        return _probe;
    }

    private void OnAnswer(ulong probe)
    {
        while (_questions.TryPeek(out (ulong Probe, ulong AskedAtNs) question) && question.Probe <= probe)
        {
            _questions.Dequeue();
            if (question.Probe == probe) _sureSinceNs = question.AskedAtNs;
        }
        if (Settings.Bug == PlantedBug.TrustLateAnswers) _sureSinceNs = Context.NowNs;
    }

    /// <summary>It is heard, but so late that nothing could ever leave.</summary>
    private string? Lateness()
    {
        if (_stream is not { Phase: StreamPhase.Duplex }) return null;
        ulong sinceNs = Math.Max(_sureSinceNs ?? 0, Peer.WatchedSinceNs);
        return Context.NowNs - sinceNs >= 2 * Settings.SilenceNs ? $"it answered nothing that it was asked within the last {(Context.NowNs - sinceNs) / 1_000_000} ms" : null;
    }
}
