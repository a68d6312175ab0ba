using System.IO.Hashing;
using System.Text;

namespace ActorFT.Storage.Metadata;

/// <summary>
/// The checksum of a block: XXH3-64 of its bytes, seeded with the disk's name and the block's position, so that a block
/// written to or read from the wrong place is found out too. Equal on both copies: comparing checksums compares content.
/// </summary>
public static class BlockHash
{
    /// <summary>The checksum of a block of zeroes, so that a fresh, sparse disk has a fresh, sparse checksum table.</summary>
    public const ulong Zero = 0;

    /// <summary>Matches no content: the checksum was lost and the block must be compared or written anew.</summary>
    public const ulong Unknown = ulong.MaxValue;

    /// <summary>The seed of a disk: from its names alone, so that both servers have it before they ever met.</summary>
    public static ulong Seed(string machine, string disk) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(machine + "/" + disk), 0x41637446);

    /// <summary>The checksum of the block's content.</summary>
    public static ulong Compute(ulong seed, long block, ReadOnlySpan<byte> content)
    {
        if (content.IndexOfAnyExcept((byte)0) < 0) return Zero;
        ulong hash = XxHash3.HashToUInt64(content, unchecked((long)(seed + (ulong)block * 0x9E3779B97F4A7C15)));
        return hash switch { Zero => 1, Unknown => Unknown - 1, _ => hash };
    }

    /// <summary>One checksum for a list of them, for a region.</summary>
    public static ulong Combine(ReadOnlySpan<ulong> checksums) => XxHash3.HashToUInt64(System.Runtime.InteropServices.MemoryMarshal.AsBytes(checksums), 0);
}
