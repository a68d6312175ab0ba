using ActorFT.Storage.Copies;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Mirror;

/// <summary>What scrub finds out about one block that it saw on both copies.</summary>
public enum BlockVerdict : byte
{
    /// <summary>Both are right and equal.</summary>
    Equal = 0,
    /// <summary>The first is wrong by its own checksum; the second is right.</summary>
    FirstWrong = 1,
    /// <summary>The second is wrong by its own checksum; the first is right.</summary>
    SecondWrong = 2,
    /// <summary>Both are wrong by their own checksums.</summary>
    BothWrong = 3,
    /// <summary>Each is right by its own checksum, yet they differ: a copy missed a write. The current side decides.</summary>
    Differ = 4,
}

/// <summary>Compares regions of two copies by their blocks' checksums: for resync, full compare and scrub. Pure.</summary>
public static class RegionCompare
{
    /// <summary>One number for a region's content, so that equal regions cost 8 bytes of traffic.</summary>
    public static ulong Digest(ReadOnlySpan<BlockCheck> checks)
    {
        ulong[] actual = new ulong[checks.Length];
        for (int i = 0; i < checks.Length; i++) actual[i] = checks[i].Actual;
        return BlockHash.Combine(actual);
    }

    /// <summary>
    /// The blocks of a region that must go from source to target so that the target becomes equal, as indices within the region.
    /// </summary>
    /// <param name="source">The current copy's blocks.</param>
    /// <param name="target">The other's.</param>
    /// <param name="unsendable">Blocks that are wrong on the source too and so cannot be sent; null if none.</param>
    public static List<int> BlocksToSend(ReadOnlySpan<BlockCheck> source, ReadOnlySpan<BlockCheck> target, out List<int>? unsendable)
    {
        if (source.Length != target.Length) throw new ArgumentException($"Regions of {source.Length} and {target.Length} blocks are not of one disk.", nameof(target));
        var send = new List<int>();
        unsendable = null;
        for (int i = 0; i < source.Length; i++)
        {
            if (!source[i].IsGood) (unsendable ??= []).Add(i);
            else if (!target[i].IsGood || target[i].Actual != source[i].Actual) send.Add(i);
        }
        return send;
    }

    /// <summary>Judges a block that no write touched while it was looked at on both copies.</summary>
    public static BlockVerdict Judge(BlockCheck first, BlockCheck second) => (first.IsGood, second.IsGood) switch
    {
        (true, true) => first.Actual == second.Actual ? BlockVerdict.Equal : BlockVerdict.Differ,
        (false, true) => BlockVerdict.FirstWrong,
        (true, false) => BlockVerdict.SecondWrong,
        _ => BlockVerdict.BothWrong,
    };
}
