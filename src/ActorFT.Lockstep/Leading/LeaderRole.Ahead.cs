using System.Collections.Immutable;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// Rounds of which the follower is told as they begin: time and inputs are all it needs to run them too. What they put out, which is hashed with the
/// next record, is stored by then as a rule, and leaves at once; and a flush is on its way to both copies at about the same time.
/// <code>
///  told at the end    leader  |--round--|.record.                      .stored. outputs leave
///                     follower                   |--round--|
///  told ahead         leader  |--round--| outputs leave
///                       record.     .stored
///                     follower    |--round--|
/// </code>
/// Invariants: what was told is run as told, whatever becomes of the stream meanwhile; outputs of a round that runs have not left.
/// </summary>
internal sealed partial class LeaderRole
{
    private ulong _executedRound; // rounds that were run to their end
    private bool _isAhead;        // the one that runs is in a record already
    private ulong _outputExpectedUntilNs;

    private void OnRoundBegun(Round round)
    {
        InvariantViolatedException.Require(!_digestAsked && !_isAhead, "A round begins when the one before has ended, and no digest is awaited.");
        if (IsAnswerAwaited(round.Inputs)) ExpectOutput(round.TimeNs);
        if (!MayTellAhead || round.TimeNs >= Math.Max(_flushExpectedUntilNs, _outputExpectedUntilNs)) return;
        if (round.TimeNs - _lastDigestTimeNs >= Settings.DigestIntervalNs) return; // of its end
        Send(_open.CloseAhead(round));
        _isAhead = true;
    }

    // In verified nothing leaves before a digest, which is of a round's end.
    private bool MayTellAhead => Holds && Settings.Commit == CommitMode.Received;

    private void ExpectOutput(ulong timeNs) => _outputExpectedUntilNs = timeNs + Settings.OutputExpectedNs;

    private static bool IsAnswerAwaited(ImmutableArray<MachineInput> inputs)
    {
        foreach (MachineInput input in inputs) if (input is FrameReceived or ConsoleTyped) return true;
        return false;
    }
}
