using ActorFT.Differential.Guest;
using ActorFT.Machine;
using ActorFT.Machine.Cpu;
using ActorFT.Machine.Memory;

namespace ActorFT.Differential.Runners;

/// <summary>Runs a program on one of our harts, with RAM and nothing else around it.</summary>
internal sealed class HartRunner : IHartEnvironment
{
    // Far more than any program here needs. A hart that runs astray stops there, and the chunk it was in has no result, which differs.
    private const long InstructionLimit = 100_000_000;
    private const int PieceInstructions = 10_007;

    public ulong TimeTicks => 0;

    public bool IsPoweringOff => false;

    /// <summary>Contents of RAM after the program ended, and the instructions that retired.</summary>
    /// <param name="image">The program.</param>
    /// <param name="thrashCaches">Whether translations and blocks are thrown away all the time.</param>
    public static (byte[] Ram, ulong Retired) Run(ProgramImage image, bool thrashCaches = false)
    {
        using var memory = new GuestMemory(ProgramImage.RamBase, image.RamBytes);
        using var derived = new DerivedState(memory);
        using var hart = new Hart(0, memory, derived, new HartRunner()) { ThrashCaches = thrashCaches };
        derived.Attach([hart]);
        memory.TryWrite(ProgramImage.RamBase, image.Bytes);
        hart.Start(ProgramImage.SupervisorEntry, opaque: 0);
        for (long run = 0; run < InstructionLimit; run += PieceInstructions)
        {
            // Run, not RunQuantum: a quantum's end would drop LR's reservation.
            if (hart.Run(PieceInstructions).End == QuantumEnd.Waiting) break;
        }

        byte[] ram = new byte[image.Bytes.Length];
        memory.TryRead(ProgramImage.RamBase, ram);
        return (ram, hart.Retired);
    }

    public bool ExternalInterruptPending(int hartId) => false;

    public bool TryReadDevice(ulong address, int widthBytes, out ulong value)
    {
        value = 0;
        return false;
    }

    public bool TryWriteDevice(ulong address, int widthBytes, ulong value) => false;

    public void CallFirmware(Hart hart) => throw new InvalidOperationException($"The program called the firmware at {hart.Pc:x}; the driver never does.");
}
