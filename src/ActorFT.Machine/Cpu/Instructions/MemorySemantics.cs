using System.Runtime.CompilerServices;
using ActorFT.Machine.Cpu.Translation;

namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>The width and extension of a load or store.</summary>
internal unsafe interface IAccess
{
    /// <summary>Bytes: 1, 2, 4 or 8.</summary>
    static abstract int WidthBytes { get; }

    /// <summary>Address bits that must equal the TLB tag: the page, and those that make the access misaligned.</summary>
    static abstract ulong TagMask { get; }

    /// <summary>Reads from host memory and extends to 64 bits.</summary>
    static abstract ulong Read(byte* host);

    /// <summary>Extends a zero-extended value to 64 bits.</summary>
    static abstract ulong Extend(ulong raw);

    /// <summary>Writes the low bytes of a register to host memory.</summary>
    static abstract void Write(byte* host, ulong value);
}

internal readonly unsafe struct Signed8 : IAccess
{
    public static int WidthBytes => 1;
    public static ulong TagMask => Tlb.PageMask;
    public static ulong Read(byte* host) => (ulong)(long)*(sbyte*)host;
    public static ulong Extend(ulong raw) => (ulong)(long)(sbyte)raw;
    public static void Write(byte* host, ulong value) => *host = (byte)value;
}

internal readonly unsafe struct Unsigned8 : IAccess
{
    public static int WidthBytes => 1;
    public static ulong TagMask => Tlb.PageMask;
    public static ulong Read(byte* host) => *host;
    public static ulong Extend(ulong raw) => raw;
    public static void Write(byte* host, ulong value) => *host = (byte)value;
}

internal readonly unsafe struct Signed16 : IAccess
{
    public static int WidthBytes => 2;
    public static ulong TagMask => Tlb.PageMask | 1;
    public static ulong Read(byte* host) => (ulong)(long)*(short*)host;
    public static ulong Extend(ulong raw) => (ulong)(long)(short)raw;
    public static void Write(byte* host, ulong value) => *(ushort*)host = (ushort)value;
}

internal readonly unsafe struct Unsigned16 : IAccess
{
    public static int WidthBytes => 2;
    public static ulong TagMask => Tlb.PageMask | 1;
    public static ulong Read(byte* host) => *(ushort*)host;
    public static ulong Extend(ulong raw) => raw;
    public static void Write(byte* host, ulong value) => *(ushort*)host = (ushort)value;
}

internal readonly unsafe struct Signed32 : IAccess
{
    public static int WidthBytes => 4;
    public static ulong TagMask => Tlb.PageMask | 3;
    public static ulong Read(byte* host) => (ulong)(long)*(int*)host;
    public static ulong Extend(ulong raw) => (ulong)(long)(int)raw;
    public static void Write(byte* host, ulong value) => *(uint*)host = (uint)value;
}

internal readonly unsafe struct Unsigned32 : IAccess
{
    public static int WidthBytes => 4;
    public static ulong TagMask => Tlb.PageMask | 3;
    public static ulong Read(byte* host) => *(uint*)host;
    public static ulong Extend(ulong raw) => raw;
    public static void Write(byte* host, ulong value) => *(uint*)host = (uint)value;
}

internal readonly unsafe struct Unsigned64 : IAccess
{
    public static int WidthBytes => 8;
    public static ulong TagMask => Tlb.PageMask | 7;
    public static ulong Read(byte* host) => *(ulong*)host;
    public static ulong Extend(ulong raw) => raw;
    public static void Write(byte* host, ulong value) => *(ulong*)host = value;
}

/// <summary>The width of an atomic access. Values are sign-extended words or doublewords.</summary>
internal unsafe interface IAtomicWidth
{
    /// <summary>Bytes: 4 or 8.</summary>
    static abstract int WidthBytes { get; }

    /// <summary>Reads, sign-extending.</summary>
    static abstract ulong Read(byte* host);

