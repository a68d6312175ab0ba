namespace ActorFT.Differential.Guest;

/// <summary>
/// Where a chunk's start state and its result lie in guest memory: one slot a chunk, offsets in bytes from its start.
/// The driver addresses the result relative to <see cref="Result"/>, so that all offsets fit into an immediate.
/// </summary>
internal static class Slot
{
    public const int X = 0, F = 256, Fcsr = 512, Entry = 520, Sstatus = 528, Satp = 536, Sie = 544, Sip = 552;

    /// <summary>stvec.MODE: 0 direct, 1 vectored.</summary>
    public const int VectorMode = 560;

    /// <summary>Start of the result.</summary>
    public const int Result = 568;

    // From here on relative to Result. x0's place holds the number of traps logged.
    public const int TrapCount = 0, ResultX = 0, ResultF = 256, ResultFcsr = 512, ResultSepc = 520, ResultScause = 528, ResultStval = 536;
    public const int ResultSstatus = 544, ResultSie = 552, ResultSip = 560;

    /// <summary>How many interrupts went to their own entry of the vector table.</summary>
    public const int VectoredCount = 568, Log = 576;

    /// <summary>One logged trap: sepc, scause, stval.</summary>
    public const int LogEntryBytes = 24;

    /// <summary>A chunk whose code traps more often ends at the next trap.</summary>
    public const int MaxLoggedTraps = 8;

    /// <summary>Bytes of the result that are compared.</summary>
    public const int ResultBytes = Log + MaxLoggedTraps * LogEntryBytes;

    /// <summary>Registers that the trap handler uses, while it decides whether the chunk goes on.</summary>
    public const int Spill = ResultBytes;

    public const int StrideBytes = Result + ResultBytes + 4 * 8;
}
