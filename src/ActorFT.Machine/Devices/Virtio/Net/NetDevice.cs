using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Net;

/// <summary>
/// The network device (VirtIO 1.2 §5.1), one pair of queues. A frame the driver sends becomes an output within the
/// notification; a frame that arrives as an input is put into receive buffers at once, or dropped when there are none, as
/// a NIC does. Frames that leave are complete, with checksums, and fit the MTU; what the driver sends in larger packets is cut,
/// and what comes behind each other in a round is put together for it: so every frame outside, in the log and on the other server, is one of the wire's.
/// Not here: the wire. Invariant: no chain is held between calls and no frame between rounds, so the device has no state of its own.
/// </summary>
internal sealed class NetDevice : VirtioDevice
{
    private const int ReceiveQueue = 0, TransmitQueue = 1;

    private readonly int _nicIndex;
    private readonly int _maxWireBytes;
    private readonly byte[] _config;
    private readonly IOutputSink _outputs;

    private readonly TcpMerge _merge = new();
    private byte[] _packet = []; // of the driver, while it is cut

    // Of the frame being received: its buffers, and the pieces of the first that take the header (at most one a byte).
    private readonly ReceiveBuffer[] _receiving = new ReceiveBuffer[SplitVirtqueue.MaxSize];
    private readonly BufferSegment[] _headerPlace = new BufferSegment[NetHeader.Bytes];

    /// <summary>Makes the device of one NIC.</summary>
    public NetDevice(int nicIndex, NicDefinition nic, IOutputSink outputs)
        : base("nic-" + nic.Name, VirtioDeviceType.Net, queueCount: 2)
    {
        _nicIndex = nicIndex;
        _maxWireBytes = nic.MtuBytes + NetConfig.LinkHeaderBytes;
        _outputs = outputs;
        _config = NetConfig.Build(nic.MacAddress.AsSpan(), nic.MtuBytes);
    }

    public override ulong OfferedFeatures => NetConfig.Features;

    public override ReadOnlySpan<byte> Config => _config;

    /// <summary>Counters for people.</summary>
    public NetMetrics Metrics { get; } = new();

    /// <summary>Receive buffers the driver has made available: a frame that comes when there are none is dropped.</summary>
    public int ReceiveBuffersFree => IsRunning ? Queues[ReceiveQueue].AvailableCount : 0;

    protected override void OnNotified(int queueIndex)
    {
        if (queueIndex == TransmitQueue) Transmit();
        else Queues[ReceiveQueue].DeclineNotification(); // buffers are looked for when a frame arrives
    }

    private void Transmit()
    {
        while (TryPop(TransmitQueue))
        {
            if (Chain.ReadableBytes < NetHeader.Bytes || Chain.WritableBytes != 0)
            {
                Fail("a frame to send without a header, or with room to write");
                return;
            }
            if (!TrySend()) Metrics.SendErrors++;
            Push(TransmitQueue, Chain.Head, 0);
        }
        Queues[TransmitQueue].WantNotification();
        SignalUsed(TransmitQueue);
    }

    private bool TrySend()
    {
        ulong frameBytes = Chain.ReadableBytes - NetHeader.Bytes;
        if (frameBytes is < NetConfig.MinFrameBytes or > NetConfig.MaxFrameBytes) return false;
        Span<byte> headerBytes = stackalloc byte[NetHeader.Bytes];
        Chain.Read(Memory, 0, headerBytes);
        NetHeader header = NetHeader.Parse(headerBytes);
        bool needsChecksum = (header.Flags & NetHeader.NeedsChecksum) != 0;
        if (needsChecksum && !HasFeature(NetConfig.Checksum)) return false;
        if (header.GsoType != 0) return TrySendSegments(header, (int)frameBytes);
        byte[] frame = GC.AllocateUninitializedArray<byte>((int)frameBytes);
        Chain.Read(Memory, NetHeader.Bytes, frame);
        if (needsChecksum && !InternetChecksum.TryComplete(frame, header.ChecksumStart, header.ChecksumOffset))
        {
            SpendBytes(frame.Length);
            return false;
        }

        Emit(frame);
        return true;
    }

    private bool TrySendSegments(NetHeader header, int packetBytes)
    {
        if (!HasFeature(header.GsoType == NetHeader.GsoTcp4 ? NetConfig.HostTso4 : NetConfig.HostTso6)) return false;
        if (_packet.Length == 0) _packet = GC.AllocateUninitializedArray<byte>(NetConfig.MaxFrameBytes);
        Span<byte> packet = _packet.AsSpan(0, packetBytes);
        Chain.Read(Memory, NetHeader.Bytes, packet);
        if (!TcpSegments.TryCut(packet, header, _maxWireBytes, out TcpSegments segments))
        {
            SpendBytes(packetBytes);
            return false;
        }

        for (int i = 0; i < segments.Count; i++) Emit(segments.Make(i));
        return true;
    }

