namespace ActorFT.Machine.Devices.Virtio.Console;

/// <summary>Features and limits of the console device (VirtIO 1.2 §5.3.3, §5.3.4).</summary>
internal static class ConsoleConfig
{
    /// <summary>The features offered: one port, no size (a host's console may change it at any time), no emergency write.</summary>
    public const ulong Features = VirtioFeatures.Common;

    /// <summary>Bytes of one write of the driver; Linux's largest is a pipe's 64 KiB, 1 MiB where its user raised that.</summary>
    public const int MaxWriteBytes = 1024 * 1024;

    /// <summary>Typed bytes kept for a driver that offers no buffers.</summary>
    public const int MaxTypedBytes = 64 * 1024;

    /// <summary>The configuration space: cols, rows, max_nr_ports, emerg_wr. None is meaningful without its feature.</summary>
    public const int LengthBytes = 12;
}
