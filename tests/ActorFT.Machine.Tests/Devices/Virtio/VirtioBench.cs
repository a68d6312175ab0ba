using System.Buffers.Binary;
using ActorFT.Machine.Devices;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Block;
using ActorFT.Machine.Devices.Virtio.Console;
using ActorFT.Machine.Devices.Virtio.Entropy;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>
/// A virtio device driven at random through its registers and rings, well and badly. The driver's memory of what it did is in guest
/// memory and registers only, so that a twin with copied surroundings continues alike.
/// </summary>
internal abstract class VirtioBench : DeviceBench
{
    private const ulong TableBase = VirtioWorld.RamBase + 0x1000;
    private const ulong BufferBase = VirtioWorld.RamBase + 0x10000;
    private const int BufferSpan = 0x10000;

    private bool _lastLine;
    private readonly List<string> _observations = [];

    protected VirtioBench(Func<VirtioWorld, VirtioDevice> makeDevice) => World = new VirtioWorld(makeDevice);

    public VirtioWorld World { get; }

    public override IMmioDevice Device => World.Transport;

    /// <summary>How often a chain must be well formed, in 100.</summary>
    public int GoodChains { get; init; } = 97;

    protected abstract VirtioBench Another();

    public override DeviceBench Fresh()
    {
        VirtioBench fresh = Another();
        fresh.World.CopySurroundings(World);
        return fresh;
    }

    public override IReadOnlyList<string> TakeObservations()
    {
        ObserveOutputs();
        string[] taken = [.. _observations];
        _observations.Clear();
        return taken;
    }

    private void ObserveOutputs()
    {
        foreach (MachineOutput output in World.Outputs) _observations.Add(Describe(output));
        World.Outputs.Clear();
        if (World.Line != _lastLine) _observations.Add($"line {World.Line}");
        _lastLine = World.Line;
    }

    private static string Describe(MachineOutput output) => output switch
    {
        BlockRequested request => $"block {request.RequestId} {request.Operation} {request.OffsetBytes} {request.LengthBytes} {Convert.ToHexString(request.Data.Span)}",
        FrameTransmitted frame => $"frame {Convert.ToHexString(frame.Frame.Span)}",
        ConsoleWritten written => $"console {Convert.ToHexString(written.Bytes.Span)}",
        _ => output.ToString(),
    };

    public override void Drive(Random random)
    {
        if (!World.Device.IsRunning || random.Next(40) == 0) Initialize(random);
        if (random.Next(3) == 0) World.Transport.BeginRound();
        int queue = random.Next(World.Device.Queues.Length);
        for (int i = random.Next(6); i > 0; i--) AddChain(queue, random);
        World.Transport.Write(MmioRegisters.QueueNotify, 4, (ulong)queue);
        ObserveOutputs();
        for (int i = random.Next(3); i > 0; i--) HostActs(random);
        if (random.Next(2) == 0) World.Transport.Write(MmioRegisters.InterruptAck, 4, 3);
        ObserveOutputs();
    }

    private void Initialize(Random random)
    {
        var driver = new GuestDriver(World);
        driver.Write(MmioRegisters.Status, 0);
        driver.Write(MmioRegisters.Status, 1);
        driver.Write(MmioRegisters.Status, 3);
        ulong features = World.Device.OfferedFeatures;
        if (random.Next(2) == 0) features &= (ulong)random.NextInt64() | VirtioFeatures.Version1;
        driver.AcceptFeatures(features);
        driver.Write(MmioRegisters.Status, 11);
        for (int i = 0; i < World.Device.Queues.Length; i++)
        {
            uint size = 1u << random.Next(1, 7);
            ulong table = TableBase + 0x2000 * (ulong)i;
            World.Memory.TryWrite(table, new byte[0x2000]);
            driver.ConfigureQueue(i, size, table, table + 0x800, table + 0x1000);
            driver.Write(MmioRegisters.QueueReady, 1);
        }
        driver.Write(MmioRegisters.Status, 15);
    }

