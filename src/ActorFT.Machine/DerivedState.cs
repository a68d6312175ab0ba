using ActorFT.Machine.Cpu;
using ActorFT.Machine.Cpu.Decoding;
using ActorFT.Machine.Cpu.Translation;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine;

/// <summary>
/// Keeps what was derived from memory (decoded blocks, translations, cached write permissions) equal to what deriving it anew
/// would give, by dropping it before the bytes it came from change.
/// DETERMINISM: this is why a replica with warm caches and one just restored cannot differ.
/// </summary>
internal sealed unsafe class DerivedState : IProtectedPageObserver, IDisposable
{
    private readonly GuestMemory _memory;
    private Hart[] _harts = [];

    public DerivedState(GuestMemory memory)
    {
        _memory = memory;
        Blocks = new BlockCache(memory) { Emptied = ClearJumpCaches };
        PageTables = new PageTableTracker(memory);
        memory.Observer = this;
    }

    /// <summary>Decoded blocks.</summary>
    public BlockCache Blocks { get; }

    /// <summary>Page-table entries behind cached translations.</summary>
    public PageTableTracker PageTables { get; }

    /// <summary>Says which harts derive.</summary>
    public void Attach(Hart[] harts) => _harts = harts;

    /// <inheritdoc/>
    public void ProtectedPageWritten(int page, int offsetBytes, int lengthBytes)
    {
        PageFlags flags = _memory.Flags[page];
        if ((flags & PageFlags.Code) != 0)
        {
            Blocks.DropPage(page);
            ClearJumpCaches();
        }

        if ((flags & PageFlags.PageTable) == 0) return;
        (bool data, bool fetch) = PageTables.Written(page, offsetBytes, lengthBytes);
        if (data) DropDataTranslations();
        if (fetch)
        {
            ClearJumpCaches();
            PageTables.FetchDropped();
        }
    }

    /// <inheritdoc/>
    public void PageProtected(int page)
    {
        nint host = (nint)(_memory.HostBase + ((ulong)page << GuestMemory.PageShift));
        foreach (Hart hart in _harts) hart.Tlb.DropWrites(host);
    }

    /// <inheritdoc/>
    public void WritePermissionsRevoked()
    {
        foreach (Hart hart in _harts) hart.Tlb.FlushWrites();
    }

    /// <summary>Makes room for more tracked page tables when there is none left.</summary>
    public void MakeRoom()
    {
        if (PageTables.IsFull) DropTranslations();
    }

    /// <summary>Drops all translations; keeps decoded blocks.</summary>
    public void DropTranslations()
    {
        DropDataTranslations();
        ClearJumpCaches();
        PageTables.Clear();
    }

    /// <summary>Drops everything derived.</summary>
    public void DropAll()
    {
        Blocks.Empty();
        DropTranslations();
    }

    private void DropDataTranslations()
    {
        foreach (Hart hart in _harts) hart.Tlb.FlushData();
        PageTables.DataDropped();
    }

    private void ClearJumpCaches()
    {
        foreach (Hart hart in _harts) hart.ClearJumpCache();
    }

    /// <summary>Frees native memory.</summary>
    public void Dispose()
    {
        _memory.Observer = null;
        Blocks.Dispose();
        PageTables.Dispose();
    }
}
