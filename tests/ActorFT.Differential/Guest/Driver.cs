using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Guest;

/// <summary>
/// The program that runs the chunks, on bare metal in S-mode. For each slot it loads the start state, enters the code by SRET,
/// and gets back by a trap: a breakpoint ends the chunk and its state is stored; any other trap is logged and its
/// instruction skipped. <see cref="MachineModeStart"/> brings QEMU from reset to where our harts start.
/// </summary>
internal static class Driver
{
    private const int Sstatus = 0x100, Sie = 0x104, Stvec = 0x105, Scounteren = 0x106, Sscratch = 0x140, Sepc = 0x141, Scause = 0x142, Stval = 0x143, Sip = 0x144, Fcsr = 3, Satp = 0x180;
    private const int T0 = 5, T1 = 6, T2 = 7, A0 = 10, Context = 31;

    /// <summary>QEMU's virt machine: writing here ends the emulator.</summary>
    private const uint FinisherAddress = 0x0010_0000, FinisherPass = 0x5555, FinisherFail = 0x1_3333;

    /// <summary>M-mode: everything is delegated to S-mode, all of memory is open, a0 says that this is QEMU.</summary>
    public static byte[] MachineModeStart(uint supervisorEntry)
    {
        var asm = new Assembler();
        asm.Csr("csrrs", T0, 0xF14, 0); // mhartid
        asm.Branch("bne", T0, 0, "park");
        asm.I("addi", T0, 0, -1);
        asm.Csr("csrrw", 0, 0x3B0, T0); // pmpaddr0: everything
        asm.I("addi", T0, 0, 0x1F);
        asm.Csr("csrrw", 0, 0x3A0, T0); // pmpcfg0: NAPOT, RWX
        asm.Constant(T0, 0xFFFF);
        asm.Csr("csrrw", 0, 0x302, T0); // medeleg
        asm.Constant(T0, 0x222);
        asm.Csr("csrrw", 0, 0x303, T0); // mideleg: the three interrupts that our harts have
        asm.I("addi", T0, 0, 7);
        asm.Csr("csrrw", 0, 0x306, T0); // mcounteren
        asm.Address(T0, "unexpected");
        asm.Csr("csrrw", 0, 0x305, T0); // mtvec
        asm.Constant(T0, supervisorEntry);
        asm.Csr("csrrw", 0, 0x341, T0); // mepc
        asm.Constant(T0, 0x800);
        asm.Csr("csrrw", 0, 0x300, T0); // mstatus: MPP = S
        asm.I("addi", A0, 0, 1);
        asm.Word(InstructionForms.Named("mret").Match);
        // mtvec is four bytes aligned by nature: all instructions here have four.
        asm.Label("unexpected");
        asm.Constant(T0, FinisherAddress);
        asm.Constant(T1, FinisherFail);
        asm.S("sw", T1, 0, T0);
        asm.Jump("unexpected");
        asm.Label("park");
        asm.Word(InstructionForms.Named("wfi").Match);
        asm.Jump("park");
        return asm.ToBytes();
    }