    /// <summary>Makes one chain available, most often a good one; the device is not told.</summary>
    public void AddChain(int queueIndex, Random random)
    {
        SplitVirtqueue queue = World.Device.Queues[queueIndex];
        World.Memory.TryRead(queue.DriverArea + 2, out ushort avail);
        World.Memory.TryRead(queue.DeviceArea + 2, out ushort used);
        bool isGood = random.Next(100) < GoodChains;
        if (queue.Size < 2 || (isGood && (ushort)(avail - used) >= queue.Size / 2)) return;
        int size = queue.Size;
        int head = random.Next(size), length = random.Next(1, Math.Min(6, size) + 1);
        int readable = isGood ? ReadablePieces(queueIndex, length, random) : random.Next(length + 1);
        for (int i = 0; i < length; i++)
        {
            int index = (head + i) % size;
            bool isWritable = i >= readable;
            ulong address = BufferBase + (ulong)random.Next(BufferSpan);
            uint bytes = PieceBytes(i, isWritable, i == length - 1, random);
            ushort flags = (ushort)((i < length - 1 ? 1 : 0) | (isWritable ? 2 : 0));
            ushort next = (ushort)((index + 1) % size);
            if (!isGood && random.Next(3) == 0)
            {
                address = random.Next(2) == 0 ? (ulong)random.NextInt64() : VirtioWorld.RamBase + VirtioWorld.RamBytes - (ulong)random.Next(64);
                bytes = (uint)random.NextInt64(0x1_0000_0000);
                flags = (ushort)random.Next(8);
                next = (ushort)random.Next(size + 1);
            }
            else if (!isWritable)
            {
                World.Memory.TryWrite(address, Content(i, bytes, random));
            }
            WriteDescriptor(queue, index, address, bytes, flags, next);
        }
        if (!isGood && random.Next(8) == 0) avail += (ushort)random.Next(0x10000);
        World.Memory.TryWrite(queue.DriverArea + 4 + 2 * (ulong)(avail % size), (ushort)head);
        World.Memory.TryWrite(queue.DriverArea + 2, (ushort)(avail + 1));
    }

    private void WriteDescriptor(SplitVirtqueue queue, int index, ulong address, uint bytes, ushort flags, ushort next)
    {
        Span<byte> descriptor = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], next);
        World.Memory.TryWrite(queue.DescriptorArea + 16 * (ulong)index, descriptor);
    }

    /// <summary>How many pieces of a good chain the device reads.</summary>
    protected abstract int ReadablePieces(int queueIndex, int length, Random random);

    protected virtual uint PieceBytes(int piece, bool isWritable, bool isLast, Random random) => (uint)random.Next(1, 2048);

    /// <summary>What lies in a readable piece.</summary>
    protected virtual byte[] Content(int piece, uint bytes, Random random) => RandomBytes(random, (int)bytes);

    /// <summary>The host does something: completes, sends, types.</summary>
    protected abstract void HostActs(Random random);

    public void Act(Random random) => HostActs(random);

    protected static byte[] RandomBytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    public override void Dispose() => World.Dispose();
}

internal sealed class BlockBench : VirtioBench
{
    public BlockBench() : base(world => new BlockDevice(2, new DiskDefinition("root", 1 << 20), world, world)) { }

    protected override VirtioBench Another() => new BlockBench { GoodChains = GoodChains };

    private uint _type; // of the request being made

    protected override int ReadablePieces(int queueIndex, int length, Random random)
    {
        uint[] types = [0, 0, 1, 1, 4, 8, 11, 11, 13, 13, 99];
        _type = types[random.Next(types.Length)];
        return _type == 0 ? 1 : Math.Max(1, length - 1);
    }

    private bool HasRanges => _type is 11 or 13;

