using ActorFT.Machine.Devices;
using ActorFT.Machine.IO;

namespace ActorFT.Machine;

// virtio devices and the inputs they take.
public sealed partial class Machine
{
    /// <inheritdoc/>
    public IReadOnlyList<MachineOutput> PendingRequests => [];

    /// <inheritdoc/>
    public int ReceiveBuffersFree(int nicIndex) => 0;

    /// <inheritdoc/>
    public int ConsoleInputFree(int consoleIndex) => consoleIndex == 0 ? _uart.BacklogFreeBytes : 0;

    private void AddVirtioDevices(PlatformLayout layout)
    {
    }

    private void BeginVirtioRound()
    {
    }

    private void Apply(MachineInput input)
    {
        if (input is ConsoleTyped { ConsoleIndex: 0 } typed) _uart.Type(typed.Bytes.Span);
    }
}