    /// <summary>Writes.</summary>
    static abstract void Write(byte* host, ulong value);

    /// <summary>Makes a register's value an operand of this width.</summary>
    static abstract ulong Operand(ulong register);
}

internal readonly unsafe struct AtomicWord : IAtomicWidth
{
    public static int WidthBytes => 4;
    public static ulong Read(byte* host) => (ulong)(long)*(int*)host;
    public static void Write(byte* host, ulong value) => *(uint*)host = (uint)value;
    public static ulong Operand(ulong register) => (ulong)(long)(int)register;
}

internal readonly unsafe struct AtomicDoubleword : IAtomicWidth
{
    public static int WidthBytes => 8;
    public static ulong Read(byte* host) => *(ulong*)host;
    public static void Write(byte* host, ulong value) => *(ulong*)host = value;
    public static ulong Operand(ulong register) => register;
}

internal static unsafe partial class Execute
{
    /// <summary>A load that misses the TLB, the rest of its block included.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void LoadSlow<T>(Hart h, Op* op) where T : struct, IAccess
    {
        AccessResult result = h.Load(op, h.X(op->Rs1) + (ulong)(long)op->Imm, T.WidthBytes, out ulong raw);
        if (result == AccessResult.Raised) return;
        h.X(op->Rd) = T.Extend(raw);
        Continue(h, op, result);
    }

    /// <summary>A store that misses the TLB, the rest of its block included.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StoreSlow(Hart h, Op* op, ulong va, int widthBytes, ulong value)
    {
        AccessResult result = h.Store(op, va, widthBytes, value);
        if (result != AccessResult.Raised) Continue(h, op, result);
    }

    // Goes on with the block, or leaves it. A device access, and a write that made code or mappings stale, leaves it;
    // interrupts are looked at again then. DETERMINISM: both are events of the instruction stream, not of any cache,
    // apart from a write to a page that happens to hold decoded code: looking at interrupts there changes nothing.
    private static void Continue(Hart h, Op* op, AccessResult result)
    {
        if (result == AccessResult.DoneLeaveBlock)
        {
            h.LeaveBlockAfter(op);
            h.RequestInterruptCheck();
            return;
        }

        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>LR (Unprivileged spec §8.2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LoadReserved<T>(Hart h, Op* op) where T : struct, IAtomicWidth
    {
        byte* host = h.TranslateAtomic(op, h.X(op->Rs1), T.WidthBytes, AccessKind.Load, out ulong physical);
        if (host == null) return;
        h.Reserve(physical);
        h.X(op->Rd) = T.Read(host);
        Op* next = op + 1;
        next->Run(h, next);
    }

    /// <summary>SC: succeeds if this hart reserved the same address within this quantum and not used it up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void StoreConditional<T>(Hart h, Op* op) where T : struct, IAtomicWidth
    {
        byte* host = h.TranslateAtomic(op, h.X(op->Rs1), T.WidthBytes, AccessKind.Store, out ulong physical);
        if (host == null) return;
        bool success = h.TakeReservation(physical);
        if (success) T.Write(host, h.X(op->Rs2));
        h.X(op->Rd) = success ? 0UL : 1UL;
        Continue(h, op, h.TakeMappingsDropped() ? AccessResult.DoneLeaveBlock : AccessResult.Done);
    }

    /// <summary>AMOs (§8.4): a store as far as exceptions go.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Atomic<T, TOperation>(Hart h, Op* op) where T : struct, IAtomicWidth where TOperation : struct, IBinary
    {
        byte* host = h.TranslateAtomic(op, h.X(op->Rs1), T.WidthBytes, AccessKind.Store, out _);
        if (host == null) return;
        ulong old = T.Read(host);
        T.Write(host, TOperation.Apply(old, T.Operand(h.X(op->Rs2))));
        h.X(op->Rd) = old;
        Continue(h, op, h.TakeMappingsDropped() ? AccessResult.DoneLeaveBlock : AccessResult.Done);
    }
}
