namespace ActorFT.Machine.Cpu;

/// <summary>What a hart needs of the machine around it.</summary>
internal interface IHartEnvironment
{
    /// <summary>The round's time in ticks of the timebase (10 MHz).</summary>
    ulong TimeTicks { get; }

    /// <summary>Whether the machine is shutting down or starting anew: no more instructions in this round.</summary>
    bool IsPoweringOff { get; }

    /// <summary>Whether the PLIC asserts this hart's external interrupt.</summary>
    bool ExternalInterruptPending(int hartId);

    /// <summary>A naturally aligned load outside RAM; false when no device answers.</summary>
    bool TryReadDevice(ulong address, int widthBytes, out ulong value);

    /// <summary>A naturally aligned store outside RAM; false when no device answers.</summary>
    bool TryWriteDevice(ulong address, int widthBytes, ulong value);

    /// <summary>An ECALL from S-mode. Registers are in the hart; results go there.</summary>
    void CallFirmware(Hart hart);
}
