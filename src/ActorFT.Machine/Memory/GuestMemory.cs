using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Memory;

/// <summary>
/// The machine's RAM: host memory that the operating system commits as the guest touches it, with one byte of
/// flags a page that tells who must hear of the next write. Every write, by a hart or by a device, either finds its
/// page in the state "written since every mark, and nothing derived from it" or goes through <see cref="PrepareWrite"/>.
/// Invariant: a page without <see cref="PageFlags.DigestDirty"/> has content equal to its stored digest part.
/// Not here: address translation (Mmu), and what is derived from pages (block cache, TLB), which observe.
/// </summary>
public sealed unsafe class GuestMemory : IDisposable
{
    /// <summary>log2 of the page size.</summary>
    public const int PageShift = 12;

    /// <summary>Bytes in a page.</summary>
    public const int PageBytes = 1 << PageShift;

    private byte* _allocation;
    private Digest* _pageDigests;
    private int[] _digestDirtyPages = new int[1024];
    private int _digestDirtyCount;
    private Digest _sum;

    /// <summary>Allocates zeroed memory.</summary>
    /// <param name="baseAddress">The guest-physical address of the first byte; page aligned.</param>
    /// <param name="sizeBytes">Size, a positive multiple of the page size.</param>
    /// <exception cref="ArgumentOutOfRangeException">Size or base is not page aligned, or the size is 0 or above 1 TiB.</exception>
    /// <exception cref="OutOfMemoryException">The host refuses the reservation.</exception>
    public GuestMemory(ulong baseAddress, ulong sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(baseAddress & (PageBytes - 1), 0UL, nameof(baseAddress));
        ArgumentOutOfRangeException.ThrowIfNotEqual(sizeBytes & (PageBytes - 1), 0UL, nameof(sizeBytes));
        ArgumentOutOfRangeException.ThrowIfZero(sizeBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeBytes, 1UL << 40);
        BaseAddress = baseAddress;
        SizeBytes = sizeBytes;
        PageCount = (int)(sizeBytes >> PageShift);
        // SAFETY: calloc of a large block maps zero pages lazily; one page more than asked for lets us align.
        _allocation = (byte*)NativeMemory.AllocZeroed((nuint)sizeBytes + PageBytes);
        HostBase = (byte*)(((nuint)_allocation + PageBytes - 1) & ~(nuint)(PageBytes - 1));
        Flags = (PageFlags*)NativeMemory.AllocZeroed((nuint)PageCount);
        _pageDigests = (Digest*)NativeMemory.AllocZeroed((nuint)PageCount, (nuint)sizeof(Digest));
    }

    /// <summary>The guest-physical address of the first byte.</summary>
    public ulong BaseAddress { get; }

    /// <summary>Size in bytes.</summary>
    public ulong SizeBytes { get; }

    /// <summary>Number of pages.</summary>
    public int PageCount { get; }

    /// <summary>Hears of writes to pages from which something was derived. Set once by the machine.</summary>
    internal IProtectedPageObserver? Observer { get; set; }

    /// <summary>The host address of the first byte.</summary>
    internal byte* HostBase { get; private set; }

    /// <summary>One flag byte a page.</summary>
    internal PageFlags* Flags { get; private set; }

    /// <summary>Whether <paramref name="length"/> bytes at the guest-physical <paramref name="address"/> all lie in RAM.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(ulong address, ulong length)
    {
        ulong offset = address - BaseAddress;
        return offset <= SizeBytes && length <= SizeBytes - offset;
    }

    /// <summary>Copies bytes out of RAM; false (and nothing copied) when not all of them lie in RAM.</summary>
    public bool TryRead(ulong address, Span<byte> destination)
    {
        if (!Contains(address, (ulong)destination.Length)) return false;
        new ReadOnlySpan<byte>(HostBase + (address - BaseAddress), destination.Length).CopyTo(destination);
        return true;
    }

    /// <summary>Copies bytes into RAM; false (and nothing copied) when not all of them lie in RAM.</summary>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> source)
    {
        if (!Contains(address, (ulong)source.Length)) return false;
        if (source.IsEmpty) return true;
        ulong offset = address - BaseAddress;
        PrepareWriteRange(offset, (ulong)source.Length);
        source.CopyTo(new Span<byte>(HostBase + offset, source.Length));
        return true;
    }

