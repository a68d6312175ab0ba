using System.Runtime.CompilerServices;
using ActorFT.Machine.Cpu.Translation;
using ActorFT.Machine.Memory;

namespace ActorFT.Machine.Cpu;

/// <summary>How a slow memory access ended.</summary>
internal enum AccessResult : byte
{
    /// <summary>Done; the block goes on.</summary>
    Done,
    /// <summary>Done, but the block must be left behind this op.</summary>
    DoneLeaveBlock,
    /// <summary>An exception was raised; return at once.</summary>
    Raised,
}

// The paths behind a TLB miss: translation, devices, misaligned accesses, pages that somebody must hear about.
internal sealed unsafe partial class Hart
{
    // Set when decoded blocks or fetch translations were dropped: a running block may be stale and must be left.
    private bool _mappingsDropped;

    /// <summary>Points the TLB arrays at those of the current mode and SUM.</summary>
    private void SelectTlb()
    {
        int context = Mode == PrivilegeMode.User ? 0 : (_sstatus & SstatusBits.Sum) == 0 ? 1 : 2;
        ReadTlb = Tlb.Read(context);
        WriteTlb = Tlb.Write(context);
        _modeTag = Mode == PrivilegeMode.User ? 0UL : 1UL;
    }

    private TrapCause TranslateData(ulong va, AccessKind kind, out ulong physical)
    {
        if (ThrashCaches) Tlb.FlushData();
        return Mmu.Translate(va, kind, Mode, _satp, (_sstatus & SstatusBits.Sum) != 0, (_sstatus & SstatusBits.Mxr) != 0, out physical);
    }

    private byte* HostAddress(ulong physical) => Memory.HostBase + (physical - Memory.BaseAddress);

    private void Fill(TlbEntry* tlb, ulong va, ulong physical)
    {
        TlbEntry* entry = tlb + Tlb.Index(va);
        entry->Tag = va & Tlb.PageMask;
        entry->Addend = (nint)HostAddress(physical) - (nint)va;
    }

    /// <summary>Loads <paramref name="widthBytes"/> bytes, zero-extended, the long way.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public AccessResult Load(Op* op, ulong va, int widthBytes, out ulong value)
    {
        value = 0;
        bool aligned = (va & (ulong)(widthBytes - 1)) == 0;
        if (!aligned && ((va ^ (va + (ulong)widthBytes - 1)) & Tlb.PageMask) != 0) return LoadAcrossPages(op, va, widthBytes, out value);

        TlbEntry* hit = ReadTlb + Tlb.Index(va);
        if (hit->Tag == (va & Tlb.PageMask) && !ThrashCaches)
        {
            value = ReadHost((byte*)(va + (ulong)hit->Addend), widthBytes);
            return AccessResult.Done;
        }

        TrapCause fault = TranslateData(va, AccessKind.Load, out ulong physical);
        if (fault != Mmu.NoFault) return RaiseResult(op, fault, va);
        if (Memory.Contains(physical, (ulong)widthBytes))
        {
            Fill(ReadTlb, va, physical);
            value = ReadHost(HostAddress(physical), widthBytes);
            return AccessResult.Done;
        }

        // Devices take naturally aligned accesses only.
        if (!aligned || !Environment.TryReadDevice(physical, widthBytes, out value)) return RaiseResult(op, TrapCause.LoadAccessFault, va);
        return AccessResult.DoneLeaveBlock;
    }

    private AccessResult LoadAcrossPages(Op* op, ulong va, int widthBytes, out ulong value)
    {
        value = 0;
        ulong second = (va + (ulong)widthBytes - 1) & Tlb.PageMask;
        TrapCause fault = TranslateData(va, AccessKind.Load, out ulong physical1);
        if (fault != Mmu.NoFault) return RaiseResult(op, fault, va);
        fault = TranslateData(second, AccessKind.Load, out ulong physical2);
        if (fault != Mmu.NoFault) return RaiseResult(op, fault, second);
        int firstBytes = (int)(second - va);
        if (!Memory.Contains(physical1, (ulong)firstBytes)) return RaiseResult(op, TrapCause.LoadAccessFault, va);
        if (!Memory.Contains(physical2, (ulong)(widthBytes - firstBytes))) return RaiseResult(op, TrapCause.LoadAccessFault, second);
        for (int i = widthBytes - 1; i >= 0; i--)
            value = (value << 8) | (i < firstBytes ? HostAddress(physical1)[i] : HostAddress(physical2)[i - firstBytes]);
        return AccessResult.Done;
    }

    /// <summary>Stores <paramref name="widthBytes"/> bytes the long way.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public AccessResult Store(Op* op, ulong va, int widthBytes, ulong value)
    {
        bool aligned = (va & (ulong)(widthBytes - 1)) == 0;
        if (!aligned && ((va ^ (va + (ulong)widthBytes - 1)) & Tlb.PageMask) != 0) return StoreAcrossPages(op, va, widthBytes, value);

        TlbEntry* hit = WriteTlb + Tlb.Index(va);
        if (hit->Tag == (va & Tlb.PageMask) && !ThrashCaches)
        {
            WriteHost((byte*)(va + (ulong)hit->Addend), widthBytes, value);
            return AccessResult.Done;
        }

        TrapCause fault = TranslateData(va, AccessKind.Store, out ulong physical);
        if (fault != Mmu.NoFault) return RaiseResult(op, fault, va);
        if (Memory.Contains(physical, (ulong)widthBytes))
        {
            _mappingsDropped = false;
            byte* host = BeginWrite(va, physical, widthBytes);
            WriteHost(host, widthBytes, value);
            return _mappingsDropped ? AccessResult.DoneLeaveBlock : AccessResult.Done;
        }

        if (!aligned || !Environment.TryWriteDevice(physical, widthBytes, value)) return RaiseResult(op, TrapCause.StoreAccessFault, va);
        return AccessResult.DoneLeaveBlock;
    }

