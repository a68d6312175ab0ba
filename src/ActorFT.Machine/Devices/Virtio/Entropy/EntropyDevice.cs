using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Entropy;

/// <summary>
/// The entropy device (VirtIO 1.2 §5.4). DETERMINISM: entropy is not made here: a buffer becomes a request to the host, and the bytes
/// come back as an input, the same in every replica.
/// Invariant: requests in flight have rising ids and are at most <see cref="EntropyConfig.MaxInFlightRequests"/>.
/// </summary>
internal sealed class EntropyDevice : VirtioDevice
{
    private const int QueueIndex = 0;

    private readonly IOutputSink _outputs;
    private readonly IRequestIds _ids;
    private readonly List<EntropyRequest> _inFlight = new();

    /// <summary>Makes the device.</summary>
    public EntropyDevice(IOutputSink outputs, IRequestIds ids) : base("entropy", VirtioDeviceType.Entropy, queueCount: 1)
    {
        _outputs = outputs;
        _ids = ids;
    }

    public override ulong OfferedFeatures => EntropyConfig.Features;

    public override ReadOnlySpan<byte> Config => [];

    /// <summary>Counters for people.</summary>
    public EntropyMetrics Metrics { get; } = new();

    /// <summary>Requests the host has not answered.</summary>
    public int InFlightCount => _inFlight.Count;

    protected override void OnNotified(int queueIndex)
    {
        while (_inFlight.Count < EntropyConfig.MaxInFlightRequests && TryPop(QueueIndex))
        {
            if (Chain.ReadableBytes != 0 || Chain.WritableBytes == 0)
            {
                Fail("an entropy buffer that is empty, or not for the device to write");
                return;
            }
            int lengthBytes = (int)Math.Min(Chain.WritableBytes, EntropyConfig.MaxRequestBytes);
            var request = new EntropyRequest(_ids.Next(), lengthBytes, Chain.Head, FirstSegments(lengthBytes));
            _inFlight.Add(request);
            Metrics.Requests++;
            _outputs.Emit(request.ToOutput());
        }
        Queues[QueueIndex].WantNotification();
    }

    private BufferSegment[] FirstSegments(int lengthBytes)
    {
        ReadOnlySpan<BufferSegment> segments = Chain.Writable;
        int count = 0;
        for (ulong bytes = 0; bytes < (ulong)lengthBytes; count++) bytes += segments[count].LengthBytes;
        return segments[..count].ToArray();
    }

    /// <summary>Fills the buffer that the answer is for; one that is for none, or empty, is ignored.</summary>
    public void Arrive(EntropyArrived input)
    {
        int index = _inFlight.FindIndex(request => request.Id == input.RequestId);
        if (index < 0 || input.Bytes.IsEmpty)
        {
            Metrics.Ignored++;
            return;
        }
        EntropyRequest found = _inFlight[index];
        _inFlight.RemoveAt(index);
        if (!found.IsOrphan)
        {
            ReadOnlySpan<byte> bytes = input.Bytes.Span[..Math.Min(input.Bytes.Length, found.LengthBytes)];
            BufferSegment.Scatter(Memory, found.Segments, 0, bytes);
            Push(QueueIndex, found.Head, (uint)bytes.Length);
            Metrics.BytesArrived += bytes.Length;
            SignalUsed(QueueIndex);
        }
        if (IsRunning) OnNotified(QueueIndex); // there is room again for what waits in the ring
    }

    protected override void OnQueueStopped(int queueIndex)
    {
        for (int i = 0; i < _inFlight.Count; i++) _inFlight[i] = _inFlight[i] with { Head = 0, Segments = null };
    }

    protected override void OnPowerOn() => _inFlight.Clear();

    internal override void AddPendingRequests(List<MachineOutput> requests)
    {
        foreach (EntropyRequest request in _inFlight) requests.Add(request.ToOutput());
    }

    protected override int OutstandingChains(int queueIndex) => _inFlight.Count(request => !request.IsOrphan);

    protected override void SaveDevice(StateWriter writer)
    {
        writer.Section("VRNG", 1);
        writer.U32((uint)_inFlight.Count);
        foreach (EntropyRequest request in _inFlight)
        {
            writer.U64(request.Id);
            writer.U32((uint)request.LengthBytes);
            writer.Bool(request.IsOrphan);
            if (request.IsOrphan) continue;
            writer.U16(request.Head);
            BufferSegment.Save(writer, request.Segments);
        }
    }

    protected override void RestoreDevice(ref StateReader reader)
    {
        _inFlight.Clear();
        reader.Section("VRNG", 1);
        int count = reader.Count(EntropyConfig.MaxInFlightRequests);
        for (int i = 0; i < count; i++)
        {
            ulong id = reader.U64();
            int lengthBytes = reader.Count(EntropyConfig.MaxRequestBytes);
            if (lengthBytes == 0 || id <= (i == 0 ? 0 : _inFlight[i - 1].Id) || id > _ids.Last)
                throw new StateFormatException($"Saved state of {Name} has request {id} for {lengthBytes} bytes out of order or empty.");
            if (reader.Bool())
            {
                _inFlight.Add(new EntropyRequest(id, lengthBytes, 0, null));
                continue;
            }
            ushort head = reader.U16();
            BufferSegment[] segments = BufferSegment.Restore(ref reader, Memory, ulong.MaxValue, out ulong roomBytes);
            if (head >= Queues[QueueIndex].Size || roomBytes < (ulong)lengthBytes)
                throw new StateFormatException($"Saved state of {Name} has request {id} with head {head} and room for {roomBytes} of {lengthBytes} bytes.");
            _inFlight.Add(new EntropyRequest(id, lengthBytes, head, segments));
        }
    }
}
