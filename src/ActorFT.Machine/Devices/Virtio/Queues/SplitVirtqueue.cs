using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio.Queues;

/// <summary>
/// A split virtqueue seen from the device (VirtIO 1.2 §2.7): takes chains from the available ring, gives them back through the
/// used ring, and knows who wants to be notified. Everything in guest memory is hostile: a rule broken is a
/// <see cref="PopResult.Fault"/>, never an exception, and no walk is longer than the queue and one indirect table.
/// Not here: what chains mean (the device), interrupts (the transport).
/// Invariant: while ready, all three areas lie in RAM, and at most <see cref="Size"/> chains are outstanding.
/// </summary>
internal sealed class SplitVirtqueue
{
    /// <summary>The longest queue (QueueNumMax). Bounds chains, indirect tables and in-flight requests.</summary>
    public const int MaxSize = 256;

    private const int DescriptorBytes = 16;
    private const ushort FlagNext = 1, FlagWrite = 2, FlagIndirect = 4; // §2.7.5
    private const ushort AvailNoInterrupt = 1; // §2.7.6
    private const ushort UsedNoNotify = 1; // §2.7.8

    private readonly GuestMemory _memory;
    private bool _eventIndex, _indirect;
    private ushort _nextAvail, _nextUsed, _signalledUsed;
    private bool _notificationsOff;

    public SplitVirtqueue(GuestMemory memory) => _memory = memory;

    /// <summary>Entries: a power of two up to <see cref="MaxSize"/>, or 0 when the driver set none or an absurd one.</summary>
    public int Size { get; private set; }

    /// <summary>The descriptor table.</summary>
    public ulong DescriptorArea { get; set; }

    /// <summary>The available ring.</summary>
    public ulong DriverArea { get; set; }

    /// <summary>The used ring.</summary>
    public ulong DeviceArea { get; set; }

    /// <summary>Whether the driver gave the queue to the device.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Chains popped and not pushed back.</summary>
    public int Outstanding => (ushort)(_nextAvail - _nextUsed);

    /// <summary>Why the last pop ended in <see cref="PopResult.Fault"/>.</summary>
    public string FaultReason { get; private set; } = "";

    /// <summary>Whether the driver's index is ahead of the device's.</summary>
    public bool HasAvailable => IsReady && AvailIndex() != _nextAvail;

    /// <summary>Chains available to pop: 0 when the driver's index makes no sense.</summary>
    public int AvailableCount
    {
        get
        {
            if (!IsReady) return 0;
            int count = (ushort)(AvailIndex() - _nextAvail);
            return count <= Size ? count : 0;
        }
    }

    /// <summary>Negotiated features that concern the queue.</summary>
    public void SetFeatures(bool eventIndex, bool indirect)
    {
        _eventIndex = eventIndex;
        _indirect = indirect;
    }

    /// <summary>Sets the size; one that is not a power of two up to <see cref="MaxSize"/> counts as none.</summary>
    public void SetSize(uint size) => Size = IsValidSize(size) ? (int)size : 0;

    /// <summary>Takes the queue into use if its size is right and its areas are aligned and lie in RAM (§2.7); says whether it did.</summary>
    public bool TryEnable()
    {
        if (IsReady || !HasValidLayout()) return false;
        IsReady = true;
        return true;
    }

    /// <summary>Gives the queue up and forgets its indices; the configuration stays.</summary>
    public void Disable()
    {
        IsReady = false;
        _nextAvail = _nextUsed = _signalledUsed = 0;
        _notificationsOff = false;
    }

    /// <summary>Gives the queue up and forgets its configuration.</summary>
    public void Reset()
    {
        Disable();
        Size = 0;
        DescriptorArea = DriverArea = DeviceArea = 0;
        _eventIndex = _indirect = false;
    }

    /// <summary>Takes the next chain. <see cref="DescriptorChain.DescriptorsSeen"/> tells the work done, whatever the result.</summary>
    public PopResult Pop(DescriptorChain chain)
    {
        chain.DescriptorsSeen = 0;
        if (!IsReady) return PopResult.Empty;
        ushort available = (ushort)(AvailIndex() - _nextAvail);
        if (available == 0) return PopResult.Empty;
        chain.DescriptorsSeen = 1;
        // A driver never exposes more chains than there are entries: the index jumped, or went back (§2.7.6.1).
        if (available > Size || Outstanding >= Size) return Fault("more chains available than the queue has entries");
        _memory.TryRead(DriverArea + 4 + 2 * (ulong)(_nextAvail & (Size - 1)), out ushort head);
        if (head >= Size) return Fault("the available ring names a descriptor outside the table");
        chain.Begin(head);
        if (!WalkTable(chain, head)) return PopResult.Fault;
        _nextAvail++;
        return PopResult.Chain;
    }

