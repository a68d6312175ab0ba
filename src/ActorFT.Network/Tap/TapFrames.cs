using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Network.Frames;

namespace ActorFT.Network.Tap;

/// <summary>
/// What one read of a TAP with a virtio header gave (Documentation/networking/tuntap.rst, IFF_VNET_HDR; the header is VirtIO 1.2 §5.1.6 without
/// num_buffers): one frame, its checksum perhaps still open, or a TCP packet to be cut into frames. The frames that it makes are complete.
/// </summary>
internal readonly ref struct TapFrames
{
    /// <summary>struct virtio_net_hdr without num_buffers.</summary>
    public const int HeaderBytes = NetHeader.Bytes - sizeof(ushort);

    /// <summary>Most that the host hands over at once: a header, Ethernet's with a tag, an IP packet.</summary>
    public const int MaxReadBytes = HeaderBytes + EtherType.HeaderBytes + EtherType.VlanTagBytes + 65_535;

    private readonly TcpSegments _segments;
    private readonly bool _isCut;

    private TapFrames(ReadOnlySpan<byte> whole, TcpSegments segments, bool isCut)
    {
        Whole = whole;
        _segments = segments;
        _isCut = isCut;
    }

    /// <summary>The frame, or the packet that is to be cut.</summary>
    public ReadOnlySpan<byte> Whole { get; }

    /// <summary>Number of frames, at least one.</summary>
    public int Count => _isCut ? _segments.Count : 1;

    /// <summary>Takes what was read; completes an open checksum in it. False: it is too short, or not what its header says.</summary>
    /// <param name="read">Header and frame.</param>
    /// <param name="maxFrameBytes">The longest frame to make.</param>
    /// <param name="frames">The frames, until the buffer changes.</param>
    public static bool TryRead(Span<byte> read, int maxFrameBytes, out TapFrames frames)
    {
        frames = default;
        if (read.Length < HeaderBytes + EtherType.HeaderBytes) return false;
        NetHeader header = NetHeader.Parse(read[..HeaderBytes]);
        Span<byte> whole = read[HeaderBytes..];
        if (header.GsoType != 0)
        {
            if (!TcpSegments.TryCut(whole, header, maxFrameBytes, out TcpSegments segments)) return false;
            frames = new TapFrames(whole, segments, isCut: true);
            return true;
        }

        if ((header.Flags & NetHeader.NeedsChecksum) != 0 && !InternetChecksum.TryComplete(whole, header.ChecksumStart, header.ChecksumOffset)) return false;
        frames = new TapFrames(whole, default, isCut: false);
        return true;
    }

    /// <summary>Makes a frame, complete; its caller's own.</summary>
    public byte[] Make(int index) => _isCut ? _segments.Make(index) : Whole.ToArray();
}
