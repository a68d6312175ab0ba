using ActorFT.Machine.State;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>How far a copy may be relied on.</summary>
public enum CopyUse : byte
{
    /// <summary>It takes no requests: failed, isolated or not there. The peer's copy serves.</summary>
    Out = 0,
    /// <summary>It is written, and lacks regions that come from the peer.</summary>
    Rebuilding = 1,
    /// <summary>It lacks nothing but, for a moment, bad blocks.</summary>
    Current = 2,
}

/// <summary>How the peer's copy answers what this server's replica asks for.</summary>
public enum PeerAnswer : byte
{
    /// <summary>Done; a read's data come with it.</summary>
    Ok = 0,
    /// <summary>The peer's own copy could not do it.</summary>
    Bad = 1,
    /// <summary>The peer did it too long ago and kept no result.</summary>
    Gone = 2,
}

/// <summary>What the two copies of one disk say to each other. Every message may be lost, late or repeated; those of another pairing are ignored.</summary>
internal abstract record MirrorMessage;

/// <summary>How my copy stands. Repeated.</summary>
internal sealed record CopyStands(CopyUse Use, string Reason) : MirrorMessage;

/// <summary>Tell me what your copy is and what may differ.</summary>
internal sealed record InventoryWanted : MirrorMessage;

/// <summary>What my copy is, and the regions in which yours may differ, recorded durably here. <paramref name="Base"/>: the position that your replica began at; <paramref name="Position"/>: what my replica made up to here is in the regions.</summary>
internal sealed record Inventory(CopyUse Use, Guid DiskId, long CapacityBytes, int RegionBytes, bool NeedsFullCompare, ulong Base, ulong Position, int[] DirtyRegions) : MirrorMessage;

/// <summary>Tell me the result of a request that both replicas make.</summary>
internal sealed record ResultWanted(ulong RequestId, ulong OffsetBytes, ulong LengthBytes) : MirrorMessage;

/// <summary>The result.</summary>
internal sealed record ResultTold(ulong RequestId, PeerAnswer Answer, ReadOnlyMemory<byte> Data) : MirrorMessage;

/// <summary>Send me a region as it is after a mutation (or later): the blocks whose checksums differ from mine.</summary>
internal sealed record RegionWanted(int Region, ulong NotBefore, ulong[] Checksums) : MirrorMessage;

/// <summary>The region exactly after the mutation <paramref name="AsOf"/>. Unsendable blocks are bad here too.</summary>
internal sealed record RegionTold(int Region, ulong AsOf, bool IsRefused, (int Block, ReadOnlyMemory<byte> Content)[] Blocks, int[] Unsendable) : MirrorMessage;

/// <summary>I flush exactly after the mutation <paramref name="Position"/>: flush there too. The regions are equal by then.</summary>
internal sealed record SyncWanted(ulong Number, ulong Position, int[] CleanRegions) : MirrorMessage;

/// <summary>I flushed there, and it is stable; or, with <paramref name="IsPassed"/>, I am beyond it.</summary>
internal sealed record SyncTold(ulong Number, bool IsPassed, ulong Position, int[] CleanRegions) : MirrorMessage;

/// <summary>Both are stable at that place.</summary>
internal sealed record SyncConfirmed(ulong Number) : MirrorMessage;

/// <summary>My replica ended these requests: nothing needs to be kept for them. Told until heard. Number 0, with none: I am of a build that tells this.</summary>
internal sealed record RequestsEnded(ulong Number, ulong[] RequestIds) : MirrorMessage;

/// <summary>I heard the message of that number.</summary>
internal sealed record EndedHeard(ulong Number) : MirrorMessage;

/// <summary>The messages as bytes: pairing (16), kind (1), fields. Fields of the product's own link, so limits guard against damage, not malice.</summary>
internal static class MirrorCodec
{
    public const int MaxData = 32 << 20;
    private const int MaxRegions = DiskGeometry.MaxRegionCount, MaxText = 1024, MaxIds = 4096;

    public static void Write(StateWriter writer, ulong pairingTerm, ulong pairingNumber, MirrorMessage message)
    {
        writer.U64(pairingTerm);
        writer.U64(pairingNumber);
        switch (message)
        {
            case CopyStands m:
                writer.U8(1);
                writer.U8((byte)m.Use);
                writer.Bytes(System.Text.Encoding.UTF8.GetBytes(m.Reason.Length <= 200 ? m.Reason : m.Reason[..200]));
                break;
            case InventoryWanted: writer.U8(2); break;
            case Inventory m:
                writer.U8(3);
                writer.U8((byte)m.Use);
                writer.Raw(m.DiskId.ToByteArray());
                writer.U64((ulong)m.CapacityBytes);
                writer.U32((uint)m.RegionBytes);
                writer.Bool(m.NeedsFullCompare);
                writer.U64(m.Base);
                writer.U64(m.Position);
                WriteInts(writer, m.DirtyRegions);
                break;
            case ResultWanted m: writer.U8(4); writer.U64(m.RequestId); writer.U64(m.OffsetBytes); writer.U64(m.LengthBytes); break;
            case ResultTold m:
                writer.U8(5);
                writer.U64(m.RequestId);
                writer.U8((byte)m.Answer);
                writer.Bytes(m.Data.Span);
                break;
            case RegionWanted m:
                writer.U8(6);
                writer.U32((uint)m.Region);
                writer.U64(m.NotBefore);
                writer.U32((uint)m.Checksums.Length);
                foreach (ulong checksum in m.Checksums) writer.U64(checksum);
                break;
            case RegionTold m:
                writer.U8(7);
                writer.U32((uint)m.Region);
                writer.U64(m.AsOf);
                writer.Bool(m.IsRefused);
                writer.U32((uint)m.Blocks.Length);
                foreach ((int block, ReadOnlyMemory<byte> content) in m.Blocks)
                {
                    writer.U32((uint)block);
                    writer.Bytes(content.Span);
                }

                WriteInts(writer, m.Unsendable);
                break;
            case SyncWanted m: writer.U8(8); writer.U64(m.Number); writer.U64(m.Position); WriteInts(writer, m.CleanRegions); break;
            case SyncTold m:
                writer.U8(9);
                writer.U64(m.Number);
                writer.Bool(m.IsPassed);
                writer.U64(m.Position);
                WriteInts(writer, m.CleanRegions);
                break;
            case SyncConfirmed m: writer.U8(10); writer.U64(m.Number); break;
            case RequestsEnded m:
                writer.U8(11);
                writer.U64(m.Number);
                writer.U32((uint)m.RequestIds.Length);
                foreach (ulong id in m.RequestIds) writer.U64(id);
                break;
            case EndedHeard m: writer.U8(12); writer.U64(m.Number); break;
            default: throw new InvalidOperationException($"Message {message.GetType().Name} has no encoding.");
        }
    }

