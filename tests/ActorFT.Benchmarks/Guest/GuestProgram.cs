using System.Buffers.Binary;
using ActorFT.Machine;
using ActorFT.Machine.IO;

namespace ActorFT.Benchmarks.Guest;

/// <summary>A machine with one vCPU that runs a small endless program in S-mode, round by round, and nothing else.</summary>
internal sealed class GuestProgram : IDisposable
{
    public const int RoundsPerRun = 20, QuantumInstructions = 50_000;

    /// <summary>Instructions of one <see cref="Run"/>.</summary>
    public const int Instructions = RoundsPerRun * QuantumInstructions;

    /// <summary>Where the program's first instruction lies: after the Image header.</summary>
    public const ulong CodeAddress = 0x8020_0000 + HeaderBytes;

    /// <summary>Memory that programs may use as they like.</summary>
    public const ulong DataAddress = 0x8100_0000, DataBytes = 64 << 20;

    private const int HeaderBytes = 64;
    private const ulong RoundNs = 1_000_000;
    private readonly List<MachineOutput> _outputs = [];

    public GuestProgram(Action<Assembler> write)
    {
        var assembler = new Assembler();
        write(assembler);
        Machine = new Machine.Machine(new MachineDefinition
        {
            Name = "bench",
            VcpuCount = 1,
            MemoryBytes = 128 << 20,
            QuantumInstructions = QuantumInstructions,
            Kernel = Image(assembler.ToBytes()),
            HasEntropy = false,
        });
    }

    public Machine.Machine Machine { get; }

    /// <summary>Runs the program on, <see cref="Instructions"/> further.</summary>
    public void Run()
    {
        ulong before = Machine.RetiredInstructions(0);
        for (int i = 0; i < RoundsPerRun; i++)
        {
            Machine.BeginRound(Machine.TimeNs + RoundNs, []);
            Machine.RunQuantum(0);
            Machine.EndRound();
        }
        Machine.TakeOutputs(_outputs);
        // A program that stopped, slept or shut down would be measured as a very fast one. Traps take their slot without retiring.
        if (Machine.Power != MachinePower.Running || _outputs.Count != 0 || Machine.RetiredInstructions(0) - before < Instructions / 2)
            throw new InvalidOperationException("The measured program does not run as written.");
    }

    public void Dispose() => Machine.Dispose();

    // A raw Linux Image (Documentation/arch/riscv/boot-image-header.rst) that begins with a jump to the code behind its header.
    private static byte[] Image(byte[] code)
    {
        byte[] file = new byte[HeaderBytes + code.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(file, 0x0400_006F); // j 64
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(8), 0x20_0000);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(16), 0x1_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(32), 2);
        "RISCV"u8.CopyTo(file.AsSpan(48));
        "RSC\u0005"u8.CopyTo(file.AsSpan(56));
        code.CopyTo(file.AsSpan(HeaderBytes));
        return file;
    }
}
