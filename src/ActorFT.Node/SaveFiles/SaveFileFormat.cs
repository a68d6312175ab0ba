using System.Buffers.Binary;
using System.IO.Hashing;

namespace ActorFT.Node.SaveFiles;

/// <summary>
/// The save file: a whole machine between two rounds (docs/save-format.md).
/// <code>
/// "AFTSAV\r\n"  version u16
/// section*      tag 4 bytes, length u32, payload, XxHash3 of all three u64        little-endian
///   HEAD        the machine's identity (RecordLogHeader), round u64, time u64, digest 2 x u64, pages u32
///   DEVS        everything but RAM, as IMachine.SaveDevices writes it
///   PAGE*       count u32, count page numbers u32, count x 4096 bytes; non-zero pages in rising order
///   DONE        pages u32, XxHash3 over the hashes of all sections before u64
/// </code>
/// Invariant: nothing follows DONE. A reader believes nothing before it saw DONE.
/// </summary>
internal static class SaveFileFormat
{
    /// <summary>The version this build writes and reads.</summary>
    public const ushort Version = 1;

    /// <summary>Pages in one PAGE section, at most.</summary>
    public const int PagesPerSection = 256;

    /// <summary>Bytes before a section's payload, and after it.</summary>
    public const int SectionHeadBytes = 8, SectionTailBytes = 8;

    /// <summary>Bytes before the first section.</summary>
    public const int PreambleBytes = 10;

    /// <summary>The file's first bytes; CR LF shows a transfer that changed line ends.</summary>
    public static ReadOnlySpan<byte> Magic => "AFTSAV\r\n"u8;

    /// <summary>The tags.</summary>
    public const string Head = "HEAD", Devices = "DEVS", Pages = "PAGE", Done = "DONE";

    /// <summary>Most bytes of a section's payload.</summary>
    public static int LimitBytes(string tag) => tag switch
    {
        Head => 1 << 20,
        Devices => 256 << 20,
        Pages => 4 + PagesPerSection * (4 + 4096),
        _ => 64,
    };

    /// <summary>A section's hash: over tag, length and payload.</summary>
    public static ulong Hash(ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload)
    {
        var hash = new XxHash3();
        hash.Append(head);
        hash.Append(payload);
        return hash.GetCurrentHashAsUInt64();
    }

    /// <summary>Adds a section's hash to the hash over all.</summary>
    public static void Chain(XxHash3 all, ulong sectionHash)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, sectionHash);
        all.Append(bytes);
    }
}