    /// <summary>Takes the last <paramref name="count"/> pops back: the device could not use the chains yet. None may have been pushed since.</summary>
    public void Unpop(int count)
    {
        if (IsReady) _nextAvail -= (ushort)count;
    }

    /// <summary>Gives a chain back with the number of bytes written from the start of its writable part (§2.7.8.2).</summary>
    public void Push(ushort head, uint writtenBytes)
    {
        if (!IsReady) return;
        ulong entry = DeviceArea + 4 + 8 * (ulong)(_nextUsed & (Size - 1));
        _memory.TryWrite(entry, (ulong)writtenBytes << 32 | head);
        _nextUsed++;
        _memory.TryWrite(DeviceArea + 2, _nextUsed);
    }

    /// <summary>
    /// Whether the driver wants an interrupt for what was pushed since the last call (§2.7.7.2). With the event index: if its
    /// used_event lies among the entries written since.
    /// </summary>
    public bool ShouldInterrupt()
    {
        ushort before = _signalledUsed;
        if (!IsReady || before == _nextUsed) return false;
        _signalledUsed = _nextUsed;
        if (!_eventIndex)
        {
            _memory.TryRead(DriverArea, out ushort flags);
            return (flags & AvailNoInterrupt) == 0;
        }
        _memory.TryRead(DriverArea + 4 + 2 * (ulong)Size, out ushort usedEvent);
        return (ushort)(_nextUsed - usedEvent - 1) < (ushort)(_nextUsed - before);
    }

    /// <summary>Asks the driver to notify of the next chain it makes available (§2.7.10.2).</summary>
    public void WantNotification()
    {
        if (!IsReady) return;
        if (_eventIndex) _memory.TryWrite(DeviceArea + 4 + 8 * (ulong)Size, _nextAvail);
        else SetUsedFlags(notificationsOff: false);
    }

    /// <summary>
    /// Tells the driver that notifications are not needed. With the event index nothing is written: an avail_event that is not
    /// moved on lies in the past, and is reached again only once in 65,536 chains.
    /// </summary>
    public void DeclineNotification()
    {
        if (IsReady && !_eventIndex) SetUsedFlags(notificationsOff: true);
    }

    private void SetUsedFlags(bool notificationsOff)
    {
        if (_notificationsOff == notificationsOff) return;
        _notificationsOff = notificationsOff;
        _memory.TryWrite(DeviceArea, notificationsOff ? UsedNoNotify : (ushort)0);
    }

    private ushort AvailIndex()
    {
        _memory.TryRead(DriverArea + 2, out ushort index);
        return index;
    }

    private bool WalkTable(DescriptorChain chain, ushort head)
    {
        bool writableSeen = false;
        ushort index = head;
        for (int seen = 1; ; seen++)
        {
            if (seen > Size) return Refuse("a descriptor chain is a loop, or longer than the queue");
            chain.DescriptorsSeen = seen;
            ReadDescriptor(DescriptorArea, index, out ulong address, out uint length, out ushort flags, out ushort next);
            if ((flags & FlagIndirect) != 0) return WalkIndirect(chain, address, length, flags, seen, writableSeen);
            if (!TryAdd(chain, address, length, flags, ref writableSeen)) return false;
            if ((flags & FlagNext) == 0) return true;
            if (next >= Size) return Refuse("a descriptor's next lies outside the table");
            index = next;
        }
    }

