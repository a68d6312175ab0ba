using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices;

/// <summary>
/// A device on the machine's memory-mapped bus. Called on a hart's loads and stores, in the middle of its quantum.
/// A guest may access anything at any width at any offset: undefined accesses read 0 and write nothing, and no
/// access ever throws. Loops whose length the guest controls carry a budget.
/// </summary>
public interface IMmioDevice : ISavable
{
    /// <summary>The device's name in messages and in the saved state, such as "uart" or "disk-root".</summary>
    string Name { get; }

    /// <summary>The size of its register window in bytes.</summary>
    ulong WindowBytes { get; }

    /// <summary>A load of 1, 2, 4 or 8 bytes, naturally aligned, at <paramref name="offset"/> in the window.</summary>
    ulong Read(ulong offset, int widthBytes);

    /// <summary>A store of 1, 2, 4 or 8 bytes, naturally aligned, at <paramref name="offset"/> in the window.</summary>
    void Write(ulong offset, int widthBytes, ulong value);

    /// <summary>Returns to the state after power-on. In-flight requests are forgotten; their completions will be ignored.</summary>
    void Reset();
}

/// <summary>A level-triggered interrupt line from a device to the interrupt controller.</summary>
public interface IInterruptLine
{
    /// <summary>Sets the line's level.</summary>
    void SetLevel(bool asserted);
}

/// <summary>The round's time, the only clock in the machine.</summary>
public interface IMachineClock
{
    /// <summary>Nanoseconds since the machine's power-on, stamped by the leader at the round's start, never going back.</summary>
    ulong TimeNs { get; }
}
