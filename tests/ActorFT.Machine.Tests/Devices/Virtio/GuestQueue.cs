using System.Buffers.Binary;
using ActorFT.Machine.Devices.Virtio.Mmio;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>A piece of a driver's buffer.</summary>
internal readonly record struct GuestBuffer(ulong Address, int Bytes, bool IsWritable)
{
    public static GuestBuffer In(ulong address, int bytes) => new(address, bytes, true);

    public static GuestBuffer Out(ulong address, int bytes) => new(address, bytes, false);
}

/// <summary>The driver's side of a split virtqueue (VirtIO 1.2 §2.7.13, §2.7.14).</summary>
internal sealed class GuestQueue
{
    public const ushort Next = 1, WriteFlag = 2, Indirect = 4;

    private readonly GuestDriver _driver;
    private readonly Stack<ushort> _free = new();
    private readonly Dictionary<ushort, ushort[]> _chains = [];

    public GuestQueue(GuestDriver driver, int index, int size, ulong area)
    {
        _driver = driver;
        Index = index;
        Size = size;
        DescriptorArea = area;
        DriverArea = area + 16UL * (ulong)size;
        DeviceArea = (DriverArea + 6 + 2UL * (ulong)size + 3) & ~3UL;
        driver.World.Memory.TryWrite(area, new byte[DeviceArea + 6 + 8UL * (ulong)size - area]);
        for (int i = size - 1; i >= 0; i--) _free.Push((ushort)i);
    }

    public int Index { get; }

    public int Size { get; }

    public ulong DescriptorArea { get; }

    public ulong DriverArea { get; }

    public ulong DeviceArea { get; }

    public ushort AvailIndex { get; private set; }

    public ushort UsedSeen { get; private set; }

    public int FreeDescriptors => _free.Count;

    public ushort UsedIndex => ReadU16(DeviceArea + 2);

    public ushort UsedFlags => ReadU16(DeviceArea);

    /// <summary>Where the device wants to be notified (event index).</summary>
    public ushort AvailEvent => ReadU16(DeviceArea + 4 + 8 * (ulong)Size);

    public void SetAvailFlags(ushort flags) => _driver.World.Memory.TryWrite(DriverArea, flags);

    public void SetUsedEvent(ushort value) => _driver.World.Memory.TryWrite(DriverArea + 4 + 2 * (ulong)Size, value);

    private ushort ReadU16(ulong address)
    {
        _driver.World.Memory.TryRead(address, out ushort value);
        return value;
    }

    public void WriteDescriptor(ulong table, int index, ulong address, uint length, ushort flags, ushort next)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[14..], next);
        _driver.World.Memory.TryWrite(table + 16UL * (ulong)index, bytes);
    }

    public void WriteDescriptor(int index, ulong address, uint length, ushort flags, ushort next) =>
        WriteDescriptor(DescriptorArea, index, address, length, flags, next);

    /// <summary>Puts a head into the available ring.</summary>
    public void MakeAvailable(ushort head)
    {
        _driver.World.Memory.TryWrite(DriverArea + 4 + 2 * (ulong)(AvailIndex % Size), head);
        SetAvailIndex((ushort)(AvailIndex + 1));
    }

    public void SetAvailIndex(ushort index)
    {
        AvailIndex = index;
        _driver.World.Memory.TryWrite(DriverArea + 2, index);
    }

    /// <summary>Adds a chain of descriptors from the table; the device is not told.</summary>
    public ushort Add(params ReadOnlySpan<GuestBuffer> buffers)
    {
        var indices = new ushort[buffers.Length];
        for (int i = 0; i < indices.Length; i++) indices[i] = _free.Pop();
        for (int i = 0; i < indices.Length; i++)
        {
            bool isLast = i == indices.Length - 1;
            ushort flags = (ushort)((buffers[i].IsWritable ? WriteFlag : 0) | (isLast ? 0 : Next));
            WriteDescriptor(indices[i], buffers[i].Address, (uint)buffers[i].Bytes, flags, isLast ? (ushort)0 : indices[i + 1]);
        }
        _chains[indices[0]] = indices;
        MakeAvailable(indices[0]);
        return indices[0];
    }

    /// <summary>Adds a chain through an indirect table.</summary>
    public ushort AddIndirect(params ReadOnlySpan<GuestBuffer> buffers)
    {
        ulong table = _driver.Allocate(16 * buffers.Length);
        for (int i = 0; i < buffers.Length; i++)
        {
            bool isLast = i == buffers.Length - 1;
            WriteDescriptor(table, i, buffers[i].Address, (uint)buffers[i].Bytes, (ushort)((buffers[i].IsWritable ? WriteFlag : 0) | (isLast ? 0 : Next)), (ushort)(i + 1));
        }
        ushort head = _free.Pop();
        WriteDescriptor(head, table, (uint)(16 * buffers.Length), Indirect, 0);
        _chains[head] = [head];
        MakeAvailable(head);
        return head;
    }

    public void Kick() => _driver.Write(MmioRegisters.QueueNotify, (uint)Index);

    /// <summary>Takes the next used element, if there is one.</summary>
    public (ushort Head, uint Bytes)? TakeUsed()
    {
        if (UsedSeen == UsedIndex) return null;
        _driver.World.Memory.TryRead(DeviceArea + 4 + 8 * (ulong)(UsedSeen % Size), out ulong element);
        UsedSeen++;
        ushort head = (ushort)element;
        if (_chains.Remove(head, out ushort[]? indices))
        {
            foreach (ushort index in indices) _free.Push(index);
        }
        return (head, (uint)(element >> 32));
    }

    public List<(ushort Head, uint Bytes)> TakeAllUsed()
    {
        var all = new List<(ushort, uint)>();
        while (TakeUsed() is { } used && all.Count < 70_000) all.Add(used);
        return all;
    }
}
