namespace ActorFT.Storage.Copies;

/// <summary>Blocks written and not yet in the image, the latest content of each; null is a block of zeroes. Guarded by its copy's lock.</summary>
internal sealed class WriteBatch(ulong sequence)
{
    /// <summary>Rises from batch to batch: the order of writes as the mirror counts it.</summary>
    internal ulong Sequence { get; } = sequence;

    internal Dictionary<long, byte[]?> Blocks { get; } = [];
}

/// <summary>What a flush covers: everything written before it began.</summary>
/// <param name="Sequence">The last write sequence covered; local to this copy and this opening of it.</param>
public readonly record struct FlushTicket(ulong Sequence);