    /// <summary>Tells whoever must hear of a write, caches the translation when nobody need hear again, gives the host address.</summary>
    private byte* BeginWrite(ulong va, ulong physical, int widthBytes)
    {
        ulong offset = physical - Memory.BaseAddress;
        int page = (int)(offset >> GuestMemory.PageShift);
        const PageFlags mask = PageFlags.FastWritable | PageFlags.Protected;
        if ((Memory.Flags[page] & mask) != PageFlags.FastWritable)
            Memory.PrepareWrite(page, (int)(offset & (GuestMemory.PageBytes - 1)), widthBytes);
        if ((Memory.Flags[page] & mask) == PageFlags.FastWritable) Fill(WriteTlb, va, physical);
        return Memory.HostBase + offset;
    }

    private AccessResult StoreAcrossPages(Op* op, ulong va, int widthBytes, ulong value)
    {
        ulong second = (va + (ulong)widthBytes - 1) & Tlb.PageMask;
        TrapCause fault = TranslateData(va, AccessKind.Store, out ulong physical1);
        if (fault != Mmu.NoFault) return RaiseResult(op, fault, va);
        fault = TranslateData(second, AccessKind.Store, out ulong physical2);
        if (fault != Mmu.NoFault) return RaiseResult(op, fault, second);
        int firstBytes = (int)(second - va);
        if (!Memory.Contains(physical1, (ulong)firstBytes)) return RaiseResult(op, TrapCause.StoreAccessFault, va);
        if (!Memory.Contains(physical2, (ulong)(widthBytes - firstBytes))) return RaiseResult(op, TrapCause.StoreAccessFault, second);
        _mappingsDropped = false;
        byte* low = BeginWrite(va, physical1, firstBytes), high = BeginWrite(second, physical2, widthBytes - firstBytes);
        for (int i = 0; i < widthBytes; i++, value >>= 8)
        {
            if (i < firstBytes) low[i] = (byte)value;
            else high[i - firstBytes] = (byte)value;
        }

        return _mappingsDropped ? AccessResult.DoneLeaveBlock : AccessResult.Done;
    }

    /// <summary>
    /// Translates for an atomic access: naturally aligned, in RAM (Unprivileged spec §8.2, §8.4). Null after raising.
    /// For <see cref="AccessKind.Store"/> the write has been announced; the caller must honour <see cref="TakeMappingsDropped"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public byte* TranslateAtomic(Op* op, ulong va, int widthBytes, AccessKind kind, out ulong physical)
    {
        physical = 0;
        _mappingsDropped = false;
        bool store = kind == AccessKind.Store;
        if ((va & (ulong)(widthBytes - 1)) != 0)
        {
            Raise(op, store ? TrapCause.StoreAddressMisaligned : TrapCause.LoadAddressMisaligned, va);
            return null;
        }

        TlbEntry* hit = (store ? WriteTlb : ReadTlb) + Tlb.Index(va);
        if (hit->Tag == (va & Tlb.PageMask) && !ThrashCaches)
        {
            byte* host = (byte*)(va + (ulong)hit->Addend);
            physical = (ulong)(host - Memory.HostBase) + Memory.BaseAddress;
            return host;
        }

        TrapCause fault = TranslateData(va, kind, out physical);
        if (fault == Mmu.NoFault && !Memory.Contains(physical, (ulong)widthBytes)) fault = Mmu.AccessFault(kind);
        if (fault != Mmu.NoFault)
        {
            Raise(op, fault, va);
            return null;
        }

        if (store) return BeginWrite(va, physical, widthBytes);
        Fill(ReadTlb, va, physical);
        return HostAddress(physical);
    }

    /// <summary>Whether the last announced write made the running block stale.</summary>
    public bool TakeMappingsDropped() => _mappingsDropped;

    private AccessResult RaiseResult(Op* op, TrapCause cause, ulong va)
    {
        Raise(op, cause, va);
        return AccessResult.Raised;
    }

    /// <summary>Reads guest memory at a virtual address as S-mode would, for the firmware's legacy calls; false if it cannot.</summary>
    public bool TryReadVirtual(ulong va, out ulong value)
    {
        value = 0;
        for (int i = 7; i >= 0; i--)
        {
            TrapCause fault = TranslateData(va + (ulong)i, AccessKind.Load, out ulong physical);
            if (fault != Mmu.NoFault || !Memory.TryRead(physical, out byte part)) return false;
            value = (value << 8) | part;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ReadHost(byte* host, int widthBytes) => widthBytes switch
    {
        1 => *host,
        2 => Unsafe.ReadUnaligned<ushort>(host),
        4 => Unsafe.ReadUnaligned<uint>(host),
        _ => Unsafe.ReadUnaligned<ulong>(host),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteHost(byte* host, int widthBytes, ulong value)
    {
        switch (widthBytes)
        {
            case 1: *host = (byte)value; break;
            case 2: Unsafe.WriteUnaligned(host, (ushort)value); break;
            case 4: Unsafe.WriteUnaligned(host, (uint)value); break;
            default: Unsafe.WriteUnaligned(host, value); break;
        }
    }
}
