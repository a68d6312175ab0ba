using ActorFT.Machine.Devices;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Block;
using ActorFT.Machine.Devices.Virtio.Console;
using ActorFT.Machine.Devices.Virtio.Entropy;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Machine.IO;

namespace ActorFT.Machine;

// virtio devices and the inputs they take.
public sealed partial class Machine : IRequestIds
{
    private readonly List<VirtioMmioTransport> _virtio = [];
    private readonly List<BlockDevice> _disks = [];
    private readonly List<NetDevice> _nics = [];
    private ConsoleDevice? _console;
    private EntropyDevice? _entropy;

    /// <inheritdoc/>
    public IReadOnlyList<MachineOutput> PendingRequests
    {
        get
        {
            List<MachineOutput> requests = [];
            foreach (VirtioMmioTransport transport in _virtio) transport.Device.AddPendingRequests(requests);
            return requests;
        }
    }

    /// <inheritdoc/>
    public int ReceiveBuffersFree(int nicIndex) => _nics[nicIndex].ReceiveBuffersFree;

    ulong IRequestIds.Last => _lastRequestId;

    ulong IRequestIds.Next() => ++_lastRequestId;

    /// <inheritdoc/>
    public int ConsoleInputFree(int consoleIndex) => consoleIndex switch
    {
        0 => _uart.BacklogFreeBytes,
        ConsoleDevice.ConsoleIndex when _console is not null => ConsoleConfig.MaxTypedBytes - _console.TypedBytesWaiting,
        _ => 0,
    };

    private void AddVirtioDevices(PlatformLayout layout)
    {
        foreach (VirtioSlot slot in layout.VirtioSlots)
        {
            VirtioMmioTransport transport = new(CreateDevice(slot), Memory, _plic.Line(slot.Irq));
            _virtio.Add(transport);
            _bus.Map(slot.Address, transport);
            _components.Add(new(slot.Name, transport));
        }
    }

    private VirtioDevice CreateDevice(VirtioSlot slot)
    {
        switch (slot.Kind)
        {
            case VirtioKind.Block:
                BlockDevice disk = new(slot.Index, Definition.Disks[slot.Index], this, this);
                _disks.Add(disk);
                return disk;
            case VirtioKind.Net:
                NetDevice nic = new(slot.Index, Definition.Nics[slot.Index], this);
                _nics.Add(nic);
                return nic;
            case VirtioKind.Console:
                return _console = new ConsoleDevice(this);
            default:
                return _entropy = new EntropyDevice(this, this);
        }
    }

    private void BeginVirtioRound()
    {
        foreach (VirtioMmioTransport transport in _virtio) transport.BeginRound();
    }

    // An input for a device that the machine does not have is ignored, as one that matches no request is.
    private void Apply(MachineInput input)
    {
        switch (input)
        {
            case FrameReceived frame when (uint)frame.NicIndex < (uint)_nics.Count: _nics[frame.NicIndex].Receive(frame); break;
            case ConsoleTyped { ConsoleIndex: 0 } typed: _uart.Type(typed.Bytes.Span); break;
            case ConsoleTyped { ConsoleIndex: ConsoleDevice.ConsoleIndex } typed: _console?.Type(typed); break;
            case BlockCompleted completed when (uint)completed.DiskIndex < (uint)_disks.Count: _disks[completed.DiskIndex].Complete(completed); break;
            case EntropyArrived entropy: _entropy?.Arrive(entropy); break;
        }
    }
}
