using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Node.Tests.Support;

/// <summary>A machine whose behaviour a test scripts: what is idle, when timers are due, what it puts out.</summary>
internal sealed class FakeMachine : IMachine
{
    private readonly List<MachineOutput> _outputs = [];

    public MachineDefinition Definition { get; init; } = new() { Name = "fake", VcpuCount = 2, MemoryBytes = 2 << 20, Kernel = new byte[1] };
    public ulong RoundNumber { get; private set; }
    public ulong TimeNs { get; set; }
    public MachinePower Power { get; set; }
    public bool IsIdle { get; set; }
    public ulong NextTimerNs { get; set; } = ulong.MaxValue;
    public int ConsoleFree { get; set; } = int.MaxValue;
    public int BuffersFree { get; set; }
    public List<MachineOutput> Pending { get; } = [];
    public IReadOnlyList<MachineOutput> PendingRequests => Pending;
    public GuestMemory Memory { get; } = new(0x8000_0000, 2 << 20);

    /// <summary>Called in each round with its time and inputs; what it gives is put out.</summary>
    public Func<ulong, IReadOnlyList<MachineInput>, IEnumerable<MachineOutput>> OnRound { get; set; } = (_, _) => [];

    public void BeginRound(ulong timeNs, IReadOnlyList<MachineInput> inputs)
    {
        Assert.True(timeNs >= TimeNs, $"time went back from {TimeNs} to {timeNs}");
        TimeNs = timeNs;
        _outputs.AddRange(OnRound(timeNs, [.. inputs]));
    }

    public QuantumResult RunQuantum(int vcpu) => new(QuantumEnd.Exhausted, 100 + vcpu);
    public void EndRound() => RoundNumber++;

    public void TakeOutputs(List<MachineOutput> outputs)
    {
        outputs.AddRange(_outputs);
        _outputs.Clear();
    }

    public int ReceiveBuffersFree(int nicIndex) => BuffersFree;
    public int ConsoleInputFree(int consoleIndex) => ConsoleFree;
    public Digest ComputeDigest() => new(RoundNumber, TimeNs);
    public IReadOnlyList<KeyValuePair<string, Digest>> ComputeComponentDigests() => [new("all", ComputeDigest())];
    public void SaveDevices(StateWriter writer) => throw new NotSupportedException("A fake has no state to save.");
    public void RestoreDevices(ReadOnlySpan<byte> state) => throw new NotSupportedException("A fake has no state to restore.");
    public void Dispose() => Memory.Dispose();
}
