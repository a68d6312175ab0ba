namespace ActorFT.Machine.Devices.Virtio.Console;

/// <summary>Counters for people; not state.</summary>
internal sealed class ConsoleMetrics
{
    public long BytesWritten { get; set; }

    public long BytesTyped { get; set; }

    /// <summary>Typed bytes that found the buffer full.</summary>
    public long BytesLost { get; set; }
}
