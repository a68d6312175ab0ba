namespace ActorFT.Machine.Cpu;

/// <summary>Exception codes of scause (Privileged spec table "Supervisor cause register values after trap").</summary>
internal enum TrapCause : ulong
{
    InstructionAddressMisaligned = 0,
    InstructionAccessFault = 1,
    IllegalInstruction = 2,
    Breakpoint = 3,
    LoadAddressMisaligned = 4,
    LoadAccessFault = 5,
    StoreAddressMisaligned = 6,
    StoreAccessFault = 7,
    EnvironmentCallFromU = 8,
    EnvironmentCallFromS = 9,
    InstructionPageFault = 12,
    LoadPageFault = 13,
    StorePageFault = 15,
}

/// <summary>Privilege modes (Privileged spec §1.2). M-mode is served by the machine itself and never runs guest code.</summary>
internal enum PrivilegeMode : byte
{
    User = 0,
    Supervisor = 1,
}

/// <summary>Interrupt numbers, the bit positions in sip and sie.</summary>
internal static class InterruptBits
{
    public const ulong Software = 1UL << 1, Timer = 1UL << 5, External = 1UL << 9;
    public const ulong All = Software | Timer | External;
}
