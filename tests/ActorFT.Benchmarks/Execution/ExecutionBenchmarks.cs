using ActorFT.Benchmarks.Guest;
using BenchmarkDotNet.Attributes;
using static ActorFT.Benchmarks.Guest.Registers;

namespace ActorFT.Benchmarks.Execution;

/// <summary>
/// What guest instructions cost, by what they do: each an endless loop of a small program on a whole machine, rounds included.
/// A number is the time of one of the things the method is named for, with its share of the loop around it.
/// </summary>
public class ExecutionBenchmarks
{
    private const int Body = 16, Loop = Body + 1;
    private GuestProgram? _program;

    [GlobalCleanup]
    public void Stop() => _program?.Dispose();

    private void Start(Action<Assembler> write) => _program = new GuestProgram(write);

    private static void Repeat(Assembler a, Action<int> body)
    {
        int top = a.Here;
        for (int i = 0; i < Body; i++) body(i);
        a.Jal(0, top);
    }

    [GlobalSetup(Target = nameof(Dispatch))]
    public void SetUpDispatch() => Start(a => Repeat(a, i =>
    {
        if (i % 2 == 0) a.Addi(T0, T0, i);
        else a.Xori(T1, T0, i);
    }));

    /// <summary>One integer instruction of a straight block.</summary>
    [Benchmark(OperationsPerInvoke = GuestProgram.Instructions)]
    public void Dispatch() => _program!.Run();

    [GlobalSetup(Target = nameof(BlockChain))]
    public void SetUpBlockChain() => Start(a =>
    {
        int top = a.Here;
        for (int i = 0; i < Body; i++)
        {
            a.Addi(T0, T0, 1);
            a.Jal(0, a.Here + 4);
        }
        a.Jal(0, top);
    });

    /// <summary>One block of two instructions, the second a jump to the next block.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / (2 * Body + 1)))]
    public void BlockChain() => _program!.Run();

    [GlobalSetup(Target = nameof(MemoryHit))]
    public void SetUpMemoryHit() => Start(a =>
    {
        a.Li(T2, GuestProgram.DataAddress);
        Repeat(a, i =>
        {
            if (i % 2 == 0) a.Ld(T0, T2, i * 8);
            else a.Sd(T0, T2, i * 8);
        });
    });

    /// <summary>One load or store whose page the TLB knows.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / Loop))]
    public void MemoryHit() => _program!.Run();

    [GlobalSetup(Target = nameof(MemoryMiss))]
    public void SetUpMemoryMiss()
    {
        Start(a =>
        {
            a.Li(T0, PageTables.Satp);
            a.Slli(T0, T0, 60 - PageTables.SatpModeShift);
            a.Li(T1, PageTables.RootAddress >> 12);
            a.Add(T0, T0, T1);
            a.Csrw(Satp, T0);
            a.SfenceVma();
            a.Li(T4, 4096);
            a.Li(T3, GuestProgram.DataAddress + GuestProgram.DataBytes);
            int again = a.Here;
            a.Li(T2, GuestProgram.DataAddress);
            int top = a.Here;
            a.Ld(T0, T2, 0);
            a.Add(T2, T2, T4);
            a.Bltu(T2, T3, top);
            a.Jal(0, again);
        });
        PageTables.Write(_program!.Machine.Memory);
    }

    /// <summary>One load whose page the TLB does not know: a walk of three levels, over 16,384 pages in turn.</summary>
    [Benchmark(OperationsPerInvoke = GuestProgram.Instructions / 3)]
    public void MemoryMiss() => _program!.Run();

    [GlobalSetup(Target = nameof(Mmio))]
    public void SetUpMmio() => Start(a =>
    {
        a.Li(T2, 0x1000_0000); // the UART; 5 is its line status, which reading does not change
        Repeat(a, _ => a.Lbu(T0, T2, 5));
    });

    /// <summary>One read of a device's register.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / Loop))]
    public void Mmio() => _program!.Run();

    [GlobalSetup(Target = nameof(Call))]
    public void SetUpCall() => Start(a =>
    {
        a.Jal(0, a.Here + 12);
        int function = a.Here;
        a.Addi(T0, T0, 1);
        a.Ret();
        Repeat(a, _ => a.Jal(Ra, function));
    });

    /// <summary>One call of a function of one instruction, and its return.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / (3 * Body + 1)))]
    public void Call() => _program!.Run();

    [GlobalSetup(Target = nameof(Trap))]
    public void SetUpTrap() => Start(a =>
    {
        a.Auipc(T0, 0);
        a.Addi(T0, T0, 16); // the handler
        a.Csrw(Stvec, T0);
        a.Jal(0, a.Here + 20);
        a.Csrr(T1, Sepc);
        a.Addi(T1, T1, 4);
        a.Csrw(Sepc, T1);
        a.Sret();
        Repeat(a, _ => a.Ebreak());
    });

    /// <summary>One exception into S-mode, its handler of four instructions and the way back.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / (5 * Body + 1)))]
    public void Trap() => _program!.Run();

    [GlobalSetup(Target = nameof(FirmwareCall))]
    public void SetUpFirmwareCall() => Start(a =>
    {
        a.Addi(A7, 0, 0x10); // SBI Base
        a.Addi(A6, 0, 0);    // get_spec_version
        Repeat(a, _ => a.Ecall());
    });

    /// <summary>One SBI call.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / Loop))]
    public void FirmwareCall() => _program!.Run();

    [GlobalSetup(Target = nameof(Atomic))]
    public void SetUpAtomic() => Start(a =>
    {
        a.Li(T2, GuestProgram.DataAddress);
        a.Addi(T1, 0, 1);
        Repeat(a, _ => a.AmoaddD(T0, T1, T2));
    });

    /// <summary>One atomic addition.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / Loop))]
    public void Atomic() => _program!.Run();

    [GlobalSetup(Target = nameof(FloatingPoint))]
    public void SetUpFloatingPoint() => Start(a =>
    {
        a.Li(T0, 0x6000); // sstatus.FS
        a.Csrs(Sstatus, T0);
        a.Addi(T0, 0, 1);
        a.FcvtDL(1, T0);
        a.FcvtDL(2, T0);
        Repeat(a, i =>
        {
            if (i % 2 == 0) a.FaddD(3, 1, 2);
            else a.FmulD(4, 3, 1);
        });
    });

    /// <summary>One binary64 addition or multiplication.</summary>
    [Benchmark(OperationsPerInvoke = (int)(GuestProgram.Instructions * (long)Body / Loop))]
    public void FloatingPoint() => _program!.Run();

    [GlobalSetup(Target = nameof(CodeChange))]
    public void SetUpCodeChange() => Start(a =>
    {
        a.Auipc(T2, 0);
        a.Li(T0, 0x0000_0013); // nop
        int top = a.Here;
        a.Sw(T0, T2, a.Here + 8);
        a.FenceI();
        for (int i = 0; i < Body; i++) a.Addi(T1, 0, 1);
        a.Jal(0, top);
    });

    /// <summary>One instruction of a block that has just been changed: the write, FENCE.I, and decoding it anew.</summary>
    [Benchmark(OperationsPerInvoke = GuestProgram.Instructions)]
    public void CodeChange() => _program!.Run();
}
