using System.Buffers.Binary;

namespace ActorFT.Machine.Boot;

/// <summary>
/// The Linux RISC-V Image (Linux Documentation/arch/riscv/boot-image-header.rst): 64 bytes of header at offset 0, which
/// an EFI kernel shares with its "MZ" header. It is copied whole to RAM base + text_offset and entered at its first byte.
/// </summary>
internal static class LinuxImage
{
    /// <summary>Size of the header.</summary>
    public const int HeaderBytes = 64;

    private const int TextOffsetAt = 8, ImageSizeAt = 16, FlagsAt = 24, Magic2At = 0x38;
    private const ulong BigEndianFlag = 1;

    /// <summary>Whether the file has the header's second magic (the first is deprecated).</summary>
    public static bool IsOne(ReadOnlySpan<byte> file) =>
        file.Length >= HeaderBytes && file.Slice(Magic2At, 4).SequenceEqual("RSC\u0005"u8);

    /// <summary>Reads a file for which <see cref="IsOne"/> holds.</summary>
    public static KernelImage Parse(ReadOnlySpan<byte> file, ulong ramBase)
    {
        ulong textOffset = BinaryPrimitives.ReadUInt64LittleEndian(file[TextOffsetAt..]);
        ulong imageBytes = BinaryPrimitives.ReadUInt64LittleEndian(file[ImageSizeAt..]);
        ulong flags = BinaryPrimitives.ReadUInt64LittleEndian(file[FlagsAt..]);
        if ((flags & BigEndianFlag) != 0)
            throw new MachineConfigurationException("The kernel is a big-endian RISC-V Image; only little-endian ones are allowed.");
        if (imageBytes == 0 || imageBytes > KernelImage.MaxExtentBytes)
            throw new MachineConfigurationException($"The kernel's image_size is {imageBytes}; 1 to {KernelImage.MaxExtentBytes} bytes are allowed.");
        if (textOffset > KernelImage.MaxExtentBytes - imageBytes || (textOffset & 0xFFF) != 0)
            throw new MachineConfigurationException($"The kernel's text_offset is 0x{textOffset:x}; a multiple of 4096 below 1 TiB is allowed.");
        CheckWrapping(file);
        // image_size is what it occupies; a file may be longer by a signature, which is not loaded.
        int fileBytes = (int)Math.Min((ulong)file.Length, imageBytes);
        KernelSegment segment = new(0, fileBytes, ramBase + textOffset, imageBytes);
        return new KernelImage("Linux RISC-V Image", segment.Address, [segment]);
    }

    private static void CheckWrapping(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith("MZ"u8)) return;
        if (PeHeader.TryReadMachine(file, out ushort machine) && machine != 0x5064)
            throw new MachineConfigurationException($"The kernel is an EFI Image for {PeHeader.MachineName(machine)}; only RISC-V 64-bit is allowed.");
        ulong promised = PeHeader.PromisedFileBytes(file);
        if (promised > (ulong)file.Length)
            throw new MachineConfigurationException($"The kernel is cut short: its file has {file.Length} bytes where its header promises {promised}.");
    }
}
