using System.Buffers.Binary;

namespace ActorFT.Machine.Boot;

/// <summary>
/// An RV64 ELF executable (System V ABI, chapters 4 and 5): each PT_LOAD segment is copied to its physical address.
/// The entry may be a virtual address inside a segment (it is translated) or a physical one.
/// </summary>
internal static class ElfFile
{
    private const int HeaderBytes = 64, ProgramHeaderBytes = 56;
    private const byte Class64 = 2, LittleEndian = 1;
    private const ushort TypeExecutable = 2, MachineRiscV = 243;
    private const uint SegmentLoad = 1;
    private const string Allowed = "an RV64 little-endian ELF executable is allowed";

    private readonly record struct Load(KernelSegment Segment, ulong VirtualAddress);

    /// <summary>Reads a file that begins with the ELF magic.</summary>
    public static KernelImage Parse(ReadOnlySpan<byte> file, ulong ramBase)
    {
        CheckIdentity(file);
        ulong entry = U64(file, 24);
        List<Load> loads = ReadLoads(file, ramBase);
        if (loads.Count == 0) throw new MachineConfigurationException("The kernel is an ELF file with nothing to load (no PT_LOAD segment); " + Allowed + ".");
        CheckDisjoint(loads);
        return new KernelImage("RV64 ELF", PhysicalEntry(entry, loads), loads.ConvertAll(load => load.Segment));
    }

    private static void CheckIdentity(ReadOnlySpan<byte> file)
    {
        // The identity bytes come first in files of either class, so the wrong kind is named even when cut short.
        if (file.Length < 20) throw CutShort(file, HeaderBytes);
        if (file[5] != LittleEndian) throw new MachineConfigurationException($"The kernel is a big-endian ELF file; {Allowed}.");
        ushort type = U16(file, 16), machine = U16(file, 18);
        if (machine != MachineRiscV) throw new MachineConfigurationException($"The kernel is an ELF file for {MachineName(machine)}; {Allowed}.");
        if (file[4] != Class64) throw new MachineConfigurationException($"The kernel is a 32-bit ELF file; {Allowed}.");
        if (type != TypeExecutable)
            throw new MachineConfigurationException($"The kernel is an ELF file of type {type} ({(type == 1 ? "relocatable" : type == 3 ? "shared or position-independent" : "not executable")}); {Allowed}.");
        if (file.Length < HeaderBytes) throw CutShort(file, HeaderBytes);
    }

    private static List<Load> ReadLoads(ReadOnlySpan<byte> file, ulong ramBase)
    {
        ulong tableAt = U64(file, 32);
        ushort entryBytes = U16(file, 54), count = U16(file, 56);
        if (entryBytes != ProgramHeaderBytes && count != 0)
            throw new MachineConfigurationException($"The kernel's ELF program headers have {entryBytes} bytes each; {ProgramHeaderBytes} is allowed.");
        ulong tableBytes = (ulong)count * ProgramHeaderBytes;
        if (tableAt > (ulong)file.Length || tableBytes > (ulong)file.Length - tableAt) throw CutShort(file, Saturate(tableAt, tableBytes));
        List<Load> loads = [];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = file.Slice((int)tableAt + i * ProgramHeaderBytes, ProgramHeaderBytes);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != SegmentLoad) continue;
            ulong memoryBytes = U64(header, 40);
            if (memoryBytes != 0) loads.Add(new Load(ReadSegment(file, header, ramBase, i), U64(header, 16)));
        }
        return loads;
    }

    private static KernelSegment ReadSegment(ReadOnlySpan<byte> file, ReadOnlySpan<byte> header, ulong ramBase, int index)
    {
        ulong offset = U64(header, 8), address = U64(header, 24), fileBytes = U64(header, 32), memoryBytes = U64(header, 40);
        if (fileBytes > memoryBytes)
            throw new MachineConfigurationException($"The kernel's ELF segment {index} has {fileBytes} bytes in the file but {memoryBytes} in memory; at most as many are allowed.");
        if (offset > (ulong)file.Length || fileBytes > (ulong)file.Length - offset) throw CutShort(file, Saturate(offset, fileBytes));
        if (address < ramBase || memoryBytes > KernelImage.MaxExtentBytes || address - ramBase > KernelImage.MaxExtentBytes - memoryBytes)
            throw new MachineConfigurationException($"The kernel's ELF segment {index} wants {memoryBytes} bytes at physical address 0x{address:x}; RAM begins at 0x{ramBase:x}.");
        return new KernelSegment((int)offset, (int)fileBytes, address, memoryBytes);
    }

    private static void CheckDisjoint(List<Load> loads)
    {
        List<KernelSegment> sorted = loads.ConvertAll(load => load.Segment);
        sorted.Sort((a, b) => a.Address.CompareTo(b.Address));
        for (int i = 1; i < sorted.Count; i++)
            if (sorted[i].Address < sorted[i - 1].End)
                throw new MachineConfigurationException($"The kernel's ELF segments overlap at physical address 0x{sorted[i].Address:x}; each byte may be loaded once.");
    }

    private static ulong PhysicalEntry(ulong entry, List<Load> loads)
    {
        foreach (Load load in loads)
        {
            ulong offset = entry - load.VirtualAddress;
            if (offset < load.Segment.MemoryBytes) return Aligned(load.Segment.Address + offset);
        }
        foreach (Load load in loads)
            if (entry - load.Segment.Address < load.Segment.MemoryBytes) return Aligned(entry);
        throw new MachineConfigurationException($"The kernel's ELF entry 0x{entry:x} lies in none of its segments; {Allowed}.");
    }

    private static ulong Aligned(ulong entry) => (entry & 1) == 0
        ? entry
        : throw new MachineConfigurationException($"The kernel's ELF entry 0x{entry:x} is odd; instructions are 2-byte aligned.");

    private static MachineConfigurationException CutShort(ReadOnlySpan<byte> file, ulong promised) =>
        new($"The kernel is cut short: its file has {file.Length} bytes where its header promises {promised}.");

    private static ulong Saturate(ulong a, ulong b) => a <= ulong.MaxValue - b ? a + b : ulong.MaxValue;

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static string MachineName(ushort machine) => machine switch
    {
        3 => "x86",
        8 => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC64",
        22 => "S390",
        40 => "ARM",
        62 => "x86-64",
        183 => "ARM64",
        258 => "LoongArch",
        _ => $"ELF machine {machine}",
    };
}
