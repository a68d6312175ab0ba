namespace ActorFT.Machine.Memory;

/// <summary>What must happen at the next write to a page.</summary>
[Flags]
internal enum PageFlags : byte
{
    None = 0,

    /// <summary>Written since the last digest.</summary>
    DigestDirty = 1,

    /// <summary>Written since the last mark (state transfer).</summary>
    MarkDirty = 2,

    /// <summary>Written since power-on; a page that was not is all zero.</summary>
    Touched = 4,

    /// <summary>Decoded blocks were made from it.</summary>
    Code = 8,

    /// <summary>A page-table walk whose result is cached in a TLB went through it.</summary>
    PageTable = 16,

    /// <summary>All marks already know of the page: a TLB may let stores through without asking, if it is not protected.</summary>
    FastWritable = DigestDirty | MarkDirty | Touched,

    /// <summary>Something was derived from it that a write may make stale.</summary>
    Protected = Code | PageTable,
}

/// <summary>Hears of events that make state derived from memory stale.</summary>
internal interface IProtectedPageObserver
{
    /// <summary>Bytes of a page with <see cref="PageFlags.Protected"/> are about to change.</summary>
    void ProtectedPageWritten(int page, int offsetBytes, int lengthBytes);

    /// <summary>A page became protected: no TLB may let stores to it through unasked any more.</summary>
    void PageProtected(int page);

    /// <summary>Pages lost <see cref="PageFlags.FastWritable"/>: no TLB may let stores through unasked any more.</summary>
    void WritePermissionsRevoked();
}
