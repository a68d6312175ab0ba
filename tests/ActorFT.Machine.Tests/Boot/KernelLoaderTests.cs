using ActorFT.Machine.Boot;
using ActorFT.Machine.Memory;
using Xunit;
using static ActorFT.Machine.Tests.Boot.TestKernels;

namespace ActorFT.Machine.Tests.Boot;

public sealed class KernelLoaderTests
{
    private static string Refusal(MachineDefinition definition)
    {
        string message = Assert.Throws<MachineConfigurationException>(() => KernelLoader.Prepare(definition)).Message;
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static byte[] Memory(GuestMemory memory, ulong address, int count)
    {
        byte[] bytes = new byte[count];
        Assert.True(memory.TryRead(address, bytes));
        return bytes;
    }

    private static byte[] With(byte[] file, int at, params byte[] bytes)
    {
        byte[] changed = (byte[])file.Clone();
        bytes.CopyTo(changed, at);
        return changed;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Image_RawOrEfi_IsCopiedToItsTextOffsetAndEnteredThere(bool efi)
    {
        byte[] kernel = efi ? EfiImage() : Image();
        MachineDefinition definition = MachineWith(kernel);
        BootImage boot = KernelLoader.Prepare(definition);
        using var memory = new GuestMemory(RamBase, definition.MemoryBytes);
        boot.Load(memory);
        Assert.Equal(RamBase + 0x20_0000, boot.EntryAddress);
        Assert.Equal(kernel, Memory(memory, boot.EntryAddress, kernel.Length));
        Assert.Equal(new byte[0x2800], Memory(memory, boot.EntryAddress + (ulong)kernel.Length, 0x2800));
    }

    [Fact]
    public void Image_LongerThanItsImageSize_LoadsOnlyTheImage()
    {
        byte[] kernel = Image(fileBytes: 0x1800, imageBytes: 0x1000);
        MachineDefinition definition = MachineWith(kernel);
        using var memory = new GuestMemory(RamBase, definition.MemoryBytes);
        KernelLoader.Prepare(definition).Load(memory);
        Assert.Equal(kernel[..0x1000], Memory(memory, RamBase + 0x20_0000, 0x1000));
        Assert.Equal(new byte[0x800], Memory(memory, RamBase + 0x20_1000, 0x800));
    }

    [Fact]
    public void Elf_Segments_GoToTheirPhysicalAddressesAndAVirtualEntryIsTranslated()
    {
        byte[] kernel = GoodElf();
        MachineDefinition definition = MachineWith(kernel);
        BootImage boot = KernelLoader.Prepare(definition);
        using var memory = new GuestMemory(RamBase, definition.MemoryBytes);
        boot.Load(memory);
        Assert.Equal(RamBase + 0x10, boot.EntryAddress);
        int at = 64 + 3 * 56;
        Assert.Equal(kernel[at..(at + 0x300)], Memory(memory, RamBase, 0x300));
        Assert.Equal(kernel[(at + 0x300)..], Memory(memory, RamBase + 0x1000, 0x80));
    }

    [Fact]
    public void Elf_PhysicalEntry_IsTaken()
    {
        byte[] kernel = Elf(RamBase + 0x102, new Segment(0x1000, RamBase + 0x100, 0x40, 0x40));
        Assert.Equal(RamBase + 0x102, KernelLoader.Prepare(MachineWith(kernel)).EntryAddress);
    }

    [Fact]
    public void InitrdAndDeviceTree_LieAtTheTopOfMemoryAboveTheKernelsWholeExtent()
    {
        byte[] initrd = [.. Enumerable.Range(0, 5001).Select(i => (byte)(i | 1))];
        MachineDefinition definition = MachineWith(Image(imageBytes: 0x1F_9000)) with { Initrd = initrd }; // no page to spare
        BootImage boot = KernelLoader.Prepare(definition);
        using var memory = new GuestMemory(RamBase, definition.MemoryBytes);
        boot.Load(memory);
        FdtNode chosen = FdtParser.Parse(Memory(memory, boot.DeviceTreeAddress, boot.DeviceTree.Length)).At("chosen");
        ulong start = chosen.Wide("linux,initrd-start")[0], end = chosen.Wide("linux,initrd-end")[0];
        Assert.Equal(initrd, Memory(memory, start, (int)(end - start)));
        Assert.Equal(0UL, start % 4096);
        Assert.Equal(0UL, boot.DeviceTreeAddress % 4096);
        Assert.Equal(RamBase + (4UL << 20), (end + 4095) & ~4095UL);
        Assert.True(boot.DeviceTreeAddress >= boot.EntryAddress + 0x1F_9000);
        Assert.True(boot.DeviceTreeAddress + (ulong)boot.DeviceTree.Length <= start);
    }

    [Fact]
    public void Load_AfterAGuestRan_MakesMemoryWhatItWasAtPowerOn()
    {
        MachineDefinition definition = MachineWith(GoodElf()) with { Initrd = new byte[] { 1, 2, 3 } };
        BootImage boot = KernelLoader.Prepare(definition);
        using var memory = new GuestMemory(RamBase, definition.MemoryBytes);
        boot.Load(memory);
        var fresh = memory.ComputeDigest();
        var random = new Random(3);
        for (int i = 0; i < 200; i++) memory.TryWrite(RamBase + (ulong)random.Next(4 << 20), [0xEE]);
        Assert.NotEqual(fresh, memory.ComputeDigest());
        boot.Load(memory);
        Assert.Equal(fresh, memory.ComputeDigest());
    }

    [Fact]
    public void Load_IntoOtherMemory_IsABrokenInvariant()
    {
        using var small = new GuestMemory(RamBase, 1 << 20);
        Assert.Throws<InvalidOperationException>(() => KernelLoader.Prepare(MachineWith(Image())).Load(small));
    }

    public static TheoryData<string, byte[], string> ForeignKernels()
    {
        byte[] bzImage = new byte[0x400];
        "HdrS"u8.CopyTo(bzImage.AsSpan(0x202));
        byte[] efiX86 = With(EfiImage(machine: 0x8664), 0x30, new byte[12]);
        byte[] arm = With(Image(), 0x38, (byte)'A', (byte)'R', (byte)'M', 0x64);
        return new TheoryData<string, byte[], string>
        {
            { "empty", [], "empty" },
            { "one byte", [0x7F], "cut short" },
            { "text", [.. Enumerable.Repeat((byte)'a', 200)], "unknown format (it begins with 6161616161616161)" },
            { "bzImage", bzImage, "an x86 Linux kernel (bzImage)" },
            { "x86-64 EFI program", efiX86, "EFI program for x86-64" },
            { "Image in an ARM64 EFI wrapper", EfiImage(machine: 0xAA64), "EFI Image for ARM64" },
            { "ARM64 Image", arm, "an ARM64 Linux Image" },
            { "zboot", Zboot(), "compressed EFI zboot image (gzip" },
            { "gzip", [0x1F, 0x8B, 8, 0], "compressed with gzip" },
            { "xz", [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], "compressed with xz" },
            { "zstd", [0x28, 0xB5, 0x2F, 0xFD], "compressed with zstd" },
            { ".deb", [.. "!<arch>\ndebian-binary"u8], "an archive" },
            { "x86-64 ELF", With(GoodElf(), 18, 62, 0), "an ELF file for x86-64" },
            { "ARM64 ELF", With(GoodElf(), 18, 183, 0), "an ELF file for ARM64" },
            { "RV32 ELF", With(GoodElf(), 4, 1), "a 32-bit ELF file" },
            { "big-endian ELF", With(GoodElf(), 5, 2), "a big-endian ELF file" },
            { "object file", With(GoodElf(), 16, 1, 0), "relocatable" },
            { "shared object", With(GoodElf(), 16, 3, 0), "position-independent" },
            { "big-endian Image", Image(flags: 1), "a big-endian RISC-V Image" },
            { "Image without a size", Image(imageBytes: 0), "image_size is 0" },
            { "Image of absurd size", Image(imageBytes: ulong.MaxValue), "image_size is 18446744073709551615" },
            { "Image at an absurd place", Image(textOffset: 0xFFFF_FFFF_FFFF_F000), "text_offset is 0xfffffffffffff000" },
            { "ELF with nothing to load", Elf(RamBase), "nothing to load" },
            { "ELF outside RAM", Elf(0, new Segment(0, 0, 16, 16)), "RAM begins at 0x80000000" },
            { "ELF that wraps around", Elf(RamBase, new Segment(RamBase, ulong.MaxValue - 100, 16, 200)), "RAM begins at 0x80000000" },
            { "ELF with more file than memory", Elf(RamBase, new Segment(RamBase, RamBase, 16, 8)), "at most as many are allowed" },
            { "ELF with overlap", Elf(RamBase, new Segment(RamBase, RamBase, 16, 0x100), new Segment(RamBase, RamBase + 0xFF, 16, 16)), "overlap at physical address 0x800000ff" },
            { "ELF with entry nowhere", Elf(RamBase + 64, new Segment(RamBase, RamBase, 16, 32)), "entry 0x80000040 lies in none" },
            { "ELF with odd entry", Elf(RamBase + 1, new Segment(RamBase, RamBase, 16, 32)), "entry 0x80000001 is odd" },
        };
    }

    [Theory]
    [MemberData(nameof(ForeignKernels))]
    public void Kernel_ThatCannotStart_IsNamed(string what, byte[] kernel, string expected) =>
        Assert.True(Refusal(MachineWith(kernel)).Contains(expected, StringComparison.Ordinal), $"{what}: {Refusal(MachineWith(kernel))}");

    [Fact]
    public void Memory_TooSmallForTheKernel_SaysHowMuchIsNeeded()
    {
        Assert.Equal("memory is 4 MiB, but loading the kernel (Linux RISC-V Image) needs at least 34 MiB.",
            Refusal(MachineWith(Image(imageBytes: 30 << 20))));
        KernelLoader.Prepare(MachineWith(Image(imageBytes: 30 << 20)) with { MemoryBytes = 34 << 20 });
    }

    [Fact]
    public void Initrd_ThatDoesNotFit_SaysHowMuchIsNeeded()
    {
        MachineDefinition definition = MachineWith(Image()) with { Initrd = new byte[3 << 20] };
        Assert.Equal("The initrd of 3145728 bytes does not fit: memory is 4 MiB, and kernel and initrd need at least 6 MiB.", Refusal(definition));
        KernelLoader.Prepare(definition with { MemoryBytes = 6 << 20 });
    }

    [Fact]
    public void Definition_ThatIsUnsound_IsRefusedBeforeTheKernelIsRead() =>
        Assert.Equal("vcpus is 9; 1 to 8 are allowed.", Refusal(MachineWith([]) with { VcpuCount = 9 }));

    [Fact]
    public void Truncation_EveryPrefixOfAnElfOrEfiImage_IsRefused()
    {
        foreach (byte[] kernel in (byte[][])[GoodElf(), EfiImage()])
        {
            KernelLoader.Prepare(MachineWith(kernel));
            for (int length = 0; length < kernel.Length; length++) Refusal(MachineWith(kernel[..length]));
        }
    }

    [Fact]
    public void Truncation_EveryPrefixOfEveryFile_GivesNothingButASentence()
    {
        foreach (byte[] kernel in (byte[][])[Image(), Zboot()])
            for (int length = 0; length <= kernel.Length; length++) TryPrepare(kernel[..length]);
    }

    [Fact]
    public void Mutation_AtRandom_GivesABootImageThatFitsOrASentence()
    {
        using var memory = new GuestMemory(RamBase, 4 << 20);
        byte[][] kernels = [Image(), EfiImage(), Zboot(), GoodElf()];
        var random = new Random(11);
        int accepted = 0, refused = 0;
        byte[] interesting = [0, 1, 0x7F, 0x80, 0xFF];
        for (int i = 0; i < 20_000; i++)
        {
            byte[] kernel = (byte[])kernels[i % kernels.Length].Clone();
            for (int changes = random.Next(1, 5); changes > 0; changes--)
            {
                int at = random.Next(random.Next(4) == 0 ? kernel.Length : 280);
                kernel[at] = random.Next(2) == 0 ? interesting[random.Next(interesting.Length)] : (byte)random.Next(256);
            }
            BootImage? boot = TryPrepare(kernel);
            if (boot is null) { refused++; continue; }
            accepted++;
            boot.Load(memory);
            Assert.InRange(boot.EntryAddress, RamBase, RamBase + (4 << 20) - 1);
            Assert.Equal(0UL, boot.EntryAddress & 1);
        }
        Assert.True(accepted > 1000 && refused > 1000, $"{accepted} accepted and {refused} refused: the mutations show little.");
    }

    private static BootImage? TryPrepare(byte[] kernel)
    {
        try
        {
            return KernelLoader.Prepare(MachineWith(kernel));
        }
        catch (MachineConfigurationException)
        {
            return null;
        }
    }
}
