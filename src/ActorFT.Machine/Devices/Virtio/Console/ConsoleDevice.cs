using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Console;

/// <summary>
/// The console device (VirtIO 1.2 §5.3) with one port. What the driver writes becomes an output within the notification;
/// what is typed is kept until the driver offers buffers, up to a bound.
/// </summary>
internal sealed class ConsoleDevice : VirtioDevice
{
    /// <summary>The console's number in inputs and outputs; 0 is the UART.</summary>
    public const int ConsoleIndex = 1;

    private const int ReceiveQueue = 0, TransmitQueue = 1;

    private readonly IOutputSink _outputs;
    private readonly byte[] _config = new byte[ConsoleConfig.LengthBytes];
    private readonly byte[] _typed = new byte[ConsoleConfig.MaxTypedBytes];
    private int _typedCount;

    /// <summary>Makes the device.</summary>
    public ConsoleDevice(IOutputSink outputs) : base("console", VirtioDeviceType.Console, queueCount: 2) => _outputs = outputs;

    public override ulong OfferedFeatures => ConsoleConfig.Features;

    public override ReadOnlySpan<byte> Config => _config;

    /// <summary>Counters for people.</summary>
    public ConsoleMetrics Metrics { get; } = new();

    /// <summary>Typed bytes the driver has not taken.</summary>
    public int TypedBytesWaiting => _typedCount;

    protected override void OnNotified(int queueIndex)
    {
        if (queueIndex == TransmitQueue) Transmit();
        else DeliverTyped();
    }

    private void Transmit()
    {
        while (TryPop(TransmitQueue))
        {
            if (Chain.ReadableBytes > ConsoleConfig.MaxWriteBytes || Chain.WritableBytes != 0)
            {
                Fail("a console write that is too long, or with room to write");
                return;
            }
            if (Chain.ReadableBytes != 0)
            {
                byte[] bytes = GC.AllocateUninitializedArray<byte>((int)Chain.ReadableBytes);
                SpendBytes(bytes.Length);
                Chain.Read(Memory, 0, bytes);
                Metrics.BytesWritten += bytes.Length;
                _outputs.Emit(new ConsoleWritten(ConsoleIndex, bytes));
            }
            Push(TransmitQueue, Chain.Head, 0);
        }
        Queues[TransmitQueue].WantNotification();
        SignalUsed(TransmitQueue);
    }

    /// <summary>Takes typed bytes; what does not fit is lost, as on a real line.</summary>
    public void Type(ConsoleTyped input)
    {
        if (input.ConsoleIndex != ConsoleIndex) return;
        ReadOnlySpan<byte> bytes = input.Bytes.Span;
        int count = Math.Min(bytes.Length, _typed.Length - _typedCount);
        bytes[..count].CopyTo(_typed.AsSpan(_typedCount));
        _typedCount += count;
        Metrics.BytesTyped += count;
        Metrics.BytesLost += bytes.Length - count;
        if (IsRunning) DeliverTyped();
    }

    private void DeliverTyped()
    {
        int delivered = 0;
        while (delivered < _typedCount && TryPop(ReceiveQueue))
        {
            if (Chain.ReadableBytes != 0 || Chain.WritableBytes == 0)
            {
                Fail("a console receive buffer that is empty, or not for the device to write");
                break;
            }
            int count = Chain.Write(Memory, 0, _typed.AsSpan(delivered, _typedCount - delivered));
            delivered += count;
            Push(ReceiveQueue, Chain.Head, (uint)count);
        }
        _typedCount -= delivered;
        _typed.AsSpan(delivered, _typedCount).CopyTo(_typed);
        // New buffers matter only while something waits for them.
        if (_typedCount != 0) Queues[ReceiveQueue].WantNotification();
        else Queues[ReceiveQueue].DeclineNotification();
        SignalUsed(ReceiveQueue);
    }

    // Typed bytes outlive a reset by the driver: a driver resets the device before it first uses it.
    protected override void OnPowerOn() => _typedCount = 0;

    protected override void SaveDevice(StateWriter writer)
    {
        writer.Section("VCON", 1);
        writer.Bytes(_typed.AsSpan(0, _typedCount));
    }

    protected override void RestoreDevice(ref StateReader reader)
    {
        reader.Section("VCON", 1);
        ReadOnlySpan<byte> typed = reader.Bytes(ConsoleConfig.MaxTypedBytes);
        typed.CopyTo(_typed);
        _typedCount = typed.Length;
    }
}
