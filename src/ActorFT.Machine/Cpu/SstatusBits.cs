namespace ActorFT.Machine.Cpu;

/// <summary>Fields of sstatus (Privileged spec §4.1.1).</summary>
internal static class SstatusBits
{
    public const ulong Sie = 1UL << 1, Spie = 1UL << 5, Spp = 1UL << 8, Sum = 1UL << 18, Mxr = 1UL << 19;

    /// <summary>FS: 0 off, 1 initial, 2 clean, 3 dirty.</summary>
    public const ulong FsMask = 3UL << 13;

    /// <summary>UXL = 2: U-mode is 64 bits wide; read-only.</summary>
    public const ulong Uxl64 = 2UL << 32;

    /// <summary>SD: some dirty state; derived from FS.</summary>
    public const ulong Sd = 1UL << 63;

    public const ulong WritableMask = Sie | Spie | Spp | Sum | Mxr | FsMask;
}