    private void Emit(byte[] frame)
    {
        SpendBytes(frame.Length);
        Metrics.FramesSent++;
        Metrics.BytesSent += frame.Length;
        _outputs.Emit(new FrameTransmitted(_nicIndex, frame));
    }

    /// <summary>Takes a frame of this round, for receive buffers; <see cref="EndReceive"/> follows the last one.</summary>
    public void Receive(FrameReceived input)
    {
        if (input.NicIndex != _nicIndex || !IsRunning) return;
        ReadOnlySpan<byte> frame = input.Frame.Span;
        if (frame.Length < NetConfig.MinFrameBytes || frame.Length > _maxWireBytes)
        {
            Metrics.ReceiveErrors++;
            return;
        }

        if (_merge.TryAppend(frame)) return;
        EndReceive();
        bool takesValid = HasFeature(NetConfig.GuestChecksum);
        if (takesValid && _merge.TryBegin(frame, HasFeature(NetConfig.GuestTso4), HasFeature(NetConfig.GuestTso6))) return;
        bool isValid = takesValid && InternetChecksum.IsTransportValid(frame);
        Deliver(frame, new NetHeader(isValid ? NetHeader.DataValid : (byte)0, 0, 0, 0, 0, 0), 1);
    }

    /// <summary>Gives the driver what is still being put together.</summary>
    public void EndReceive()
    {
        if (_merge.Count == 0) return;
        _merge.Finish();
        // A frame that was begun with had a right checksum.
        if (IsRunning) Deliver(_merge.Frame, _merge.Count == 1 ? new NetHeader(NetHeader.DataValid, 0, 0, 0, 0, 0) : _merge.Header, _merge.Count);
        _merge.Clear();
    }

    private void Deliver(ReadOnlySpan<byte> frame, NetHeader header, int frames)
    {
        if (!TryDeliver(frame, header))
        {
            Metrics.ReceiveDropped += frames;
            return;
        }

        Metrics.FramesReceived += frames;
        Metrics.BytesReceived += frame.Length;
        SignalUsed(ReceiveQueue);
    }

    // The frame's bytes go into each buffer as it is popped. Only when all have found room are the buffers given
    // back: otherwise the driver never learns of them, and they are there for the next frame (§5.1.6.4).
    private bool TryDeliver(ReadOnlySpan<byte> frame, NetHeader header)
    {
        SplitVirtqueue queue = Queues[ReceiveQueue];
        int maxBuffers = HasFeature(NetConfig.MergeableBuffers) ? queue.Size : 1;
        int buffers = 0, delivered = 0, headerPieces = 0;
        while (delivered < frame.Length && buffers < maxBuffers && TryPop(ReceiveQueue))
        {
            if (Chain.ReadableBytes != 0 || Chain.WritableBytes < NetHeader.Bytes)
            {
                Fail("a receive buffer that has no room for a frame, or is not for the device to write");
                return false;
            }
            ulong skip = 0;
            if (buffers == 0)
            {
                headerPieces = KeepHeaderPlace();
                skip = NetHeader.Bytes;
            }
            int count = Chain.Write(Memory, skip, frame[delivered..]);
            delivered += count;
            _receiving[buffers++] = new ReceiveBuffer(Chain.Head, (uint)skip + (uint)count);
        }
        if (delivered != frame.Length)
        {
            queue.Unpop(buffers);
            return false;
        }
        Span<byte> headerBytes = stackalloc byte[NetHeader.Bytes];
        header.Write(headerBytes, buffers);
        BufferSegment.Scatter(Memory, _headerPlace.AsSpan(0, headerPieces), 0, headerBytes);
        for (int i = 0; i < buffers; i++) queue.Push(_receiving[i].Head, _receiving[i].WrittenBytes);
        return true;
    }

    // num_buffers is known only at the end, when the chain has been reused: the pieces that take the header are kept.
    private int KeepHeaderPlace()
    {
        int pieces = 0;
        uint bytes = 0;
        foreach (BufferSegment segment in Chain.Writable)
        {
            if (bytes >= NetHeader.Bytes) break;
            _headerPlace[pieces++] = segment;
            bytes = Math.Min(NetHeader.Bytes, bytes + Math.Min(NetHeader.Bytes, segment.LengthBytes));
        }
        return pieces;
    }

    private readonly record struct ReceiveBuffer(ushort Head, uint WrittenBytes);

    protected override void SaveDevice(StateWriter writer) => writer.Section("VNET", 1);

    protected override void RestoreDevice(ref StateReader reader) => reader.Section("VNET", 1);
}
