namespace ActorFT.Storage.Copies;

/// <summary>What opening a copy found after an end that was not clean.</summary>
/// <param name="JournalRecords">Records of the last epoch; 0 after a clean end.</param>
/// <param name="BlocksRedone">Blocks written again from the journal's content.</param>
/// <param name="BlocksInDoubt">Blocks whose last write may not have reached the image.</param>
/// <param name="OldContentKept">Of those: blocks found with an earlier content, which no flush had superseded.</param>
/// <param name="TornAccepted">Of those: blocks found half written; their content is what a disk leaves after a power cut.</param>
/// <param name="Unreadable">Of those: blocks that the device cannot read.</param>
/// <param name="IsDirtyUnknown">Whether a page of dirty regions was lost: everything it covers is taken for dirty.</param>
public sealed record RecoveryReport(int JournalRecords, int BlocksRedone, int BlocksInDoubt, int OldContentKept, int TornAccepted, int Unreadable, bool IsDirtyUnknown)
{
    /// <summary>Nothing to recover.</summary>
    public static RecoveryReport Clean { get; } = new(0, 0, 0, 0, 0, 0, false);
}
