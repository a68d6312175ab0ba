using System.Buffers.Binary;
using System.Text;

namespace ActorFT.Machine.Boot;

/// <summary>A stretch of the kernel file and where it goes.</summary>
/// <param name="FileOffset">First byte in the file.</param>
/// <param name="FileBytes">Bytes copied from the file.</param>
/// <param name="Address">Guest-physical address of the first byte.</param>
/// <param name="MemoryBytes">Bytes it occupies in memory, at least <paramref name="FileBytes"/>; the rest is zero.</param>
internal readonly record struct KernelSegment(int FileOffset, int FileBytes, ulong Address, ulong MemoryBytes)
{
    /// <summary>The address after its last byte.</summary>
    public ulong End => Address + MemoryBytes;
}

/// <summary>
/// A kernel file understood: what to copy where, and where to begin. Its segments do not overlap, begin at or above the
/// start of RAM, and end no more than <see cref="MaxExtentBytes"/> above it; whether they fit is the loader's question.
/// </summary>
internal sealed record KernelImage(string Format, ulong EntryAddress, IReadOnlyList<KernelSegment> Segments)
{
    /// <summary>The most RAM that a machine can have, and so the furthest that a kernel may reach.</summary>
    public const ulong MaxExtentBytes = 1UL << 40;

    private const string Allowed = "a Linux RISC-V Image (raw or EFI) and an RV64 little-endian ELF executable are allowed";

    /// <summary>The address after the kernel's last byte in memory, zero-initialised data included.</summary>
    public ulong End => Segments.Max(segment => segment.End);

    /// <summary>Recognises a kernel file.</summary>
    /// <exception cref="MachineConfigurationException">It is not one that this machine can start; says what it is.</exception>
    public static KernelImage Parse(ReadOnlySpan<byte> file, ulong ramBase)
    {
        if (file.IsEmpty) throw new MachineConfigurationException($"The kernel file is empty; {Allowed}.");
        if (file.StartsWith("\u007fELF"u8)) return ElfFile.Parse(file, ramBase);
        if (LinuxImage.IsOne(file)) return LinuxImage.Parse(file, ramBase);
        throw new MachineConfigurationException($"The kernel is {DescribeForeign(file)}; {Allowed}.");
    }

    /// <summary>Names a file that is no kernel for this machine, as an operator would know it.</summary>
    private static string DescribeForeign(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith("MZ"u8) && At(file, 4, "zimg"u8)) return DescribeZboot(file);
        if (At(file, 0x202, "HdrS"u8)) return "an x86 Linux kernel (bzImage)";
        if (At(file, 0x38, "ARM\x64"u8)) return "an ARM64 Linux Image";
        if (StartsWith(file, 0x1F, 0x8B)) return "compressed with gzip (vmlinuz or Image.gz: decompress it first)";
        if (StartsWith(file, 0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z')) return "compressed with xz (decompress it first)";
        if (StartsWith(file, 0x28, 0xB5, 0x2F, 0xFD)) return "compressed with zstd (decompress it first)";
        if (StartsWith(file, 0x02, 0x21, 0x4C, 0x18) || StartsWith(file, 0x04, 0x22, 0x4D, 0x18)) return "compressed with lz4 (decompress it first)";
        if (file.StartsWith("BZh"u8)) return "compressed with bzip2 (decompress it first)";
        if (StartsWith(file, 0x27, 0x05, 0x19, 0x56)) return "a U-Boot uImage (extract the Image from it first)";
        if (file.StartsWith("!<arch>\n"u8)) return "an archive (a .deb or .a file: extract the kernel from it first)";
        if (PeHeader.TryReadMachine(file, out ushort machine)) return $"an EFI program for {PeHeader.MachineName(machine)} without a Linux RISC-V header";
        if (file.Length < LinuxImage.HeaderBytes) return $"cut short ({file.Length} bytes)";
        return $"of an unknown format (it begins with {Convert.ToHexStringLower(file[..8])})";
    }

    /// <summary>Linux, drivers/firmware/efi/libstub/zboot-header.S: "zimg" at 4, compression type at 24.</summary>
    private static string DescribeZboot(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> name = file.Length >= 32 ? file[24..32] : [];
        int end = name.IndexOfAnyExceptInRange((byte)'0', (byte)'z');
        string compression = Encoding.ASCII.GetString(end < 0 ? name : name[..end]);
        return compression.Length == 0
            ? "a compressed EFI zboot image (extract the Image from it first)"
            : $"a compressed EFI zboot image ({compression}: extract the Image from it first)";
    }

    private static bool At(ReadOnlySpan<byte> file, int offset, ReadOnlySpan<byte> magic) =>
        file.Length >= offset + magic.Length && file.Slice(offset, magic.Length).SequenceEqual(magic);

    private static bool StartsWith(ReadOnlySpan<byte> file, params ReadOnlySpan<byte> magic) => file.StartsWith(magic);
}

/// <summary>What the loader needs of a PE/COFF header (Microsoft PE format): the machine, and where the sections' bytes end.</summary>
internal static class PeHeader
{
    private const int PointerToHeader = 0x3C, CoffBytes = 24, SectionBytes = 40;