    // §2.7.5.3. The flag WRITE of the descriptor that refers to the table is ignored (§2.7.5.3.2).
    private bool WalkIndirect(DescriptorChain chain, ulong table, uint tableBytes, ushort flags, int seenBefore, bool writableSeen)
    {
        if (!_indirect) return Refuse("an indirect descriptor without the feature");
        if ((flags & FlagNext) != 0) return Refuse("a descriptor both indirect and followed by another");
        if (tableBytes == 0 || tableBytes % DescriptorBytes != 0) return Refuse("an indirect table whose length is no multiple of 16");
        if (!_memory.Contains(table, tableBytes)) return Refuse("an indirect table outside RAM");
        uint entries = tableBytes / DescriptorBytes;
        int limit = (int)Math.Min(entries, (uint)(DescriptorChain.MaxDescriptors - (seenBefore - 1)));
        uint index = 0;
        for (int seen = 1; ; seen++)
        {
            if (seen > limit) return Refuse("an indirect chain is a loop, or longer than the longest queue");
            chain.DescriptorsSeen = seenBefore + seen;
            ReadDescriptor(table, index, out ulong address, out uint length, out ushort entryFlags, out ushort next);
            if ((entryFlags & FlagIndirect) != 0) return Refuse("an indirect descriptor within an indirect table");
            if (!TryAdd(chain, address, length, entryFlags, ref writableSeen)) return false;
            if ((entryFlags & FlagNext) == 0) return true;
            if (next >= entries) return Refuse("an indirect descriptor's next lies outside its table");
            index = next;
        }
    }

    private bool TryAdd(DescriptorChain chain, ulong address, uint length, ushort flags, ref bool writableSeen)
    {
        bool isWritable = (flags & FlagWrite) != 0;
        if (writableSeen && !isWritable) return Refuse("a device-readable descriptor after a device-writable one");
        writableSeen = isWritable;
        if (length != 0 && !_memory.Contains(address, length)) return Refuse("a buffer outside RAM");
        chain.Add(address, length, isWritable);
        return true;
    }

    private void ReadDescriptor(ulong table, uint index, out ulong address, out uint length, out ushort flags, out ushort next)
    {
        ulong at = table + (ulong)index * DescriptorBytes;
        _memory.TryRead(at, out address);
        _memory.TryRead(at + 8, out ulong rest);
        length = (uint)rest;
        flags = (ushort)(rest >> 32);
        next = (ushort)(rest >> 48);
    }

    private bool Refuse(string reason)
    {
        FaultReason = reason;
        return false;
    }

    private PopResult Fault(string reason)
    {
        FaultReason = reason;
        return PopResult.Fault;
    }

    private static bool IsValidSize(uint size) => size is > 0 and <= MaxSize && (size & (size - 1)) == 0;

    private bool HasValidLayout()
    {
        ulong size = (ulong)Size;
        return size != 0
            && DescriptorArea % 16 == 0 && _memory.Contains(DescriptorArea, 16 * size)
            && DriverArea % 2 == 0 && _memory.Contains(DriverArea, 6 + 2 * size)
            && DeviceArea % 4 == 0 && _memory.Contains(DeviceArea, 6 + 8 * size);
    }

    /// <summary>Writes configuration and, of a ready queue, the indices.</summary>
    public void Save(StateWriter writer)
    {
        writer.U16((ushort)Size);
        writer.U64(DescriptorArea);
        writer.U64(DriverArea);
        writer.U64(DeviceArea);
        writer.Bool(IsReady);
        if (!IsReady) return;
        writer.U16(_nextAvail);
        writer.U16(_nextUsed);
        writer.U16(_signalledUsed);
        writer.Bool(_notificationsOff);
    }

    /// <summary>Reads what <see cref="Save"/> wrote; a ready queue must have a valid layout.</summary>
    public void Restore(ref StateReader reader)
    {
        Reset();
        ushort size = reader.U16();
        if (size != 0 && !IsValidSize(size)) throw new StateFormatException($"Saved state has a queue of {size} entries; a power of two up to {MaxSize} is allowed.");
        Size = size;
        DescriptorArea = reader.U64();
        DriverArea = reader.U64();
        DeviceArea = reader.U64();
        if (!reader.Bool()) return;
        if (!HasValidLayout()) throw new StateFormatException($"Saved state has a ready queue whose areas (0x{DescriptorArea:x}, 0x{DriverArea:x}, 0x{DeviceArea:x}) are not aligned or not in RAM.");
        IsReady = true;
        _nextAvail = reader.U16();
        _nextUsed = reader.U16();
        _signalledUsed = reader.U16();
        _notificationsOff = reader.Bool();
        if (Outstanding > Size) throw new StateFormatException($"Saved state has {Outstanding} chains outstanding in a queue of {Size} entries.");
    }
}
