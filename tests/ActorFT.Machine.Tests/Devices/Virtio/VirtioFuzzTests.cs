using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Block;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;
using Xunit;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>
/// A hostile driver: random registers, rings, descriptor tables and configurations, with fixed seeds. Whatever it does, no exception,
/// bounded work, bounded outputs, a savable state; and the device works again after a reset.
/// </summary>
public sealed partial class VirtioFuzzTests
{
    // clock_gettime(2), CLOCK_THREAD_CPUTIME_ID.
    private static double ThreadSeconds()
    {
        Assert.Equal(0, GetTime(3, out TimeSpec time));
        return time.Seconds + (time.Nanoseconds / 1e9);
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds, Nanoseconds;
    }

    private const int Rounds = 400;
    private const int HostileRounds = 3000;
    private const ulong AreaBase = VirtioWorld.RamBase + 0x1000;
    private const int AreaBytes = 0x2000;

    /// <summary>Bytes that may leave in a round: the budget, and the one request that may begin with its last unit.</summary>
    private const long MaxBytesPerRound = VirtioDevice.RoundBudgetUnits * 512L + BlockConfig.MaxRequestBytes;

    public static TheoryData<string> Devices => ["block", "net", "console", "entropy"];

    private static VirtioBench Bench(string device, int goodChains = 97) => device switch
    {
        "block" => new BlockBench { GoodChains = goodChains },
        "net" => new NetBench { GoodChains = goodChains },
        "console" => new ConsoleBench { GoodChains = goodChains },
        _ => new EntropyBench { GoodChains = goodChains },
    };