    protected override uint PieceBytes(int piece, bool isWritable, bool isLast, Random random)
    {
        if (piece == 0) return 16;
        if (isLast && isWritable) return random.Next(2) == 0 ? 1u : 513u;
        return HasRanges ? 16u * (uint)random.Next(1, 4) : 512u * (uint)random.Next(4);
    }

    protected override byte[] Content(int piece, uint bytes, Random random)
    {
        byte[] content = base.Content(piece, bytes, random);
        if (piece == 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(content, _type);
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(8), (ulong)random.Next(2100));
        }
        for (int at = 0; piece > 0 && HasRanges && at + 16 <= content.Length; at += 16)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(at), (ulong)random.Next(2000));
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(at + 8), (ulong)random.Next(1, 60));
        }
        return content;
    }

    protected override void HostActs(Random random)
    {
        var pending = new List<MachineOutput>();
        World.Device.AddPendingRequests(pending);
        ulong id = (ulong)random.Next(1000);
        int bytes = random.Next(600);
        if (pending.Count > 0 && random.Next(10) != 0)
        {
            var request = (BlockRequested)pending[random.Next(pending.Count)];
            id = request.RequestId;
            bytes = request.Operation == BlockOperation.Read ? (int)request.LengthBytes : 0;
        }
        ((BlockDevice)World.Device).Complete(new BlockCompleted(2, id, (BlockStatus)(random.Next(5) == 0 ? random.Next(4) : 0), RandomBytes(random, bytes)));
    }
}

internal sealed class NetBench : VirtioBench
{
    public NetBench() : base(world => new NetDevice(1, new NicDefinition("lan", [2, 0, 0, 0, 0, 9], 1500), world)) { }

    protected override VirtioBench Another() => new NetBench { GoodChains = GoodChains };

    protected override int ReadablePieces(int queueIndex, int length, Random random) => queueIndex == 0 ? 0 : length;

    protected override uint PieceBytes(int piece, bool isWritable, bool isLast, Random random) => (uint)random.Next(12, 700);

    protected override void HostActs(Random random)
    {
        NetDevice device = (NetDevice)World.Device;
        device.Receive(new FrameReceived(1, RandomBytes(random, random.Next(random.Next(2) == 0 ? 1514 : 70_000))));
        if (random.Next(2) == 0)
        {
            TcpStream stream = new(random, isIpv6: random.Next(2) == 0);
            foreach (byte[] frame in stream.Frames(random.Next(1, 5000), random.Next(100, 1448))) device.Receive(new FrameReceived(1, frame));
        }

        device.EndReceive();
    }
}

internal sealed class ConsoleBench : VirtioBench
{
    public ConsoleBench() : base(world => new ConsoleDevice(world)) { }

    protected override VirtioBench Another() => new ConsoleBench { GoodChains = GoodChains };

    protected override int ReadablePieces(int queueIndex, int length, Random random) => queueIndex == 0 ? 0 : length;

    protected override uint PieceBytes(int piece, bool isWritable, bool isLast, Random random) => (uint)random.Next(1, 40);

    protected override void HostActs(Random random) =>
        ((ConsoleDevice)World.Device).Type(new ConsoleTyped(1, RandomBytes(random, random.Next(200))));
}

internal sealed class EntropyBench : VirtioBench
{
    public EntropyBench() : base(world => new EntropyDevice(world, world)) { }

    protected override VirtioBench Another() => new EntropyBench { GoodChains = GoodChains };

    protected override int ReadablePieces(int queueIndex, int length, Random random) => 0;

    protected override void HostActs(Random random)
    {
        var pending = new List<MachineOutput>();
        World.Device.AddPendingRequests(pending);
        ulong id = pending.Count > 0 && random.Next(10) != 0 ? ((EntropyRequested)pending[random.Next(pending.Count)]).RequestId : (ulong)random.Next(1000);
        ((EntropyDevice)World.Device).Arrive(new EntropyArrived(id, RandomBytes(random, random.Next(1500))));
    }
}
