using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>What a device saw of one chain.</summary>
internal sealed record SeenChain(ushort Head, byte[] Readable, ulong WritableBytes, BufferSegment[] Segments);

/// <summary>A device that takes chains, notes what it saw, and gives them back when the test says so.</summary>
internal sealed class ProbeDevice : VirtioDevice
{
    public ProbeDevice(ulong features = VirtioFeatures.Common) : base("probe", VirtioDeviceType.Entropy, queueCount: 2) => OfferedFeatures = features;

    public override ulong OfferedFeatures { get; }

    public override ReadOnlySpan<byte> Config => [1, 2, 3, 4, 5, 6, 7, 8, 9];

    public List<SeenChain> Seen { get; } = [];

    public int Notifications { get; private set; }

    public bool TakesChains { get; set; } = true;

    public bool WantsNotifications { get; set; } = true;

    public List<int> StoppedQueues { get; } = [];

    protected override void OnNotified(int queueIndex)
    {
        Notifications++;
        while (TakesChains && TryPop(queueIndex))
        {
            var readable = new byte[(int)Math.Min(Chain.ReadableBytes, 1 << 20)];
            Chain.Read(Memory, 0, readable);
            Seen.Add(new SeenChain(Chain.Head, readable, Chain.WritableBytes, Chain.Writable.ToArray()));
        }
        if (WantsNotifications) Queues[queueIndex].WantNotification();
        else Queues[queueIndex].DeclineNotification();
    }

    protected override void OnQueueStopped(int queueIndex) => StoppedQueues.Add(queueIndex);

    /// <summary>Gives a chain back and interrupts as the driver wishes.</summary>
    public void GiveBack(ushort head, uint bytes, int queueIndex = 0)
    {
        Push(queueIndex, head, bytes);
        SignalUsed(queueIndex);
    }

    public void GiveBackQuietly(ushort head) => Push(0, head, 0);

    public void Signal() => SignalUsed(0);

    protected override int OutstandingChains(int queueIndex) => Queues[queueIndex].Outstanding;

    protected override void SaveDevice(StateWriter writer) => writer.Section("TEST", 1);

    protected override void RestoreDevice(ref StateReader reader) => reader.Section("TEST", 1);
}
