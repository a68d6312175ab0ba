using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Machine;

/// <summary>Why a vCPU's part of a round ended.</summary>
public enum QuantumEnd : byte
{
    /// <summary>All N instructions retired.</summary>
    Exhausted = 0,
    /// <summary>WFI: it waits for an interrupt.</summary>
    Waiting = 1,
    /// <summary>PAUSE: it gave the rest of its part away.</summary>
    Yielded = 2,
    /// <summary>Not started, or stopped (SBI HSM).</summary>
    Stopped = 3,
    /// <summary>The machine is shutting down or starting anew; the rest of the round is empty.</summary>
    PowerOff = 4,
}

/// <summary>What one vCPU did in one round.</summary>
/// <param name="End">Why its part ended.</param>
/// <param name="Retired">Instructions it retired (an exception counts as one).</param>
public readonly record struct QuantumResult(QuantumEnd End, int Retired);

/// <summary>Whether the machine runs.</summary>
public enum MachinePower : byte
{
    /// <summary>It runs.</summary>
    Running = 0,
    /// <summary>The guest shut down and reported no failure.</summary>
    Off = 1,
    /// <summary>The guest shut down and reported a failure.</summary>
    Failed = 2,
}

/// <summary>
/// A deterministic computer: a pure function of its state, the round times and the inputs. Not thread-safe: one caller
/// at a time. A round is <see cref="BeginRound"/>, one <see cref="RunQuantum"/> for every vCPU in rising order,
/// <see cref="EndRound"/>. State may be saved, and digests taken, between rounds only.
/// </summary>
public interface IMachine : IDisposable
{
    /// <summary>What it was made from.</summary>
    MachineDefinition Definition { get; }

    /// <summary>Rounds completed since power-on (reboots do not reset it).</summary>
    ulong RoundNumber { get; }

    /// <summary>The time of the latest round, nanoseconds since power-on.</summary>
    ulong TimeNs { get; }

    /// <summary>Whether it runs.</summary>
    MachinePower Power { get; }

    /// <summary>
    /// Whether every vCPU waits or is stopped with nothing pending: no round need run before an input arrives or
    /// <see cref="NextTimerNs"/> is reached.
    /// </summary>
    bool IsIdle { get; }

    /// <summary>When the earliest timer is due, in <see cref="TimeNs"/>'s scale; <see cref="ulong.MaxValue"/> if none is set.</summary>
    ulong NextTimerNs { get; }

    /// <summary>Begins a round: sets its time and applies its inputs in order.</summary>
    /// <param name="timeNs">The round's time; a value below <see cref="TimeNs"/> is a broken invariant of the caller.</param>
    /// <param name="inputs">Inputs; ones that no longer match a request are ignored, the same way everywhere.</param>
    void BeginRound(ulong timeNs, IReadOnlyList<MachineInput> inputs);

    /// <summary>Runs one vCPU's part of the round.</summary>
    QuantumResult RunQuantum(int vcpu);

    /// <summary>Ends the round.</summary>
    void EndRound();

    /// <summary>Moves the outputs made since the last call into <paramref name="outputs"/>, in order.</summary>
    void TakeOutputs(List<MachineOutput> outputs);

    /// <summary>Requests (block, entropy) made and not completed, in order: what a host must issue again after a restore.</summary>
    IReadOnlyList<MachineOutput> PendingRequests { get; }

    /// <summary>Free receive buffers of a NIC: a frame sent in as input when there is none is dropped, as a real NIC would.</summary>
    int ReceiveBuffersFree(int nicIndex);

    /// <summary>
    /// Bytes that may be typed at a console now and be kept until the guest reads them; more are lost, as on a real line.
    /// A host with a source that can wait (a pipe, a paste) holds the rest back.
    /// </summary>
    int ConsoleInputFree(int consoleIndex) => int.MaxValue;

    /// <summary>The digest of all state.</summary>
    Digest ComputeDigest();

    /// <summary>The digest by component: "memory", "vcpu-0", "plic", "uart", "disk-…", …, in a fixed order.</summary>
    IReadOnlyList<KeyValuePair<string, Digest>> ComputeComponentDigests();

    /// <summary>Its RAM.</summary>
    GuestMemory Memory { get; }

    /// <summary>Writes everything but RAM.</summary>
    void SaveDevices(StateWriter writer);

    /// <summary>Replaces everything but RAM. RAM is replaced page by page through <see cref="Memory"/>.</summary>
    /// <exception cref="StateFormatException">Not a state of a machine of this definition; the machine must be discarded.</exception>
    void RestoreDevices(ReadOnlySpan<byte> state);
}
