using ActorFT.Machine;
using ActorFT.Machine.State;

namespace ActorFT.Node.Running;

/// <summary>What a run, or a replay, did: what <c>--stats</c> shows.</summary>
internal sealed class RunStatistics(int vcpuCount)
{
    /// <summary>Instructions retired by each vCPU.</summary>
    public ulong[] Retired { get; } = new ulong[vcpuCount];

    /// <summary>Rounds run.</summary>
    public ulong Rounds { get; set; }

    /// <summary>Seconds from start to end.</summary>
    public double WallSeconds { get; set; }

    /// <summary>Seconds spent in rounds: the rest the machine was idle, or its host was.</summary>
    public double BusySeconds { get; set; }

    /// <summary>The machine's rounds since power-on, at the end.</summary>
    public ulong EndRound { get; private set; }

    /// <summary>The machine's time at the end.</summary>
    public ulong MachineTimeNs { get; private set; }

    /// <summary>The machine's digest at the end.</summary>
    public Digest Digest { get; private set; }

    /// <summary>Instructions of all vCPUs.</summary>
    public ulong RetiredTotal => Retired.Aggregate(0UL, (sum, next) => sum + next);

    /// <summary>Millions of instructions a second, while it ran.</summary>
    public double Mips => BusySeconds > 0 ? RetiredTotal / BusySeconds / 1e6 : 0;

    /// <summary>Counts one round's quanta.</summary>
    public void Add(int vcpu, QuantumResult result) => Retired[vcpu] += (ulong)result.Retired;

    /// <summary>Takes what the machine says at the end.</summary>
    public void End(IMachine machine)
    {
        EndRound = machine.RoundNumber;
        MachineTimeNs = machine.TimeNs;
        Digest = machine.ComputeDigest();
    }
}