    /// <summary>S-mode: runs the slots from <paramref name="firstSlot"/> on until one without an entry.</summary>
    public static byte[] SupervisorStart(uint firstSlot, uint hostFlag)
    {
        var asm = new Assembler();
        asm.Constant(T0, hostFlag);
        asm.S("sd", A0, 0, T0);
        asm.Csr("csrrw", 0, Scounteren, 0);
        asm.Constant(Context, firstSlot);

        asm.Label("next");
        asm.L("ld", T0, Slot.Entry, Context);
        asm.Branch("beq", T0, 0, "done");
        asm.Csr("csrrw", 0, Sepc, T0);
        asm.Address(T0, "vectors");
        asm.L("ld", T1, Slot.VectorMode, Context);
        asm.Word(Encode.R("or", T0, T0, T1));
        asm.Csr("csrrw", 0, Stvec, T0);
        asm.L("ld", T0, Slot.Sie, Context);
        asm.Csr("csrrw", 0, Sie, T0);
        asm.L("ld", T0, Slot.Sip, Context);
        asm.Csr("csrrw", 0, Sip, T0);
        asm.Csr("csrrw", 0, Scause, 0);
        asm.Csr("csrrw", 0, Stval, 0);
        asm.Constant(T0, 3 << 13);
        asm.Csr("csrrs", 0, Sstatus, T0);
        for (int f = 0; f < 32; f++) asm.L("fld", f, Slot.F + 8 * f, Context);
        asm.L("ld", T0, Slot.Fcsr, Context);
        asm.Csr("csrrw", 0, Fcsr, T0);
        asm.L("ld", T0, Slot.Sstatus, Context);
        asm.Csr("csrrw", 0, Sstatus, T0);
        asm.L("ld", T0, Slot.Satp, Context);
        EmitSwitchTables(asm, T0);
        asm.I("addi", T0, Context, Slot.Result);
        asm.Csr("csrrw", 0, Sscratch, T0);
        // Ends a reservation that the last chunk may have left.
        asm.I("addi", T0, Context, Slot.Result + Slot.Spill);
        asm.Word(Encode.R("sc.d", T1, T0, 0));
        for (int x = 1; x < 32; x++) asm.L("ld", x, Slot.X + 8 * x, Context);
        asm.Word(InstructionForms.Named("sret").Match);

        EmitTrapHandler(asm);
        EmitChunkEnd(asm);

        asm.Label("done");
        // What the last chunk left pending must not wake WFI.
        asm.Csr("csrrw", 0, Sie, 0);
        asm.Constant(T0, hostFlag);
        asm.L("ld", T0, 0, T0);
        asm.Branch("beq", T0, 0, "wait");
        asm.Constant(T0, FinisherAddress);
        asm.Constant(T1, FinisherPass);
        asm.S("sw", T1, 0, T0);
        asm.Label("wait");
        asm.Word(InstructionForms.Named("wfi").Match);
        asm.Jump("wait");
        return asm.ToBytes();
    }

    /// <summary>All page tables map driver and slots to themselves, so that translation can be switched anywhere.</summary>
    private static void EmitSwitchTables(Assembler asm, int register)
    {
        asm.Csr("csrrw", 0, Satp, register);
        asm.Word(InstructionForms.Named("sfence.vma").Match);
    }

