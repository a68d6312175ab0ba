using ActorFT.Machine.Devices;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Tests.Devices;

/// <summary>
/// One device on a test bench: the device, its surroundings (guest memory, clock, interrupt line, host side), and
/// a way to bring it into the middle of operation. What <see cref="DeviceContract"/> needs to know about a device.
/// </summary>
internal abstract class DeviceBench : IDisposable
{
    public abstract IMmioDevice Device { get; }

    /// <summary>
    /// One burst of guest and host activity, steered by <paramref name="random"/> and the device's visible behaviour
    /// alone. Must bear a device whose state does not fit the bench's idea of it (after a mutated restore).
    /// </summary>
    public abstract void Drive(Random random);

    /// <summary>A device just powered on, of the same definition, in a copy of this bench's surroundings.</summary>
    public abstract DeviceBench Fresh();

    /// <summary>
    /// What the device showed the world since the last call, in order: outputs, levels of its line. Compared between a device and
    /// its restored twin.
    /// </summary>
    public virtual IReadOnlyList<string> TakeObservations() => [];

    public byte[] Save()
    {
        var writer = new StateWriter();
        Device.Save(writer);
        return writer.Written.ToArray();
    }

    /// <summary>Restores and returns how many bytes were left over.</summary>
    public int Restore(ReadOnlySpan<byte> state)
    {
        var reader = new StateReader(state);
        Device.Restore(ref reader);
        return reader.Remaining;
    }

    public virtual void Dispose() { }
}
