using System.Buffers.Binary;
using ActorFT.Machine.Devices;
using ActorFT.Machine.Tests.Boot;

namespace ActorFT.Machine.Tests.Determinism;

/// <summary>
/// A guest that does everything at random, on every hart, for ever: arithmetic, misaligned and atomic memory accesses to pages shared
/// by all harts, floating point, changes of page-table entries without SFENCE.VMA, stores into its own code, wild jumps, device registers,
/// SBI calls, CSRs, S- and U-mode, raw random words. Each trap, the timer's above all, brings it back to a random place.
/// </summary>
/// <remarks>
/// <code>
/// physical                     Sv39
/// +0x0000  boot, trap handler  0x8000_0000 = physical, S-mode        (gigapage)
/// +0x1000  root table          0x1_0000_0000 = the same, U-mode      (gigapage)
/// +0x2000  middle table        0x0 = devices, S-mode                 (gigapage)
/// +0x3000  leaf table          0xC000_0000: 512 pages of code and    (leaf table: what the guest changes)
/// +0x10000 random code           data, with random permissions
/// +0x100000 data
/// </code>
/// </remarks>
internal static class HostileGuest
{
    public const ulong MemoryBytes = 4 << 20;

    private const uint Ram = (uint)MemoryMap.RamBase;
    private const int RootTable = 0x1000, MiddleTable = 0x2000, LeafTable = 0x3000, Code = 0x1_0000, CodeBytes = 0x1_0000, Data = 0x10_0000;
    private const uint Window = 0xC000_0000;
    private const int DataPages = 64;

    // Registers that the handler loads and the random code leaves alone, as long as it keeps to the plan.
    private const int DataRegister = 8, CodeRegister = 9, UartRegister = 18, PlicRegister = 19, LeafRegister = 20, WindowRegister = 21;
    private const int A0 = 10, A1 = 11, A2 = 12, A6 = 16, A7 = 17, T0 = 5, T1 = 6, T2 = 7;

    private const int Sstatus = 0x100, Sie = 0x104, Stvec = 0x105, Sscratch = 0x140, Sepc = 0x141, Sip = 0x144, Stimecmp = 0x14D, Satp = 0x180;
    private const int Time = 0xC01, Instret = 0xC02;

    private static readonly int[] _targets = [5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];
    private static readonly int[] _readableCsrs = [1, 2, 3, Sstatus, Sie, 0x106, 0x10A, Sepc, 0x142, 0x143, Sip, Stimecmp, Satp, 0xC00, Time, Instret, 0x300, 0x7C0];
    private static readonly int[] _writableCsrs = [1, 2, 3, Sip, 0x106, 0x10A, Sepc, 0x143];
    private static readonly uint[] _sbiExtensions = [0, 1, 2, 3, 5, 6, 7, 0x10, 0x54494D45, 0x735049, 0x52464E43, 0x48534D, 0x4442434E, 0x4442434E, 0x4442434E, 0x504D55];

    /// <summary>The kernel: an ELF file with everything in it.</summary>
    public static byte[] Kernel(int seed)
    {
        var random = new Random(seed);
        byte[] image = new byte[Data + DataPages * 4096];
        random.NextBytes(image.AsSpan(Data));
        BootAndHandler().CopyTo(image, 0);
        PageTables(image, random);
        RandomCode(random).AsSpan(0, CodeBytes).CopyTo(image.AsSpan(Code));
        byte[] kernel = TestKernels.Elf(Ram, new TestKernels.Segment(Ram, Ram, image.Length, (ulong)image.Length));
        image.CopyTo(kernel, kernel.Length - image.Length);
        return kernel;
    }

    private static void PageTables(byte[] image, Random random)
    {
        void Entry(int table, int index, ulong physical, ulong bits) =>
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(table + 8 * index), (physical >> 12 << 10) | bits);

