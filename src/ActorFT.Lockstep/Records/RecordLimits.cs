using ActorFT.Machine;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// A limit on everything a record holds. An encoder refuses to pass them (broken invariant of the caller, which must close
/// the record or leave inputs for the next round); a decoder refuses bytes that pass them.
/// </summary>
public static class RecordLimits
{
    /// <summary>Rounds in a record. At the fastest (an idle guest woken every few microseconds) this is still some milliseconds.</summary>
    public const int MaxRounds = 4096;

    /// <summary>Inputs in one round; more wait for the next.</summary>
    public const int MaxInputsPerRound = 4096;

    /// <summary>Bytes of one input's data: the largest block read a back end may complete at once.</summary>
    public const int MaxInputBytes = 16 << 20;

    /// <summary>Bytes of data of all inputs of a record. A round begun below <see cref="CloseAtBytes"/> stays below this.</summary>
    public const int MaxRecordBytes = 64 << 20;

    /// <summary>A record whose inputs hold this many bytes takes no further round.</summary>
    public const int CloseAtBytes = 4 << 20;

    /// <summary>Bytes of all inputs of one round: what a coordinator may take at a round's start, the rest waits.</summary>
    public const int MaxRoundInputBytes = 32 << 20;

    /// <summary>Devices of one kind; an index beyond is not a machine's.</summary>
    public const int MaxDeviceIndex = 63;

    /// <summary>The latest time a round may have: 146 years. Leaves a bit free for the encoding.</summary>
    public const ulong MaxTimeNs = 1UL << 62;

    /// <summary>The most memory a log's header may name: what a guest-physical address space of this product holds.</summary>
    public const ulong MaxMemoryBytes = 1UL << 40;

    /// <summary>The most vCPUs a log's header may name.</summary>
    public const int MaxVcpus = MachineDefinition.MaxVcpus;
}