    [Theory]
    [MemberData(nameof(Devices))]
    public void RandomRingsTablesAndRegisters_NeverThrowHangOrGrow(string device)
    {
        var reasons = new SortedSet<string>(StringComparer.Ordinal);
        int outputs = 0, running = 0, completions = 0;
        for (int seed = 0; seed < 6; seed++)
        {
            using VirtioBench bench = Bench(device);
            var random = new Random(seed);
            for (int round = 0; round < HostileRounds; round++)
            {
                bench.World.Transport.BeginRound();
                if (!bench.World.Device.IsRunning) Initialize(bench.World, random);
                running += bench.World.Device.IsRunning ? 1 : 0;
                for (int step = random.Next(12); step > 0; step--) HostileStep(bench, random);
                outputs += bench.World.Outputs.Count;
                completions += bench.World.Transport.Read(MmioRegisters.InterruptStatus, 4) % 2 == 1 ? 1 : 0;
                Assert.InRange(bench.World.Outputs.Sum(Bytes), 0, MaxBytesPerRound);
                if (bench.World.Device.LastDriverFault is { } fault) reasons.Add(fault);
                bench.TakeObservations();
            }
            AssertSavable(bench);
        }
        Assert.True(running > HostileRounds, $"The device ran in {running} rounds only.");
        Assert.True(outputs > 100, $"Only {outputs} outputs left the device.");
        Assert.True(completions > 100, $"Only {completions} rounds ended with buffers used.");
        Assert.True(reasons.Count >= 5, $"Only these faults were seen: {string.Join("; ", reasons)}.");
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void MostlyGoodDriver_WithSomeBadChains_IsServedBetweenItsFaults(string device)
    {
        int faults = 0, observations = 0;
        for (int seed = 0; seed < 8; seed++)
        {
            using VirtioBench bench = Bench(device, goodChains: 90);
            var random = new Random(seed + 500);
            for (int i = 0; i < Rounds; i++)
            {
                bench.Drive(random);
                observations += bench.TakeObservations().Count;
                faults += bench.World.Transport.Status.HasFlag(VirtioStatus.DeviceNeedsReset) ? 1 : 0;
            }
            AssertSavable(bench);
        }
        Assert.True(faults > 100, $"Only {faults} faults.");
        Assert.True(observations > 1000, $"Only {observations} observations.");
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void HostileNotifications_InOneRound_CostLittleWork(string device)
    {
        // The dearest chain: an indirect table of 256 descriptors, each as long as RAM allows, offered 256 times a notification.
        using VirtioBench bench = Bench(device);
        VirtioWorld world = bench.World;
        var driver = new GuestDriver(world).Initialize(queueSize: 256);
        foreach (GuestQueue queue in driver.Queues)
        {
            ulong table = driver.Allocate(16 * 256);
            bool isWritable = queue.Index == 0 && device != "block";
            for (int i = 0; i < 256; i++)
            {
                ushort flags = (ushort)((i < 255 ? 1 : 0) | (isWritable || (device == "block" && i > 1) ? 2 : 0));
                queue.WriteDescriptor(table, i, VirtioWorld.RamBase, i < 2 ? 16u : (uint)VirtioWorld.RamBytes, flags, (ushort)(i + 1));
            }
            queue.WriteDescriptor(0, table, 16 * 256, GuestQueue.Indirect, 0);
        }
        world.Transport.BeginRound();
        double before = ThreadSeconds();
        for (int i = 0; i < 5000; i++)
        {
            foreach (GuestQueue queue in driver.Queues)
            {
                queue.SetAvailIndex((ushort)(queue.AvailIndex + 1));
                queue.Kick();
            }
        }
        // 5000 of these would cost 1.3 million descriptors without the budget. This thread's own time: what else the host does is not the device's.
        Assert.InRange(ThreadSeconds() - before, 0, 2);
        Assert.InRange(world.Outputs.Sum(Bytes), 0, MaxBytesPerRound);
    }

    [Fact]
    public void BlockRequests_OfADriverThatKeepsResetting_StayBounded()
    {
        // Requests forgotten by the driver are still the host's work: they count until it completes them.
        using var bench = new BlockBench();
        VirtioWorld world = bench.World;
        var device = (BlockDevice)world.Device;
        for (int round = 0; round < 200; round++)
        {
            world.Transport.BeginRound();
            var driver = new GuestDriver(world).Initialize(queueSize: 256);
            ulong data = driver.Allocate(1 << 20), header = driver.Allocate([1, .. new byte[15]]), status = driver.Allocate(1);
            for (int i = 0; i < 64; i++) driver.Queues[0].Add(GuestBuffer.Out(header, 16), GuestBuffer.Out(data, 1 << 20), GuestBuffer.In(status, 1));
            driver.Queues[0].Kick();
        }
        Assert.InRange(device.InFlightCount, 5, BlockConfig.MaxInFlightRequests);
        Assert.InRange(world.Outputs.Sum(Bytes), BlockConfig.MaxRequestBytes + 1L, BlockConfig.MaxInFlightBytes);
        AssertSavable(bench);
    }

    [Fact]
    public void BlockBench_Driven_ReachesEveryKindOfRequestInFlight()
    {
        // What the contract's tests prove of saved states is worth as much as the states they meet.
        var kinds = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (int seed = 0; seed < 24; seed++)
        {
            using var bench = new BlockBench();
            var random = new Random(seed);
            for (int i = 0; i < 12; i++)
            {
                bench.Drive(random);
                var pending = new List<MachineOutput>();
                bench.World.Device.AddPendingRequests(pending);
                foreach (BlockRequested request in pending.Cast<BlockRequested>()) Count(request.Operation.ToString());
                if (pending.Count > bench.World.Device.Queues[0].Outstanding) Count("orphan");
            }
        }
        Assert.Equal(["Discard", "Flush", "Read", "Write", "WriteZeroes", "orphan"], kinds.Keys);
        Assert.All(kinds, kind => Assert.True(kind.Value >= 5, $"{kind.Key} was met {kind.Value} times."));

        void Count(string kind) => kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
    }

    private static void AssertSavable(VirtioBench bench)
    {
        byte[] saved = bench.Save();
        using var twin = (VirtioBench)bench.Fresh();
        Assert.Equal(0, twin.Restore(saved));
        Assert.Equal(saved, twin.Save());
    }

    private static long Bytes(MachineOutput output) => output switch
    {
        BlockRequested request => request.Data.Length,
        FrameTransmitted frame => frame.Frame.Length,
        ConsoleWritten written => written.Bytes.Length,
        _ => 0,
    };

    private static void Initialize(VirtioWorld world, Random random)
    {
        var driver = new GuestDriver(world);
        driver.Write(MmioRegisters.Status, 0);
        driver.Write(MmioRegisters.Status, 3);
        driver.AcceptFeatures(world.Device.OfferedFeatures & ((ulong)random.NextInt64() | VirtioFeatures.Version1));
        driver.Write(MmioRegisters.Status, 11);
        for (int i = 0; i < world.Device.Queues.Length; i++)
        {
            ulong area = AreaBase + (ulong)(random.Next(8) == 0 ? 0 : i * AreaBytes); // sometimes rings share memory
            uint size = random.Next(10) == 0 ? (uint)random.Next() : 1u << random.Next(9);
            if (random.Next(4) != 0) world.Memory.TryWrite(area + 0x1000, new byte[AreaBytes - 0x1000]); // else: a ring of an earlier life
            driver.ConfigureQueue(i, size, area, area + 0x1000, area + 0x1800);
            driver.Write(MmioRegisters.QueueReady, 1);
        }
        driver.Write(MmioRegisters.Status, 15);
    }

    private static void HostileStep(VirtioBench bench, Random random)
    {
        VirtioWorld world = bench.World;
        int queueIndex = random.Next(world.Device.Queues.Length);
        SplitVirtqueue queue = world.Device.Queues[queueIndex];
        switch (random.Next(9))
        {
            case 0: // noise over a ring or table
                var noise = new byte[random.Next(16)];
                random.NextBytes(noise);
                world.Memory.TryWrite(AreaBase + (ulong)random.Next(2 * AreaBytes), noise);
                break;
            case 1: // a random register
                uint[] registers = [0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac, 0xc0, 0x120];
                world.Transport.Write(registers[random.Next(registers.Length)], 4, random.Next(3) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(16));
                break;
            case 2 or 3: // a table of descriptors that look right
                PlausibleTable(world, queue, random);
                break;
            case 4: // the host
                HostActs(bench, random);
                break;
            case 5 or 6: // chains as a driver would make them
                for (int i = random.Next(1, 5); i > 0; i--) bench.AddChain(queueIndex, random);
                world.Transport.Write(MmioRegisters.QueueNotify, 4, (ulong)queueIndex);
                break;
            default: // some heads more, rightly counted from what the device has taken
                ushort avail = (ushort)(world.Memory.TryRead(queue.DriverArea + 2, out ushort index) ? index : 0);
                int heads = random.Next(20) == 0 ? random.Next(0x10000) : random.Next(1 + queue.Size / 4);
                for (int i = 0; i < Math.Min(heads, 8); i++)
                    world.Memory.TryWrite(queue.DriverArea + 4 + 2 * (ulong)((avail + i) % Math.Max(1, queue.Size)), (ushort)random.Next(Math.Max(1, queue.Size)));
                world.Memory.TryWrite(queue.DriverArea + 2, (ushort)(avail + heads));
                world.Transport.Write(MmioRegisters.QueueNotify, 4, (ulong)queueIndex);
                break;
        }
    }

    private static void PlausibleTable(VirtioWorld world, SplitVirtqueue queue, Random random)
    {
        for (int first = 0; first < Math.Min(queue.Size, 64);)
        {
            int length = random.Next(1, 5), readable = random.Next(length + 1);
            for (int i = 0; i < length; i++)
            {
                ushort flags = (ushort)((i < length - 1 ? 1 : 0) | (i >= readable ? 2 : 0));
                PlausibleDescriptor(world, queue, first + i, flags, random);
            }
            first += length;
        }
    }

    private static void PlausibleDescriptor(VirtioWorld world, SplitVirtqueue queue, int index, ushort flags, Random random)
    {
        Span<byte> descriptor = stackalloc byte[16];
        ulong address = random.Next(200) == 0 ? (ulong)random.NextInt64() : VirtioWorld.RamBase + (ulong)random.Next((int)VirtioWorld.RamBytes - 0x10000);
        uint length = random.Next(200) == 0 ? (uint)random.NextInt64(1L << 32) : random.Next(4) switch
        {
            0 => (uint)random.Next(0x10000),
            1 => 16,
            2 => 1,
            _ => 512u * (uint)random.Next(1, 20),
        };
        if (random.Next(50) == 0) flags = (ushort)random.Next(8);
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], random.Next(50) == 0 ? (ushort)random.Next() : (ushort)((index + 1) % queue.Size));
        world.Memory.TryWrite(queue.DescriptorArea + 16 * (ulong)(index % queue.Size), descriptor);
        if ((flags & 2) == 0) world.Memory.TryWrite(address, (ulong)random.Next(14)); // a block header, perhaps
        if ((flags & 2) == 0) world.Memory.TryWrite(address + 8, (ulong)random.Next(2100));
    }

    private static void HostActs(VirtioBench bench, Random random) => bench.Act(random);
}
