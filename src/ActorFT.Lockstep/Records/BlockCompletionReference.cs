using System.IO.Hashing;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// Stands for a <see cref="BlockCompleted"/> in a record of <see cref="BlockDataMode.Hashed"/>. No machine takes it: whoever
/// executes the record puts the completion of its own copy of the disk in its place, after <see cref="Matches"/>.
/// </summary>
/// <param name="DiskIndex">The disk's position in the machine's definition.</param>
/// <param name="RequestId">The id of the request.</param>
/// <param name="Status">How the request ended for the leader.</param>
/// <param name="LengthBytes">How many bytes were read; 0 for anything but a read that ended well.</param>
/// <param name="DataHash">XxHash3 of those bytes; 0 when there are none.</param>
public sealed record BlockCompletionReference(int DiskIndex, ulong RequestId, BlockStatus Status, int LengthBytes, ulong DataHash) : MachineInput
{
    /// <summary>The reference to a completion.</summary>
    public static BlockCompletionReference Of(BlockCompleted completion) => new(
        completion.DiskIndex, completion.RequestId, completion.Status, completion.Data.Length, Hash(completion.Data.Span));

    /// <summary>Whether another copy's completion says the same, bytes included. False is a disk fault of one of the two servers.</summary>
    public bool Matches(BlockCompleted completion) => Of(completion) == this;

    /// <summary>What the machine of a replica that executes the record is given.</summary>
    /// <param name="own">How the request ended at this replica's own disk.</param>
    /// <param name="hasLeader">
    /// Whether the leader is there: its digests tell what came of other bytes, and a change that failed here comes from its copy. A replica that won against it has neither.
    /// </param>
    /// <param name="differs">Whether it ended otherwise than for the leader, bytes included, though for the leader it ended well.</param>
    /// <returns>Null: this replica cannot come to where the leader was, and clients saw what came of it (design.md §3 rules 3 and 4).</returns>
    public BlockCompleted? For(BlockCompleted own, bool hasLeader, out bool differs)
    {
        differs = Status == BlockStatus.Ok && !Matches(own);
        if (Status != BlockStatus.Ok) return own with { Status = Status, Data = default };
        if (!differs) return own;
        return hasLeader && (own.Status == BlockStatus.Ok || LengthBytes == 0) ? own with { Status = BlockStatus.Ok } : null;
    }

    private static ulong Hash(ReadOnlySpan<byte> data) => data.IsEmpty ? 0 : XxHash3.HashToUInt64(data);
}
