using ActorFT.Machine.IO;

namespace ActorFT.Storage.Copies;

/// <summary>
/// In which order a copy's requests may run. Pure. Mutations and flushes run one at a time in the order submitted; reads run in
/// any order and beside them, except that requests which overlap, one of them a mutation, keep the order submitted; a flush
/// covers exactly the mutations submitted before it.
/// Reads and writes of a resync (<see cref="BackgroundIds"/>) let the machine's pass that overlap none of them: a guest does not wait behind a region.
/// Flushes of the mirror's own still cover them.
/// DETERMINISM: so what a read returns and what a flush covers of the machine's own depends on the submitted order alone, not on the device's speed:
/// the same on both servers.
/// </summary>
internal sealed class RequestOrder
{
    /// <summary>Ids of the mirror's own requests, beside the machine's, begin here.</summary>
    internal const ulong MirrorIds = 1UL << 62;

    /// <summary>Of those, ids of what may wait begin here.</summary>
    internal const ulong BackgroundIds = 1UL << 63;

    // So often a request that may wait is passed by others before it is its turn all the same: a busy guest delays a resync, and does not stop it.
    private const int MaxPassed = 16;

    internal sealed class Item(BlockRequested request)
    {
        internal BlockRequested Request { get; } = request;
        internal bool IsRead => Request.Operation == BlockOperation.Read;
        internal bool IsBackground { get; } = request.RequestId >= BackgroundIds && request.Operation is BlockOperation.Read or BlockOperation.Write;
        internal bool IsStarted { get; set; }
        internal LinkedListNode<Item>? Node { get; set; }
    }

    // Unfinished requests in the order submitted; a flush leaves when it has begun: later mutations are not in it.
    private readonly LinkedList<Item> _items = new();
    private Item? _mutating;
    private int _readsPassed, _mutationsPassed;

    internal int Count => _items.Count;

    internal void Add(Item item) => item.Node = _items.AddLast(item);

    internal void Finish(Item item)
    {
        if (item.Node is not { } node) return;
        if (item == _mutating) _mutating = null;
        _items.Remove(node);
        item.Node = null;
    }

    /// <summary>The first read that may run now; it is marked as started.</summary>
    internal Item? StartRead()
    {
        Item? background = null;
        foreach (Item item in _items)
        {
            if (item is not { IsRead: true, IsStarted: false } || item.IsBackground && background is not null || HasEarlierConflict(item)) continue;
            if (!item.IsBackground) return Start(background is not null && ++_readsPassed > MaxPassed ? background : item);
            background = item;
        }

        return background is null ? null : Start(background);
    }

    /// <summary>The next mutation or flush, if it may run now; it is marked as started.</summary>
    internal Item? StartMutation()
    {
        if (_mutating is not null) return null;
        Item? background = null, next = null;
        foreach (Item item in _items)
        {
            if (item.IsRead) continue;
            if (item.IsBackground)
            {
                background ??= item;
                continue;
            }

            // A flush of the mirror's own is for what a resync wrote.
            bool isBehind = background is not null && item.Request.RequestId >= MirrorIds;
            if (!isBehind && !HasEarlierConflict(item)) next = item;
            break;
        }

        bool mayBackground = background is not null && (next is null || _mutationsPassed >= MaxPassed) && !HasEarlierConflict(background);
        if (mayBackground) next = background;
        else if (background is not null && next is not null) _mutationsPassed++;
        return next is null ? null : _mutating = Start(next);
    }

    private Item Start(Item item)
    {
        item.IsStarted = true;
        if (item.IsBackground && item.IsRead) _readsPassed = 0;
        else if (item.IsBackground) _mutationsPassed = 0;
        return item;
    }

    private bool HasEarlierConflict(Item item)
    {
        foreach (Item earlier in _items)
        {
            if (ReferenceEquals(earlier, item)) return false;
            if ((!earlier.IsRead || !item.IsRead) && Overlaps(earlier.Request, item.Request)) return true;
        }
        return false;
    }

    // Ranges were checked against the disk before: no overflow. A flush has no range and overlaps nothing.
    private static bool Overlaps(BlockRequested a, BlockRequested b) =>
        a.LengthBytes > 0 && b.LengthBytes > 0 && a.OffsetBytes < b.OffsetBytes + b.LengthBytes && b.OffsetBytes < a.OffsetBytes + a.LengthBytes;
}
