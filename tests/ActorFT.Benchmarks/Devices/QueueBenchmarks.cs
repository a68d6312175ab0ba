using System.Buffers.Binary;
using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.Memory;
using BenchmarkDotNet.Attributes;

namespace ActorFT.Benchmarks.Devices;

/// <summary>What a virtqueue costs the device: chains of three descriptors, as a block request has.</summary>
public class QueueBenchmarks
{
    private const int Size = 256, ChainLength = 3, Chains = 64;
    private const ulong Base = 0x8000_0000, Descriptors = Base, Driver = Base + 0x2000, Device = Base + 0x3000, Buffers = Base + 0x1_0000;
    private readonly DescriptorChain _chain = new();
    private GuestMemory? _memory;
    private SplitVirtqueue? _queue;
    private ushort _available;

    [GlobalSetup]
    public void SetUp()
    {
        _memory = new GuestMemory(Base, 2 << 20);
        Span<byte> descriptor = stackalloc byte[16];
        for (int i = 0; i < Chains * ChainLength; i++)
        {
            int piece = i % ChainLength;
            BinaryPrimitives.WriteUInt64LittleEndian(descriptor, Buffers + (ulong)i * 512);
            BinaryPrimitives.WriteUInt32LittleEndian(descriptor[8..], piece == 1 ? 512u : 16u);
            BinaryPrimitives.WriteUInt16LittleEndian(descriptor[12..], (ushort)((piece == 2 ? 0 : 1) | (piece == 0 ? 0 : 2))); // NEXT, WRITE
            BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], (ushort)(i + 1));
            _memory.TryWrite(Descriptors + (ulong)i * 16, descriptor);
        }
        _queue = new SplitVirtqueue(_memory) { DescriptorArea = Descriptors, DriverArea = Driver, DeviceArea = Device };
        _queue.SetSize(Size);
        _queue.SetFeatures(eventIndex: true, indirect: true);
        if (!_queue.TryEnable()) throw new InvalidOperationException("The queue was refused.");
        for (int i = 0; i < Size; i++) _memory.TryWrite(Driver + 4 + (ulong)i * 2, (ushort)(i % Chains * ChainLength));
    }

    [GlobalCleanup]
    public void Stop() => _memory?.Dispose();

    /// <summary>One chain popped, pushed back, and the question whether to interrupt.</summary>
    [Benchmark(OperationsPerInvoke = Chains)]
    public int PopAndPush()
    {
        _memory!.TryWrite(Driver + 2, _available += Chains);
        int interrupts = 0, chains = 0;
        while (_queue!.Pop(_chain) == PopResult.Chain)
        {
            chains++;
            _queue.Push(_chain.Head, 512);
            if (_queue.ShouldInterrupt()) interrupts++;
        }
        return chains == Chains ? interrupts : throw new InvalidOperationException($"{chains} chains came, not {Chains}: {_queue.FaultReason}.");
    }
}