    /// <summary>Reads a little-endian integer; false when it does not lie in RAM.</summary>
    public bool TryRead<T>(ulong address, out T value) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Contains(address, (ulong)sizeof(T))) { value = default; return false; }
        value = Unsafe.ReadUnaligned<T>(HostBase + (address - BaseAddress)); // hosts are little-endian; checked at start
        return true;
    }

    /// <summary>Writes a little-endian integer; false when it does not lie in RAM.</summary>
    public bool TryWrite<T>(ulong address, T value) where T : unmanaged, IBinaryInteger<T>
    {
        if (!Contains(address, (ulong)sizeof(T))) return false;
        ulong offset = address - BaseAddress;
        PrepareWriteRange(offset, (ulong)sizeof(T));
        Unsafe.WriteUnaligned(HostBase + offset, value);
        return true;
    }

    /// <summary>The bytes of one page, to read only.</summary>
    public ReadOnlySpan<byte> Page(int pageIndex)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)pageIndex, (uint)PageCount, nameof(pageIndex));
        return new ReadOnlySpan<byte>(HostBase + ((ulong)pageIndex << PageShift), PageBytes);
    }

    /// <summary>Replaces one page's bytes, as state transfer and restore do.</summary>
    public void WritePage(int pageIndex, ReadOnlySpan<byte> content)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(content.Length, PageBytes, nameof(content));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)pageIndex, (uint)PageCount, nameof(pageIndex));
        TryWrite(BaseAddress + ((ulong)pageIndex << PageShift), content);
    }

    /// <summary>Makes every byte zero and gives the memory back to the host.</summary>
    public void Clear()
    {
        for (int page = 0; page < PageCount; page++)
        {
            if ((Flags[page] & PageFlags.Touched) == 0) continue;
            PrepareWrite(page, 0, PageBytes);
            new Span<byte>(HostBase + ((ulong)page << PageShift), PageBytes).Clear();
        }
    }

    /// <summary>Whether the page was ever written; a page that was not is all zero.</summary>
    public bool IsTouched(int pageIndex) => (Flags[pageIndex] & PageFlags.Touched) != 0;

    /// <summary>
    /// Gives the pages written since the last call (all touched pages at the first), and begins a new mark.
    /// State transfer rests on this. Costs a scan of the flags, one byte a page.
    /// </summary>
    public void TakeDirtySinceMark(List<int> pages)
    {
        for (int page = 0; page < PageCount; page++)
        {
            if ((Flags[page] & PageFlags.MarkDirty) == 0) continue;
            Flags[page] &= ~PageFlags.MarkDirty;
            pages.Add(page);
        }
        if (pages.Count != 0) Observer?.WritePermissionsRevoked();
    }

    /// <summary>Number of pages written since the last mark.</summary>
    public int CountDirtySinceMark()
    {
        int count = 0;
        for (int page = 0; page < PageCount; page++) count += (Flags[page] & PageFlags.MarkDirty) != 0 ? 1 : 0;
        return count;
    }

    /// <summary>The digest of all memory. Costs what was written since the last call.</summary>
    public Digest ComputeDigest()
    {
        if (_digestDirtyCount == 0) return _sum;
        for (int i = 0; i < _digestDirtyCount; i++)
        {
            int page = _digestDirtyPages[i];
            Digest part = PageDigest(page, Page(page));
            _sum = _sum.Remove(_pageDigests[page]).Combine(part);
            _pageDigests[page] = part;
            Flags[page] &= ~PageFlags.DigestDirty;
        }
        _digestDirtyCount = 0;
        Observer?.WritePermissionsRevoked();
        return _sum;
    }

    /// <summary>
    /// Fault injection for tests and drills: flips a bit of the first touched page from <paramref name="pageIndex"/> on without
    /// anybody being told, as failing hardware does.
    /// </summary>
    public void FlipBit(int pageIndex)
    {
        for (int i = 0; i < PageCount; i++)
        {
            int page = (pageIndex + i) % PageCount;
            if ((Flags[page] & PageFlags.Touched) == 0) continue;
            HostBase[((ulong)page << PageShift) + 2048] ^= 1;
            return;
        }
    }

    /// <summary>
    /// Compares pages with the digest part kept since they were last hashed: finds memory that changed without being written, as a
    /// flipped bit does. Costs a hash of the touched pages among them.
    /// </summary>
    /// <param name="first">Where to begin.</param>
    /// <param name="count">How many pages to compare.</param>
    /// <param name="most">How many to find.</param>
    /// <returns>The first such pages' indexes, ascending.</returns>
    public List<int> FindCorruptedPages(int first, int count, int most)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        List<int> corrupted = [];
        for (int page = first; page < PageCount && page - first < count && corrupted.Count < most; page++)
            if (IsCorrupted(page)) corrupted.Add(page);
        return corrupted;
    }

    /// <summary>Whether a page changed without being written. Not known of one that was written since it was last hashed.</summary>
    public bool IsCorrupted(int pageIndex) => IsKept(pageIndex) && PageDigest(pageIndex, Page(pageIndex)) != _pageDigests[pageIndex];

    /// <summary>Whether the page's kept digest part is that of its content: it was written, and hashed since.</summary>
    internal bool IsKept(int pageIndex) => (Flags[pageIndex] & (PageFlags.Touched | PageFlags.DigestDirty)) == PageFlags.Touched;

    /// <summary>
    /// The part of one page in the digest of memory: a hash of its content seeded with its index, and zero for a page of
    /// zeroes, so that untouched memory costs nothing and touching it is not state.
    /// </summary>
    public static Digest PageDigest(int pageIndex, ReadOnlySpan<byte> content)
    {
        if (content.IndexOfAnyExcept((byte)0) < 0) return Digest.Zero;
        UInt128 hash = System.IO.Hashing.XxHash128.HashToUInt128(content, pageIndex);
        return new Digest((ulong)(hash >> 64), (ulong)hash);
    }

    /// <summary>
    /// Must be called before bytes of a page change, unless the page's flags already say <see cref="PageFlags.FastWritable"/>.
    /// Marks the page as written and tells the observer when something was derived from it.
    /// </summary>
    internal void PrepareWrite(int page, int offsetBytes, int lengthBytes)
    {
        MarkWritten(page);
        if ((Flags[page] & PageFlags.Protected) != 0) Observer?.ProtectedPageWritten(page, offsetBytes, lengthBytes);
    }

    /// <summary>Marks a page as written without telling the observer: for changes that make nothing derived stale (A and D bits).</summary>
    internal void MarkWritten(int page)
    {
        PageFlags flags = Flags[page];
        if ((flags & PageFlags.DigestDirty) == 0) AddDigestDirty(page);
        Flags[page] = flags | PageFlags.FastWritable;
    }

    /// <summary>Says that something was derived from a page: from now on the observer hears of every write to it.</summary>
    internal void Protect(int page, PageFlags reason)
    {
        if ((Flags[page] & reason) != 0) return;
        Flags[page] |= reason;
        Observer?.PageProtected(page);
    }

    /// <summary>Says that nothing is derived from a page any more for this reason.</summary>
    internal void Unprotect(int page, PageFlags reason) => Flags[page] &= ~reason;

    private void PrepareWriteRange(ulong offset, ulong length)
    {
        int first = (int)(offset >> PageShift), last = (int)((offset + length - 1) >> PageShift);
        for (int page = first; page <= last; page++)
        {
            if ((Flags[page] & (PageFlags.FastWritable | PageFlags.Protected)) == PageFlags.FastWritable) continue;
            int start = page == first ? (int)(offset & (PageBytes - 1)) : 0;
            int end = page == last ? (int)((offset + length - 1) & (PageBytes - 1)) + 1 : PageBytes;
            PrepareWrite(page, start, end - start);
        }
    }

    private void AddDigestDirty(int page)
    {
        if (_digestDirtyCount == _digestDirtyPages.Length) Array.Resize(ref _digestDirtyPages, _digestDirtyPages.Length * 2);
        _digestDirtyPages[_digestDirtyCount++] = page;
    }

    /// <summary>Gives the memory back to the host. The machine must not run any more.</summary>
    public void Dispose()
    {
        if (_allocation == null) return;
        NativeMemory.Free(_allocation);
        NativeMemory.Free(Flags);
        NativeMemory.Free(_pageDigests);
        _allocation = HostBase = null;
        Flags = null;
        _pageDigests = null;
    }
}
