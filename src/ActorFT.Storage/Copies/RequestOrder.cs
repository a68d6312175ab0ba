using ActorFT.Machine.IO;

namespace ActorFT.Storage.Copies;

/// <summary>
/// In which order a copy's requests may run. Pure. Mutations and flushes run one at a time in the order submitted; reads run in
/// any order and beside them, except that requests which overlap, one of them a mutation, keep the order submitted; a flush
/// covers exactly the mutations submitted before it.
/// DETERMINISM: so what a read returns and what a flush covers depends on the submitted order alone, not on the device's speed:
/// the same on both servers.
/// </summary>
internal sealed class RequestOrder
{
    internal sealed class Item(BlockRequested request)
    {
        internal BlockRequested Request { get; } = request;
        internal bool IsRead => Request.Operation == BlockOperation.Read;
        internal bool IsStarted { get; set; }
        internal LinkedListNode<Item>? Node { get; set; }
    }

    // Unfinished requests in the order submitted; a flush leaves when it has begun: later mutations are not in it.
    private readonly LinkedList<Item> _items = new();

    internal int Count => _items.Count;

    internal void Add(Item item) => item.Node = _items.AddLast(item);

    internal void Finish(Item item)
    {
        if (item.Node is not { } node) return;
        _items.Remove(node);
        item.Node = null;
    }

    /// <summary>The first read that may run now; it is marked as started.</summary>
    internal Item? StartRead()
    {
        foreach (Item item in _items)
            if (item is { IsRead: true, IsStarted: false } && !HasEarlierConflict(item)) return Start(item);
        return null;
    }

    /// <summary>The next mutation or flush, if it may run now; it is marked as started.</summary>
    internal Item? StartMutation()
    {
        foreach (Item item in _items)
        {
            if (item.IsRead) continue;
            return item.IsStarted || HasEarlierConflict(item) ? null : Start(item);
        }
        return null;
    }

    private static Item Start(Item item)
    {
        item.IsStarted = true;
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