    /// <summary>The machine in the header; false when the file has no PE header.</summary>
    public static bool TryReadMachine(ReadOnlySpan<byte> file, out ushort machine)
    {
        machine = 0;
        if (!TryFind(file, out int at)) return false;
        machine = BinaryPrimitives.ReadUInt16LittleEndian(file[(at + 4)..]);
        return true;
    }

    /// <summary>
    /// The length that the section table promises for the file; 0 when the file has no PE header, and more than the file
    /// has when the table itself is cut off.
    /// </summary>
    public static ulong PromisedFileBytes(ReadOnlySpan<byte> file)
    {
        if (file.Length < PointerToHeader + 4) return PointerToHeader + 4;
        uint headerAt = BinaryPrimitives.ReadUInt32LittleEndian(file[PointerToHeader..]);
        if (!TryFind(file, out int at)) return headerAt < int.MaxValue && headerAt + CoffBytes > file.Length ? (ulong)headerAt + CoffBytes : 0;
        int sections = BinaryPrimitives.ReadUInt16LittleEndian(file[(at + 6)..]);
        ulong tableAt = (ulong)(at + CoffBytes) + BinaryPrimitives.ReadUInt16LittleEndian(file[(at + 20)..]);
        ulong end = tableAt + (ulong)(sections * SectionBytes);
        if (end > (ulong)file.Length) return end;
        for (int i = 0; i < sections; i++)
        {
            ReadOnlySpan<byte> section = file.Slice((int)tableAt + i * SectionBytes, SectionBytes);
            uint rawBytes = BinaryPrimitives.ReadUInt32LittleEndian(section[16..]), rawAt = BinaryPrimitives.ReadUInt32LittleEndian(section[20..]);
            if (rawBytes != 0) end = Math.Max(end, (ulong)rawAt + rawBytes);
        }
        return end;
    }

    /// <summary>The machine's name.</summary>
    public static string MachineName(ushort machine) => machine switch
    {
        0x014C => "x86",
        0x8664 => "x86-64",
        0x01C0 or 0x01C2 or 0x01C4 => "ARM",
        0xAA64 => "ARM64",
        0x5032 => "RISC-V 32-bit",
        0x5064 => "RISC-V 64-bit",
        0x6264 => "LoongArch64",
        _ => $"PE machine 0x{machine:x4}",
    };

    private static bool TryFind(ReadOnlySpan<byte> file, out int at)
    {
        at = 0;
        if (!file.StartsWith("MZ"u8) || file.Length < PointerToHeader + 4) return false;
        uint pointer = BinaryPrimitives.ReadUInt32LittleEndian(file[PointerToHeader..]);
        if (pointer > int.MaxValue - CoffBytes || pointer + CoffBytes > file.Length) return false;
        at = (int)pointer;
        return file[at..].StartsWith("PE\0\0"u8);
    }
}
