using System.Buffers.Binary;
using ActorFT.Machine.Devices;
using ActorFT.Machine.State;
using ActorFT.Machine.Tests.Boot;
using Xunit;

namespace ActorFT.Machine.Tests.Determinism;

/// <summary>
/// Small guests, each for one way in which something cached could show. Every guest runs with warm caches and with none, and must
/// come to the result that the architecture with no caches gives.
/// </summary>
public sealed class DerivedStateTests
{
    private const uint Ram = (uint)MemoryMap.RamBase;
    private const int RootTable = 0x1000, MiddleTable = 0x2000, LeafTable = 0x3000, First = 0x4000, Second = 0x5000, Result = 0x6000;
    private const uint Window = 0xC000_0000;
    private const int Satp = 0x180, Sstatus = 0x100, Stvec = 0x105, Sepc = 0x141, Scause = 0x142;
    private const ulong Valid = 1, Read = 2, Write = 4, Execute = 8;
    private const int Ra = 1, S0 = 8, S1 = 9, A0 = 10, A1 = 11, T0 = 5, T1 = 6, T2 = 7;

    /// <summary>Runs a guest that sets up paging, then does <paramref name="body"/>, then waits; gives its result and digest.</summary>
    private static (ulong Result, Digest Digest) Run(Action<GuestAssembler> body, ulong leafPermissions, bool thrash)
    {
        byte[] image = new byte[0x7000];
        void Entry(int table, int index, int physical, ulong bits) =>
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(table + 8 * index), ((Ram + (ulong)physical) >> 12 << 10) | bits);
        Entry(RootTable, 2, 0, Valid | Read | Write | Execute);
        Entry(RootTable, 3, MiddleTable, Valid);
        Entry(MiddleTable, 0, LeafTable, Valid);
        Entry(LeafTable, 0, First, Valid | leafPermissions);
        foreach ((int page, int value) in new[] { (First, 11), (Second, 22) })
        {
            var function = new GuestAssembler();
            function.Addi(A0, 0, value);
            function.I(0x67, 0, 0, Ra, 0); // ret
            function.ToArray().CopyTo(image, page);
        }
        var a = new GuestAssembler();
        a.LoadConstant(T0, Ram + RootTable >> 12);
        a.Addi(T1, 0, 8);
        a.Slli(T1, T1, 60);
        a.R(0x33, 6, 0, T0, T0, T1);
        a.Csr(1, 0, Satp, T0);
        a.LoadConstant(S0, Window);
        a.LoadConstant(S1, Ram + LeafTable);
        a.LoadConstant(T0, Ram + 0x800);
        a.Csr(1, 0, Stvec, T0);
        body(a);
        a.LoadConstant(T0, Ram + Result);
        a.Store(3, A1, T0, 0);
        a.Word(0x1050_0073); // wfi
        a.ToArray().CopyTo(image, 0);
        // The handler: notes the cause in a2 and goes on behind the instruction.
        var handler = new GuestAssembler();
        handler.Csr(2, 12, Scause, 0);
        handler.Csr(2, T0, Sepc, 0);
        handler.Addi(T0, T0, 4);
        handler.Csr(1, 0, Sepc, T0);
        handler.Sret();
        handler.ToArray().CopyTo(image, 0x800);

