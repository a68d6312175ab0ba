using ActorFT.Storage.Files;

namespace ActorFT.Storage.Metadata;

/// <summary>
/// The regions in which the other copy may differ from this one. A region is dirty if it was so at the start, or if it was
/// written after the last sequence that is known to be stable on both copies. A write marks its region before it can reach the
/// image: the journal record that announces the write is what makes the mark durable. Not thread-safe: its owner's lock guards it.
/// </summary>
internal sealed class DirtyRegions
{
    private readonly ShadowPages _pages;
    private readonly bool[] _base;
    private readonly ulong[] _lastWrite;
    private readonly byte[]?[] _stored;
    private readonly ShadowPosition[] _positions;

    internal DirtyRegions(IBlockFile file, MetadataLayout layout, ulong hashSeed, int regionCount)
    {
        _pages = new ShadowPages(file, layout.RegionPagesOffset, hashSeed);
        _base = new bool[regionCount];
        _lastWrite = new ulong[regionCount];
        _stored = new byte[layout.RegionPageCount][];
        _positions = new ShadowPosition[layout.RegionPageCount];
    }

    /// <summary>The sequence up to which everything is stable on both copies.</summary>
    internal ulong MirroredSequence { get; private set; }

    internal bool IsDirty(int region) => _base[region] || _lastWrite[region] > MirroredSequence;

    internal int Count
    {
        get
        {
            int count = 0;
            for (int region = 0; region < _base.Length; region++) if (IsDirty(region)) count++;
            return count;
        }
    }

    internal List<int> List()
    {
        var regions = new List<int>();
        for (int region = 0; region < _base.Length; region++) if (IsDirty(region)) regions.Add(region);
        return regions;
    }

    internal void MarkWritten(int region, ulong sequence) => _lastWrite[region] = Math.Max(_lastWrite[region], sequence);

    internal void MarkDirty(int region) => _base[region] = true;

    /// <summary>The region is equal on both copies as of the sequence; later writes keep it dirty.</summary>
    internal void MarkClean(int region, ulong asOfSequence)
    {
        _base[region] = false;
        if (_lastWrite[region] <= asOfSequence) _lastWrite[region] = 0;
    }

    /// <summary>Whether it was written after the sequence.</summary>
    internal bool IsWrittenSince(int region, ulong sequence) => _lastWrite[region] > sequence;

    internal void ConfirmMirrored(ulong sequence) => MirroredSequence = Math.Max(MirroredSequence, sequence);

    /// <summary>After recovery nothing is known of the other copy any more: what is dirty now is dirty until it is compared or copied.</summary>
    internal void Settle()
    {
        for (int region = 0; region < _base.Length; region++) _base[region] = IsDirty(region);
        Array.Clear(_lastWrite);
    }

    /// <summary>Reads the bits stored for an epoch. A page of which neither slot is whole makes all its regions dirty; the result says whether that happened.</summary>
    internal bool Load(ulong epoch)
    {
        bool isWhole = true;
        for (int page = 0; page < _positions.Length; page++)
        {
            byte[] payload = new byte[ShadowPages.PayloadBytes];
            if (!_pages.Load(page, payload, epoch, out _positions[page]))
            {
                Array.Fill(payload, (byte)0xFF);
                isWhole = false;
            }
            else _stored[page] = payload;
            int first = page * MetadataLayout.RegionsPerPage;
            for (int i = 0; i < MetadataLayout.RegionsPerPage && first + i < _base.Length; i++) _base[first + i] = (payload[i >> 3] & (1 << (i & 7))) != 0;
        }
        return isWhole;
    }

    /// <summary>Writes the pages that changed, for an epoch that begins once the file is flushed and the superblock says so.</summary>
    internal void Store(ulong epoch)
    {
        for (int page = 0; page < _positions.Length; page++)
        {
            byte[] payload = new byte[ShadowPages.PayloadBytes];
            int first = page * MetadataLayout.RegionsPerPage;
            for (int i = 0; i < MetadataLayout.RegionsPerPage && first + i < _base.Length; i++) if (IsDirty(first + i)) payload[i >> 3] |= (byte)(1 << (i & 7));
            if (_stored[page] is { } stored && payload.AsSpan().SequenceEqual(stored)) continue;
            _positions[page] = _pages.Store(page, payload, _positions[page], epoch);
            _stored[page] = payload;
        }
    }
}
