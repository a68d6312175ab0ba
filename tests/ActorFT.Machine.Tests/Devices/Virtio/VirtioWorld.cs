using ActorFT.Machine.Devices;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>What surrounds one virtio device: RAM, an interrupt line, the machine's outputs and request ids.</summary>
internal sealed class VirtioWorld : IOutputSink, IInterruptLine, IRequestIds, IDisposable
{
    public const ulong RamBase = 0x8000_0000;
    public const ulong RamBytes = 2 << 20;

    private ulong _lastId;

    public VirtioWorld(Func<VirtioWorld, VirtioDevice> makeDevice)
    {
        Memory = new GuestMemory(RamBase, RamBytes);
        Transport = new VirtioMmioTransport(makeDevice(this), Memory, this);
    }

    public GuestMemory Memory { get; }

    public VirtioMmioTransport Transport { get; }

    public VirtioDevice Device => Transport.Device;

    public List<MachineOutput> Outputs { get; } = [];

    /// <summary>The interrupt line's level.</summary>
    public bool Line { get; private set; }

    /// <summary>How often the line rose.</summary>
    public int Interrupts { get; private set; }

    public void Emit(MachineOutput output) => Outputs.Add(output);

    public ulong Last => _lastId;

    public ulong Next() => ++_lastId;

    public void SetLevel(bool asserted)
    {
        if (asserted && !Line) Interrupts++;
        Line = asserted;
    }

    public T[] TakeOutputs<T>() where T : MachineOutput
    {
        T[] taken = Outputs.OfType<T>().ToArray();
        Outputs.Clear();
        return taken;
    }

    /// <summary>Makes memory and counters equal to another world's.</summary>
    public void CopySurroundings(VirtioWorld other)
    {
        for (int page = 0; page < Memory.PageCount; page++)
        {
            if (other.Memory.IsTouched(page)) Memory.WritePage(page, other.Memory.Page(page));
        }
        _lastId = other._lastId;
    }

    public void Dispose() => Memory.Dispose();
}