        byte[] kernel = TestKernels.Elf(Ram, new TestKernels.Segment(Ram, Ram, image.Length, (ulong)image.Length));
        image.CopyTo(kernel, kernel.Length - image.Length);
        using var machine = new Machine(TestKernels.MachineWith(kernel), new MachineOptions { ThrashCaches = thrash });
        machine.BeginRound(0, []);
        machine.RunQuantum(0);
        machine.EndRound();
        Assert.True(machine.IsIdle, "The guest did not come to its end.");
        Assert.True(machine.Memory.TryRead(Ram + Result, out ulong result));
        return (result, machine.ComputeDigest());
    }

    private static void AssertResult(ulong expected, Action<GuestAssembler> body, ulong leafPermissions)
    {
        (ulong warm, Digest warmDigest) = Run(body, leafPermissions, thrash: false);
        (ulong none, Digest noneDigest) = Run(body, leafPermissions, thrash: true);
        Assert.Equal(expected, none);
        Assert.Equal(expected, warm);
        Assert.Equal(noneDigest, warmDigest);
    }

    private static void CallWindow(GuestAssembler a) => a.I(0x67, 0, Ra, S0, 0);

    // First and Second are neighbours, so one bit of the page number leads from one to the other.
    private static void SwapPage(GuestAssembler a)
    {
        a.Addi(T1, 0, 0x400);
        a.R(0x2F, 3, 0b0010000, 0, S1, T1); // amoxor.d
    }

    [Fact]
    public void Fetch_LeafChangedWithoutFence_RunsTheOtherPage() => AssertResult(11_22_11, a =>
    {
        a.Addi(A1, 0, 0);
        for (int i = 0; i < 3; i++)
        {
            CallWindow(a);
            a.Addi(T0, 0, 100);
            a.R(0x33, 0, 1, A1, A1, T0); // mul
            a.Add(A1, A1, A0);
            SwapPage(a);
        }
    }, Read | Execute);

    [Fact]
    public void Load_LeafChangedWithoutFence_ReadsTheOtherPage() => AssertResult(0x00B0_0513UL ^ 0x0160_0513, a =>
    {
        a.Load(6, A1, S0, 0); // lwu
        SwapPage(a);
        a.Load(6, T0, S0, 0);
        a.R(0x33, 4, 0, A1, A1, T0);
    }, Read | Execute);

    [Fact]
    public void Load_MxrClearedAfterItLetOneThrough_Faults() => AssertResult(13, a =>
    {
        a.Addi(T2, 0, 1);
        a.Slli(T2, T2, 19);
        a.Csr(2, 0, Sstatus, T2);
        a.Load(6, A1, S0, 0);
        a.Csr(3, 0, Sstatus, T2);
        a.Addi(12, 0, 0);
        a.Load(6, A1, S0, 0);
        a.Addi(A1, 12, 0); // load page fault
    }, Execute);

    [Fact]
    public void Store_WriteBitTakenAwayWithoutFence_Faults() => AssertResult(15, a =>
    {
        a.Store(3, 0, S0, 8);
        a.Addi(T1, 0, (int)Write);
        a.R(0x2F, 3, 0b0010000, 0, S1, T1);
        a.Addi(12, 0, 0);
        a.Store(3, 0, S0, 16);
        a.Addi(A1, 12, 0); // store page fault
    }, Read | Write);

    [Fact]
    public void Store_DirtyBitClearedWithoutFence_IsSetAgain() => AssertResult(128, a =>
    {
        a.Store(3, 0, S0, 8);
        a.Addi(T1, 0, 128);
        a.R(0x2F, 3, 0b0010000, 0, S1, T1); // D off
        a.Store(3, 0, S0, 16);
        a.Load(3, A1, S1, 0);
        a.I(0x13, 7, A1, A1, 128);
    }, Read | Write);

    [Fact]
    public void Store_IntoTheNextInstruction_IsWhatRuns() => AssertResult(5, a =>
    {
        a.Addi(A1, 0, 1);
        a.Word(0x0000_0297); // auipc t0, 0
        a.LoadConstant(T1, 0x0050_0593); // addi a1, zero, 5: four instructions
        a.Store(2, T1, T0, 4 * 6);
        a.Addi(A1, 0, 3); // replaced
    }, Read);

    [Fact]
    public void Reservation_HeldAtAQuantumsEnd_IsGoneInEveryReplica()
    {
        // lr, 40 times nothing, sc, count a failure, again: at most boundaries a reservation is held.
        var a = new GuestAssembler();
        a.LoadConstant(S0, Ram + 0x800);
        int loop = a.Position;
        a.R(0x2F, 3, 0b0001000, T0, S0, 0);
        for (int i = 0; i < 40; i++) a.Addi(0, 0, 0);
        a.R(0x2F, 3, 0b0001100, T1, S0, T0);
        a.Add(A1, A1, T1);
        a.Jal(0, loop - a.Position);
        byte[] image = new byte[0x1000];
        a.ToArray().CopyTo(image, 0);
        byte[] kernel = TestKernels.Elf(Ram, new TestKernels.Segment(Ram, Ram, image.Length, (ulong)image.Length));
        image.CopyTo(kernel, kernel.Length - image.Length);
        MachineDefinition definition = TestKernels.MachineWith(kernel) with { QuantumInstructions = 101 };

        using var machine = new Machine(definition);
        for (int round = 0; round < 50; round++)
        {
            using var restored = new Machine(definition);
            var writer = new StateWriter();
            machine.SaveDevices(writer);
            for (int page = 0; page < machine.Memory.PageCount; page++)
                if (machine.Memory.IsTouched(page)) restored.Memory.WritePage(page, machine.Memory.Page(page));
            restored.RestoreDevices(writer.Written);
            foreach (Machine replica in (Machine[])[machine, restored])
            {
                replica.BeginRound((ulong)round, []);
                replica.RunQuantum(0);
                replica.EndRound();
            }
            Assert.Equal(machine.ComputeDigest(), restored.ComputeDigest());
        }
    }
}
