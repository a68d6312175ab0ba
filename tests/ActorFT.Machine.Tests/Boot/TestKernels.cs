using System.Buffers.Binary;

namespace ActorFT.Machine.Tests.Boot;

/// <summary>Kernel files made by hand, byte by byte from their specifications.</summary>
internal static class TestKernels
{
    public const ulong RamBase = 0x8000_0000;

    private static void U16(byte[] file, int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), (ushort)value);

    private static void U32(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);

    private static void U64(byte[] file, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);

    private static byte[] Patterned(int length)
    {
        byte[] file = new byte[length];
        for (int i = 0; i < length; i++) file[i] = (byte)(i * 31 + 1);
        return file;
    }

    /// <summary>A raw Linux RISC-V Image.</summary>
    public static byte[] Image(int fileBytes = 0x800, ulong imageBytes = 0x3000, ulong textOffset = 0x20_0000, ulong flags = 0)
    {
        byte[] file = Patterned(fileBytes);
        file.AsSpan(0, 64).Clear();
        U32(file, 0, 0x0000_006F); // j .
        U64(file, 8, textOffset);
        U64(file, 16, imageBytes);
        U64(file, 24, flags);
        U32(file, 32, 2);
        "RISCV"u8.CopyTo(file.AsSpan(48));
        "RSC\u0005"u8.CopyTo(file.AsSpan(56));
        return file;
    }

    /// <summary>The same, with the PE/COFF header that an EFI stub kernel has: two sections up to the file's end.</summary>
    public static byte[] EfiImage(int fileBytes = 0x800, int machine = 0x5064)
    {
        byte[] file = Image(fileBytes);
        "MZ"u8.CopyTo(file);
        U32(file, 0x3C, 0x40);
        file.AsSpan(0x40, 0x1C0).Clear();
        "PE\0\0"u8.CopyTo(file.AsSpan(0x40));
        U16(file, 0x44, machine);
        U16(file, 0x46, 2);     // sections
        U16(file, 0x54, 0xA0);  // optional header
        for (int i = 0; i < 2; i++)
        {
            int section = 0x58 + 0xA0 + i * 40;
            int start = 0x200 + i * 0x200, end = i == 1 ? fileBytes : 0x400;
            U32(file, section + 16, (uint)(end - start));
            U32(file, section + 20, (uint)start);
        }
        return file;
    }

    /// <summary>A compressed EFI image, as Linux's EFI zboot makes them.</summary>
    public static byte[] Zboot()
    {
        byte[] file = EfiImage();
        file.AsSpan(4, 0x38).Clear();
        "zimg"u8.CopyTo(file.AsSpan(4));
        U32(file, 8, 0x200);
        U32(file, 12, 0x600);
        "gzip"u8.CopyTo(file.AsSpan(24));
        U32(file, 0x38, 0x8182_23CD);
        U32(file, 0x3C, 0x40);
        return file;
    }

    /// <summary>One PT_LOAD of <see cref="Elf"/>.</summary>
    public sealed record Segment(ulong Virtual, ulong Physical, int FileBytes, ulong MemoryBytes);

    /// <summary>An RV64 ELF executable.</summary>
    public static byte[] Elf(ulong entry, params Segment[] segments)
    {
        int at = 64 + 56 * (segments.Length + 1);
        byte[] file = Patterned(at + segments.Sum(segment => segment.FileBytes));
        file.AsSpan(0, at).Clear();
        "\u007fELF"u8.CopyTo(file);
        (file[4], file[5], file[6]) = (2, 1, 1);
        U16(file, 16, 2);
        U16(file, 18, 243);
        U32(file, 20, 1);
        U64(file, 24, entry);
        U64(file, 32, 64);
        U16(file, 52, 64);
        U16(file, 54, 56);
        U16(file, 56, segments.Length + 1);
        U32(file, 64, 0x7000_0003); // PT_RISCV_ATTRIBUTES: not loaded
        for (int i = 0; i < segments.Length; i++)
        {
            int header = 64 + 56 * (i + 1);
            U32(file, header, 1);
            U64(file, header + 8, (ulong)at);
            U64(file, header + 16, segments[i].Virtual);
            U64(file, header + 24, segments[i].Physical);
            U64(file, header + 32, (ulong)segments[i].FileBytes);
            U64(file, header + 40, segments[i].MemoryBytes);
            at += segments[i].FileBytes;
        }
        return file;
    }

    /// <summary>A small, good ELF kernel of two segments, entered by its virtual address.</summary>
    public static byte[] GoodElf() => Elf(0xFFFF_FFFF_8000_0010,
        new Segment(0xFFFF_FFFF_8000_0000, RamBase, 0x300, 0x1000),
        new Segment(0xFFFF_FFFF_8000_1000, RamBase + 0x1000, 0x80, 0x5000));

    public static MachineDefinition MachineWith(byte[] kernel) => new()
    {
        Name = "test",
        VcpuCount = 1,
        MemoryBytes = 4 << 20,
        Kernel = kernel,
        HasEntropy = false,
    };
}
