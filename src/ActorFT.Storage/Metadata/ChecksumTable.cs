using System.Runtime.InteropServices;
using ActorFT.Storage.Files;

namespace ActorFT.Storage.Metadata;

/// <summary>
/// A checksum per block. Pages come in when first needed; clean ones go when there are too many, changed ones stay until
/// <see cref="Store"/>. Not thread-safe: its owner's lock guards it.
/// </summary>
internal sealed class ChecksumTable
{
    private sealed class Page
    {
        internal readonly ulong[] Checksums = new ulong[MetadataLayout.ChecksumsPerPage];
        internal ShadowPosition Position;
        internal bool IsChanged;
        internal bool WasUsed;
    }

    private readonly ShadowPages _pages;
    private readonly int _cleanPageLimit;
    private ulong _epoch; // the latest of which a version counts
    private readonly Dictionary<long, Page> _loaded = [];
    private readonly Queue<long> _evictionOrder = new();
    private readonly HashSet<long> _changed = [];

    internal ChecksumTable(IBlockFile file, MetadataLayout layout, ulong hashSeed, int cleanPageLimit, ulong epoch)
    {
        _epoch = epoch;
        _pages = new ShadowPages(file, layout.ChecksumPagesOffset, hashSeed);
        _cleanPageLimit = cleanPageLimit;
    }

    /// <summary>Pages changed and not stored.</summary>
    internal int ChangedPages => _changed.Count;

    /// <summary>Pages of which neither slot was whole: their blocks have the checksum <see cref="BlockHash.Unknown"/>.</summary>
    internal long LostPages { get; private set; }

    internal ulong Get(long block) => PageOf(block).Checksums[block % MetadataLayout.ChecksumsPerPage];

    internal void Set(long block, ulong checksum)
    {
        Page page = PageOf(block);
        ref ulong slot = ref page.Checksums[block % MetadataLayout.ChecksumsPerPage];
        if (slot == checksum) return;
        slot = checksum;
        page.IsChanged = true;
        _changed.Add(block / MetadataLayout.ChecksumsPerPage);
    }

    /// <summary>Writes all changed pages, in rising order, for an epoch that begins once the file is flushed and the superblock says so.</summary>
    internal void Store(ulong epoch)
    {
        _epoch = epoch;
        foreach (long index in _changed.Order())
        {
            Page page = _loaded[index];
            page.Position = _pages.Store(index, MemoryMarshal.AsBytes(page.Checksums.AsSpan()), page.Position, epoch);
            page.IsChanged = false;
        }
        _changed.Clear();
        Evict();
    }

    private Page PageOf(long block)
    {
        long index = block / MetadataLayout.ChecksumsPerPage;
        if (_loaded.TryGetValue(index, out Page? page))
        {
            page.WasUsed = true;
            return page;
        }
        page = new Page();
        if (!_pages.Load(index, MemoryMarshal.AsBytes(page.Checksums.AsSpan()), _epoch, out page.Position))
        {
            Array.Fill(page.Checksums, BlockHash.Unknown);
            LostPages++;
        }
        Evict();
        _loaded[index] = page;
        _evictionOrder.Enqueue(index);
        return page;
    }

    // Second chance: a page used since it was last looked at goes round once more. Changed pages always do.
    private void Evict()
    {
        for (int looks = 2 * _evictionOrder.Count; _loaded.Count - _changed.Count >= _cleanPageLimit && looks > 0; looks--)
        {
            long index = _evictionOrder.Dequeue();
            Page page = _loaded[index];
            if (page.IsChanged || page.WasUsed)
            {
                page.WasUsed = false;
                _evictionOrder.Enqueue(index);
                continue;
            }
            _loaded.Remove(index);
        }
    }
}