        const ulong valid = 1, read = 2, write = 4, execute = 8, user = 16;
        Entry(RootTable, 0, 0, valid | read | write);
        Entry(RootTable, 2, Ram, valid | read | write | execute);
        Entry(RootTable, 3, Ram + MiddleTable, valid);
        Entry(RootTable, 4, Ram, valid | read | write | execute | user);
        Entry(MiddleTable, 0, Ram + LeafTable, valid);
        for (int i = 0; i < 512; i++)
        {
            bool code = random.Next(2) == 0;
            int page = code ? Code + 4096 * random.Next(CodeBytes / 4096) : Data + 4096 * random.Next(DataPages);
            ulong permissions = random.Next(6) switch
            {
                0 => execute, // to be read with MXR only
                1 => read,
                2 => read | execute,
                3 => read | write,
                _ => read | write | execute,
            };
            Entry(LeafTable, i, Ram + (ulong)page, valid | permissions | (random.Next(3) == 0 ? user : 0));
        }
    }

    private static byte[] BootAndHandler()
    {
        var a = new GuestAssembler();
        // sscratch: this hart's claim register. Its PLIC context: the UART's source on.
        a.LoadConstant(T0, (uint)MemoryMap.PlicBase + 0x20_0004);
        a.Slli(T1, A0, 12);
        a.Add(T0, T0, T1);
        a.Csr(1, 0, Sscratch, T0);
        a.LoadConstant(T0, (uint)MemoryMap.PlicBase + 0x2000);
        a.Slli(T1, A0, 7);
        a.Add(T0, T0, T1);
        a.Addi(T1, 0, 1 << MemoryMap.UartIrq);
        a.Store(2, T1, T0, 0);
        a.LoadConstant(T0, (uint)MemoryMap.PlicBase);
        a.Addi(T1, 0, 1);
        a.Store(2, T1, T0, 4 * MemoryMap.UartIrq);
        // Every hart starts every hart: all but the first try end in an error code.
        for (int hart = 0; hart < MachineDefinition.MaxVcpus; hart++)
        {
            a.LoadConstant(A7, 0x48534D);
            a.Addi(A6, 0, 0);
            a.Addi(A0, 0, hart);
            a.LoadConstant(A1, Ram);
            a.Ecall();
        }
        a.LoadConstant(T0, Ram + RootTable >> 12);
        a.Addi(T1, 0, 8);
        a.Slli(T1, T1, 60);
        a.R(0x33, 6, 0, T0, T0, T1);
        a.Csr(1, 0, Satp, T0);
        a.LoadConstant(T0, Ram + 0x800);
        a.Csr(1, 0, Stvec, T0);
        a.R(0x67, 0, 0, 0, T0, 0); // jalr to the handler
        byte[] page = new byte[0x1000];
        a.ToArray().CopyTo(page, 0);
        if (a.Position > 0x800) throw new InvalidOperationException("The boot code has outgrown its place.");
        Handler().CopyTo(page, 0x800);
        return page;
    }

    private static byte[] Handler()
    {
        var a = new GuestAssembler();
        // Whatever it was: serve the PLIC, forget the IPI.
        a.Csr(2, T0, Sscratch, 0);
        a.Load(2, T1, T0, 0);
        a.Store(2, T1, T0, 0);
        a.Csr(7, 0, Sip, 2);
        // A random place, from how far this hart has come.
        a.Csr(2, T1, Instret, 0);
        a.LoadConstant(T2, 0x9E37_79B1);
        a.R(0x33, 0, 1, T1, T1, T2); // mul
        a.Srli(T1, T1, 11);
        a.LoadConstant(T2, CodeBytes - 2);
        a.R(0x33, 7, 0, T0, T1, T2); // and
        a.LoadConstant(CodeRegister, Ram + Code);
        a.LoadConstant(T2, 0x100);
        a.Csr(2, 0, Sstatus, T2); // SPP: back to S-mode
        a.I(0x13, 7, 28, T1, 3); // andi
        a.Addi(29, 0, 1);
        // One time in four in U-mode, in its alias of the code.
        a.B(1, 28, 0, 4 * 4); // bnez
        a.Csr(3, 0, Sstatus, T2);
        a.Slli(30, 29, 31);
        a.Add(CodeRegister, CodeRegister, 30);
        // One time in four in the window, through entries that change under it.
        a.B(1, 28, 29, 4 * 11); // bne: over the next ten
        a.LoadConstant(CodeRegister, Window);
        a.Srli(T1, T1, 8);
        a.LoadConstant(30, 0x1F_FFFE);
        a.R(0x33, 7, 0, T0, T1, 30); // and
        a.Add(T0, T0, CodeRegister);
        a.Csr(1, 0, Sepc, T0);
        a.LoadConstant(CodeRegister, Ram + Code);
        // SPIE and FS on, the rest as the random code left it.
        a.LoadConstant(T2, 0x6020);
        a.Csr(2, 0, Sstatus, T2);
        a.Addi(T2, 0, 7);
        a.Csr(1, 0, 0x106, T2); // scounteren
        a.Addi(T2, 0, 0x222);
        a.Csr(1, 0, Sie, T2);
        // The next timer interrupt: up to 12.7 µs away.
        a.Csr(2, T2, Time, 0);
        a.Csr(2, T1, Instret, 0);
        a.I(0x13, 7, T1, T1, 127);
        a.Add(T2, T2, T1);
        a.Csr(1, 0, Stimecmp, T2);
        a.LoadConstant(DataRegister, Ram + Data + 0x800);
        a.LoadConstant(UartRegister, (uint)MemoryMap.UartBase);
        a.LoadConstant(PlicRegister, (uint)MemoryMap.PlicBase);
        a.LoadConstant(LeafRegister, Ram + LeafTable);
        a.LoadConstant(WindowRegister, Window);
        a.Sret();
        if (a.Position > 0x800) throw new InvalidOperationException("The handler has outgrown its place.");
        return a.ToArray();
    }

    private static byte[] RandomCode(Random random)
    {
        var a = new GuestAssembler();
        int Any() => random.Next(32);
        int Target() => _targets[random.Next(_targets.Length)];
        int Signed12() => random.Next(-2048, 2048);
        while (a.Position < CodeBytes)
        {
            switch (random.Next(100))
            {
                case < 14: a.I(random.Next(4) == 0 ? 0x1B : 0x13, random.Next(2) * 4, Target(), Any(), Signed12()); break;
                case < 28: a.R(random.Next(3) == 0 ? 0x3B : 0x33, random.Next(8), random.Next(3) switch { 0 => 0, 1 => 1, _ => 0x20 }, Target(), Any(), Any()); break;
                case < 36: a.Load(random.Next(7), Target(), DataRegister, Signed12()); break;
                case < 43: a.Store(random.Next(4), Any(), DataRegister, Signed12()); break;
                case < 52: WindowAccess(a, random, Any(), Target()); break;
                case < 58: ChangeLeaf(a, random, Any()); break;
                case < 62: ChangeCode(a, random, Any()); break;
                case < 68: Atomic(a, random, Any(), Target()); break;
                case < 75: Float(a, random, Target()); break;
                case < 79: CsrAccess(a, random, Any(), Target()); break;
                case < 82: DeviceAccess(a, random, Any(), Target()); break;
                case < 84: SbiCall(a, random); break;
                case < 90: a.B(new[] { 0, 1, 4, 5, 6, 7 }[random.Next(6)], Any(), Any(), random.Next(random.Next(8) == 0 ? -64 : 4, 256) & ~1); break;
                case < 91: a.Jal(random.Next(2) * Target(), random.Next(random.Next(4) == 0 ? -512 : 4, 512) & ~1); break;
                case < 93: Special(a, random); break;
                case < 96: a.Word((uint)random.NextInt64(1L << 32)); break;
                default: a.Half((ushort)random.Next(1 << 16)); break;
            }
        }
        return a.ToArray();
    }

    private static void Special(GuestAssembler a, Random random)
    {
        const uint wfi = 0x1050_0073, pause = 0x0100_000F, fence = 0x0FF0_000F, fenceI = 0x0000_100F, fenceVma = 0x1200_0073, ebreak = 0x0010_0073;
        a.Word(random.Next(12) switch { 0 => wfi, 1 => pause, < 5 => fence, < 8 => fenceI, < 11 => fenceVma, _ => ebreak });
    }

    // A random page of the window, at a random place in it, sometimes across its end.
    private static void WindowAccess(GuestAssembler a, Random random, int source, int target)
    {
        a.Srli(28, source, 55);
        a.Slli(28, 28, 12);
        a.Add(28, 28, WindowRegister);
        int offset = random.Next(4) == 0 ? -random.Next(8) : random.Next(2048);
        if (random.Next(2) == 0) a.Load(random.Next(7), target, 28, offset);
        else a.Store(random.Next(4), source, 28, offset);
    }

    // Flips a bit of a leaf: V, R, W, X, U, A, D or one of the page number. No SFENCE.VMA follows.
    private static void ChangeLeaf(GuestAssembler a, Random random, int source)
    {
        a.Srli(28, source, 55);
        a.Slli(28, 28, 3);
        a.Add(28, 28, LeafRegister);
        a.Addi(29, 0, new[] { 1, 2, 4, 8, 16, 64, 128, 0x400 }[random.Next(8)]);
        if (random.Next(2) == 0)
        {
            a.R(0x2F, 3, 0b0010000, 30, 28, 29); // amoxor.d
            return;
        }
        a.Load(3, 30, 28, 0);
        a.R(0x33, 4, 0, 30, 30, 29);
        a.Store(3, 30, 28, 0);
    }

    // Copies a piece of code to a random place: often one that is decoded already, sometimes the next instructions.
    private static void ChangeCode(GuestAssembler a, Random random, int source)
    {
        a.Load(random.Next(2) * 2 + 1, 29, CodeRegister, random.Next(0, 2048));
        if (random.Next(3) == 0)
        {
            a.Word(0x0000_0E17); // auipc x28, 0
            a.Store(1, 29, 28, random.Next(2, 32) & ~1);
            return;
        }
        a.Srli(28, source, 49);
        a.Slli(28, 28, 1);
        a.Add(28, 28, CodeRegister);
        a.Store(random.Next(1, 3), 29, 28, 0);
    }

    private static void Atomic(GuestAssembler a, Random random, int source, int target)
    {
        a.I(0x13, 7, 28, source, random.Next(8) == 0 ? 0x3F : 0x38); // mostly aligned
        a.Add(28, 28, DataRegister);
        int width = random.Next(2, 4);
        if (random.Next(2) == 0)
        {
            // Not always in pairs: a reservation may last long.
            a.I(0x13, 7, 28, source, 0x08);
            a.Add(28, 28, DataRegister);
            if (random.Next(3) != 0) a.R(0x2F, 3, 0b0001000, target, 28, 0); // lr
            if (random.Next(3) != 0) a.R(0x2F, 3, 0b0001100, 29, 28, source); // sc
            return;
        }
        int[] operations = [0b00001, 0b00000, 0b00100, 0b01100, 0b01000, 0b10000, 0b10100, 0b11000, 0b11100];
        a.R(0x2F, width, operations[random.Next(operations.Length)] << 2, target, 28, source);
    }

    private static void Float(GuestAssembler a, Random random, int target)
    {
        int format = random.Next(2), rounding = random.Next(8);
        int f1 = random.Next(32), f2 = random.Next(32), f3 = random.Next(32);
        switch (random.Next(8))
        {
            case 0: a.R(0x53, 0, 0b1111000 | format, f1, target, 0); break; // fmv.w.x, fmv.d.x
            case 1: a.R(0x53, random.Next(2), 0b1110000 | format, target, f1, 0); break; // fmv.x, fclass
            case 2: a.R(0x53, rounding, 0b1101000 | format, f1, target, random.Next(4)); break; // fcvt from integer
            case 3: a.R(0x53, rounding, 0b1100000 | format, target, f1, random.Next(4)); break; // fcvt to integer
            case 4: a.R(new[] { 0x43, 0x47, 0x4B, 0x4F }[random.Next(4)], rounding, (f3 << 2) | format, f1, f2, f1); break; // fused
            case 5: a.R(0x53, random.Next(3), 0b1010000 | format, target, f1, f2); break; // comparisons
            case 6: a.I(0x07, 2 + format, f1, DataRegister, random.Next(256)); break;
            default: a.R(0x53, rounding, (new[] { 0, 4, 8, 12 }[random.Next(4)]) | format, f1, f2, f3); break;
        }
    }

    private static void CsrAccess(GuestAssembler a, Random random, int source, int target)
    {
        if (random.Next(3) != 0)
        {
            a.Csr(2, target, _readableCsrs[random.Next(_readableCsrs.Length)], 0);
            return;
        }
        if (random.Next(2) == 0)
        {
            a.Csr(random.Next(1, 4), target, _writableCsrs[random.Next(_writableCsrs.Length)], source);
            return;
        }
        if (random.Next(3) == 0)
        {
            // Interrupts off for a moment: for longer, a loop would be for ever.
            a.Csr(7, 0, Sstatus, 2);
            a.Addi(target, source, 1);
            a.Csr(6, 0, Sstatus, 2);
            return;
        }
        // SUM or MXR.
        a.Addi(29, 0, 1);
        a.Slli(29, 29, random.Next(18, 20));
        a.Csr(random.Next(2, 4), 0, Sstatus, 29);
    }

    private static void DeviceAccess(GuestAssembler a, Random random, int source, int target)
    {
        bool uart = random.Next(3) != 0, load = random.Next(2) == 0;
        int offset = uart ? random.Next(8) : 4 * random.Next(64);
        if (load) a.Load(uart ? 4 : 2, target, uart ? UartRegister : PlicRegister, offset);
        else a.Store(uart ? 0 : 2, source, uart ? UartRegister : PlicRegister, offset);
    }

    private static void SbiCall(GuestAssembler a, Random random)
    {
        uint extension = _sbiExtensions[random.Next(_sbiExtensions.Length)];
        a.LoadConstant(A7, extension);
        a.Addi(A6, 0, extension == 0x48534D ? new[] { 0, 2, 3 }[random.Next(3)] : random.Next(8)); // no hart stops
        if (extension is 0 or 0x54494D45)
        {
            a.Csr(2, A0, Time, 0); // a timer soon: with none, WFI would be for ever
            a.Addi(A0, A0, random.Next(100));
        }
        else
        {
            a.Addi(A0, 0, random.Next(-1, 32));
        }
        if (random.Next(2) == 0) a.Addi(A1, DataRegister, 0);
        else a.Addi(A1, 0, random.Next(-1, 2));
        a.Addi(A2, 0, 0);
        a.Ecall();
    }
}