    private static void EmitTrapHandler(Assembler asm)
    {
        // Exceptions, and interrupts in direct mode, go to the first; the software interrupt, cause 1, to the second; nothing else.
        asm.Label("vectors");
        asm.Jump("trap");
        asm.Jump("vectored");
        asm.Label("vectored");
        asm.Csr("csrrw", Context, Sscratch, Context);
        asm.S("sd", T0, Slot.Spill, Context);
        asm.L("ld", T0, Slot.VectoredCount, Context);
        asm.I("addi", T0, T0, 1);
        asm.S("sd", T0, Slot.VectoredCount, Context);
        asm.L("ld", T0, Slot.Spill, Context);
        asm.Csr("csrrw", Context, Sscratch, Context);
        asm.Label("trap");
        asm.Csr("csrrw", Context, Sscratch, Context);
        asm.S("sd", T0, Slot.Spill, Context);
        asm.S("sd", T1, Slot.Spill + 8, Context);
        asm.S("sd", T2, Slot.Spill + 16, Context);
        // Breakpoints end the chunk, and so do fetch exceptions, behind which there is nothing to go on with.
        asm.Csr("csrrs", T0, Scause, 0);
        asm.Branch("beq", T0, 0, "end");
        foreach (int cause in (int[])[1, 3, 12])
        {
            asm.I("addi", T1, 0, cause);
            asm.Branch("beq", T0, T1, "end");
        }

        asm.L("ld", T1, Slot.TrapCount, Context);
        asm.I("addi", T2, 0, Slot.MaxLoggedTraps);
        asm.Branch("beq", T1, T2, "end");
        asm.I("addi", T2, T1, 1);
        asm.S("sd", T2, Slot.TrapCount, Context);
        // T1 = context + count * 24
        asm.Word(Encode.Shift("slli", T2, T1, 3));
        asm.Word(Encode.Shift("slli", T1, T1, 4));
        asm.Word(Encode.R("add", T1, T1, T2));
        asm.Word(Encode.R("add", T1, T1, Context));
        asm.S("sd", T0, Slot.Log + 8, T1);
        asm.Csr("csrrs", T0, Stval, 0);
        asm.S("sd", T0, Slot.Log + 16, T1);
        asm.Csr("csrrs", T0, Sepc, 0);
        asm.S("sd", T0, Slot.Log, T1);
        // An interrupt is acknowledged and skips nothing.
        asm.L("ld", T1, Slot.Log + 8, T1);
        asm.Branch("blt", T1, 0, "interrupt");
        // Skip the instruction: 4 bytes if its lowest two bits are set, else 2.
        // Code of U-mode lies in user pages, which S-mode may read only with SUM.
        asm.Word(Encode.U("lui", T1, 1 << 6));
        asm.Csr("csrrs", T2, Sstatus, T1);
        asm.L("lhu", T1, 0, T0);
        asm.Csr("csrrw", 0, Sstatus, T2);
        asm.I("andi", T1, T1, 3);
        asm.I("addi", T2, 0, 3);
        asm.I("addi", T0, T0, 2);
        asm.Branch("bne", T1, T2, "short");
        asm.I("addi", T0, T0, 2);
        asm.Label("short");
        asm.Csr("csrrw", 0, Sepc, T0);
        asm.Jump("resume");
        asm.Label("interrupt");
        asm.Csr("csrrw", 0, Sip, 0);
        asm.Label("resume");
        asm.L("ld", T0, Slot.Spill, Context);
        asm.L("ld", T1, Slot.Spill + 8, Context);
        asm.L("ld", T2, Slot.Spill + 16, Context);
        asm.Csr("csrrw", Context, Sscratch, Context);
        asm.Word(InstructionForms.Named("sret").Match);
    }

    private static void EmitChunkEnd(Assembler asm)
    {
        asm.Label("end");
        EmitSwitchTables(asm, 0);
        for (int x = 1; x < Context; x++)
        {
            if (x is not (T0 or T1 or T2)) asm.S("sd", x, Slot.ResultX + 8 * x, Context);
        }

        for (int i = 0; i < 3; i++)
        {
            asm.L("ld", A0, Slot.Spill + 8 * i, Context);
            asm.S("sd", A0, Slot.ResultX + 8 * (T0 + i), Context);
            asm.S("sd", 0, Slot.Spill + 8 * i, Context);
        }

        foreach (var (csr, offset) in ((int, int)[])[(Sscratch, Slot.ResultX + 8 * Context), (Sepc, Slot.ResultSepc), (Scause, Slot.ResultScause),
            (Stval, Slot.ResultStval), (Sstatus, Slot.ResultSstatus), (Sie, Slot.ResultSie), (Sip, Slot.ResultSip)])
        {
            asm.Csr("csrrs", T0, csr, 0);
            asm.S("sd", T0, offset, Context);
        }

        asm.Constant(T0, 3 << 13);
        asm.Csr("csrrs", 0, Sstatus, T0);
        for (int f = 0; f < 32; f++) asm.S("fsd", f, Slot.ResultF + 8 * f, Context);
        asm.Csr("csrrs", T0, Fcsr, 0);
        asm.S("sd", T0, Slot.ResultFcsr, Context);
        asm.I("addi", Context, Context, Slot.StrideBytes - Slot.Result);
        asm.Jump("next");
    }
}