    /// <summary>Reads a message that fills the bytes; blocks of a region are parts of them, all else is copied.</summary>
    /// <exception cref="StateFormatException">No message of this build.</exception>
    public static (ulong PairingTerm, ulong PairingNumber, MirrorMessage Message) Read(ReadOnlyMemory<byte> bytes)
    {
        StateReader reader = new(bytes.Span);
        ulong term = reader.U64(), number = reader.U64();
        byte kind = reader.U8();
        MirrorMessage message = kind switch
        {
            1 => new CopyStands(ReadUse(ref reader), System.Text.Encoding.UTF8.GetString(reader.Bytes(MaxText))),
            2 => new InventoryWanted(),
            3 => new Inventory(ReadUse(ref reader), new Guid(reader.Raw(16)), (long)reader.U64(), (int)reader.U32(), reader.Bool(), reader.U64(), reader.U64(), ReadInts(ref reader, MaxRegions)),
            4 => new ResultWanted(reader.U64(), reader.U64(), reader.U64()),
            5 => new ResultTold(reader.U64(), (PeerAnswer)Math.Min(reader.U8(), (byte)PeerAnswer.Gone), reader.Bytes(MaxData).ToArray()),
            6 => ReadRegionWanted(ref reader),
            7 => ReadRegionTold(ref reader, bytes),
            8 => new SyncWanted(reader.U64(), reader.U64(), ReadInts(ref reader, MaxRegions)),
            9 => new SyncTold(reader.U64(), reader.Bool(), reader.U64(), ReadInts(ref reader, MaxRegions)),
            10 => new SyncConfirmed(reader.U64()),
            11 => new RequestsEnded(reader.U64(), ReadIds(ref reader)),
            12 => new EndedHeard(reader.U64()),
            _ => throw new StateFormatException($"A mirror message has kind {kind}, which is not known."),
        };
        reader.End();
        return (term, number, message);
    }

    private static RegionWanted ReadRegionWanted(ref StateReader reader)
    {
        int region = (int)reader.U32();
        ulong notBefore = reader.U64();
        ulong[] checksums = new ulong[reader.Count(DiskGeometry.MaxRegionBytes / DiskGeometry.BlockBytes)];
        for (int i = 0; i < checksums.Length; i++) checksums[i] = reader.U64();
        return new RegionWanted(region, notBefore, checksums);
    }

    private static RegionTold ReadRegionTold(ref StateReader reader, ReadOnlyMemory<byte> bytes)
    {
        int region = (int)reader.U32();
        ulong asOf = reader.U64();
        bool isRefused = reader.Bool();
        var blocks = new (int, ReadOnlyMemory<byte>)[reader.Count(DiskGeometry.MaxRegionBytes / DiskGeometry.BlockBytes)];
        for (int i = 0; i < blocks.Length; i++)
        {
            int block = (int)reader.U32(), length = reader.Bytes(DiskGeometry.BlockBytes).Length;
            blocks[i] = (block, bytes.Slice(bytes.Length - reader.Remaining - length, length));
        }

        return new RegionTold(region, asOf, isRefused, blocks, ReadInts(ref reader, DiskGeometry.MaxRegionBytes / DiskGeometry.BlockBytes));
    }

    private static ulong[] ReadIds(ref StateReader reader)
    {
        ulong[] ids = new ulong[reader.Count(MaxIds)];
        for (int i = 0; i < ids.Length; i++) ids[i] = reader.U64();
        return ids;
    }

    private static CopyUse ReadUse(ref StateReader reader) => (CopyUse)Math.Min(reader.U8(), (byte)CopyUse.Current);

    private static void WriteInts(StateWriter writer, int[] values)
    {
        writer.U32((uint)values.Length);
        foreach (int value in values) writer.U32((uint)value);
    }

    private static int[] ReadInts(ref StateReader reader, int limit)
    {
        int[] values = new int[reader.Count(limit)];
        for (int i = 0; i < values.Length; i++) values[i] = (int)reader.U32();
        return values;
    }
}
