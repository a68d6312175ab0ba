using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;

namespace ActorFT.Machine.Devices.Virtio.Entropy;

/// <summary>A request for entropy in flight.</summary>
/// <param name="Id">Id of the output.</param>
/// <param name="LengthBytes">Bytes asked for.</param>
/// <param name="Head">The chain's head.</param>
/// <param name="Segments">Where the bytes go; null when the driver has reset the device since.</param>
internal readonly record struct EntropyRequest(ulong Id, int LengthBytes, ushort Head, BufferSegment[]? Segments)
{
    /// <summary>Whether its answer concerns nobody any more.</summary>
    public bool IsOrphan => Segments is null;

    /// <summary>The output that asks the host.</summary>
    public EntropyRequested ToOutput() => new(Id, LengthBytes);
}
