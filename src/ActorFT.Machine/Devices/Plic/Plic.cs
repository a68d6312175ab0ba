using System.Numerics;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices;

/// <summary>
/// Platform-Level Interrupt Controller (RISC-V PLIC specification 1.0.0) with 63 level-triggered sources, priorities
/// 0 to 7 and one context a hart: its S mode, context number = hart number.
///
/// A source's gateway:
///   quiet --line high--> pending --claim--> in service --complete, line low--> quiet
///                           ^------------------------------complete, line high---'
/// A request once pending stays so until claimed, even if the line falls (PLIC spec, "Interrupt Gateways").
/// Invariant: a line that is high is pending or in service.
/// Not here: the harts' SEIP bits; they follow <see cref="ExternalPending"/>.
/// </summary>
internal sealed class Plic : IMmioDevice
{
    /// <summary>Sources 1 to 63; source 0 does not exist (PLIC spec, "Interrupt Identifiers").</summary>
    public const int SourceCount = 63;

    /// <summary>Highest priority; 0 means "never interrupts".</summary>
    public const int MaxPriority = 7;

    // PLIC spec, "Memory Map".
    private const ulong PriorityBase = 0, PendingBase = 0x1000, EnableBase = 0x2000, ContextBase = 0x20_0000;
    private const ulong EnableStride = 0x80, ContextStride = 0x1000;
    private const ulong ThresholdOffset = 0, ClaimOffset = 4;
    private const ulong ExistingSources = ~1UL;

    private readonly SourceLine[] _lines = new SourceLine[SourceCount + 1];
    private readonly byte[] _priorities = new byte[SourceCount + 1];
    private readonly ulong[] _enabled;
    private readonly byte[] _thresholds;
    private ulong _levels, _pending, _inService; // bit i = source i

    // Derived.
    private readonly ulong[] _sourcesWithPriority = new ulong[MaxPriority + 1];
    private readonly bool[] _external;

    /// <summary>Creates the controller for <paramref name="hartCount"/> harts.</summary>
    public Plic(int hartCount)
    {
        _enabled = new ulong[hartCount];
        _thresholds = new byte[hartCount];
        _external = new bool[hartCount];
        for (int source = 1; source <= SourceCount; source++) _lines[source] = new SourceLine(this, source);
        RecomputePriorities();
    }

    /// <inheritdoc/>
    public string Name => "plic";

    /// <inheritdoc/>
    public ulong WindowBytes => 0x60_0000;

    /// <summary>Called with the hart's number and the new level when <see cref="ExternalPending"/> changes.</summary>
    public Action<int, bool>? ExternalPendingChanged { get; set; }

    /// <summary>The line of a source, 1 to 63.</summary>
    public IInterruptLine Line(int source)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(source, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source, SourceCount);
        return _lines[source];
    }

    /// <summary>Whether a hart's supervisor external interrupt is pending: an enabled source pends above its threshold. A field read.</summary>
    public bool ExternalPending(int hart) => _external[hart];

    /// <inheritdoc/>
    public ulong Read(ulong offset, int widthBytes)
    {
        if (widthBytes != 4) return 0;
        switch (offset)
        {
            case < PendingBase:
                return offset / 4 <= SourceCount ? _priorities[offset / 4] : 0UL;
            case < EnableBase:
                return Word(_pending, offset - PendingBase);
            case < ContextBase:
                ulong context = (offset - EnableBase) / EnableStride;
                return context < (ulong)_enabled.Length ? Word(_enabled[context], (offset - EnableBase) % EnableStride) : 0;
            default:
                context = (offset - ContextBase) / ContextStride;
                if (context >= (ulong)_enabled.Length) return 0;
                return ((offset - ContextBase) % ContextStride) switch
                {
                    ThresholdOffset => _thresholds[context],
                    ClaimOffset => (ulong)Claim((int)context),
                    _ => 0,
                };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int widthBytes, ulong value)
    {
        if (widthBytes != 4) return;
        switch (offset)
        {
            case < PendingBase:
                ulong source = offset / 4;
                if (source is 0 or > SourceCount) return;
                _priorities[source] = (byte)(value & MaxPriority); // WARL
                RecomputePriorities();
                break;
            case < EnableBase:
                return; // pending bits are read-only: cleared by a claim
            case < ContextBase:
                ulong context = (offset - EnableBase) / EnableStride;
                if (context >= (ulong)_enabled.Length) return;
                SetWord(ref _enabled[context], (offset - EnableBase) % EnableStride, (uint)value);
                break;
            default:
                context = (offset - ContextBase) / ContextStride;
                if (context >= (ulong)_enabled.Length) return;
                switch ((offset - ContextBase) % ContextStride)
                {
                    case ThresholdOffset: _thresholds[context] = (byte)(value & MaxPriority); break;
                    case ClaimOffset: Complete((int)context, (uint)value); break;
                    default: return;
                }
                break;
        }
        Recompute();
    }

    private static ulong Word(ulong bits, ulong offset) => offset switch { 0 => (uint)bits, 4 => bits >> 32, _ => 0 };

    private static void SetWord(ref ulong bits, ulong offset, uint value)
    {
        if (offset == 0) bits = (bits & ~0xFFFF_FFFFUL) | value;
        else if (offset == 4) bits = (bits & 0xFFFF_FFFFUL) | ((ulong)value << 32);
        bits &= ExistingSources;
    }

    /// <summary>
    /// Takes the pending source of highest priority, the lowest number among equals; 0 if there is none.
    /// The threshold does not matter here (PLIC spec, "Interrupt Claim Process").
    /// </summary>
    private int Claim(int context)
    {
        ulong candidates = _pending & _enabled[context];
        for (int priority = MaxPriority; priority > 0; priority--)
        {
            ulong best = candidates & _sourcesWithPriority[priority];
            if (best == 0) continue;
            int source = BitOperations.TrailingZeroCount(best);
            _pending &= ~(1UL << source);
            _inService |= 1UL << source;
            Recompute();
            return source;
        }
        return 0;
    }

    /// <summary>Ends service; ignored for a source not enabled for this context (PLIC spec, "Interrupt Completion").</summary>
    private void Complete(int context, uint source)
    {
        if (source is 0 or > SourceCount) return;
        ulong bit = 1UL << (int)source;
        if ((_enabled[context] & _inService & bit) == 0) return;
        _inService &= ~bit;
        _pending |= _levels & bit;
    }

    private void SetLevel(int source, bool asserted)
    {
        ulong bit = 1UL << source;
        if (((_levels & bit) != 0) == asserted) return;
        _levels ^= bit;
        if (!asserted || (_inService & bit) != 0) return;
        _pending |= bit;
        Recompute();
    }

    private void RecomputePriorities()
    {
        Array.Clear(_sourcesWithPriority);
        for (int source = 1; source <= SourceCount; source++) _sourcesWithPriority[_priorities[source]] |= 1UL << source;
    }

    private void Recompute()
    {
        for (int hart = 0; hart < _external.Length; hart++)
        {
            ulong above = 0;
            for (int priority = _thresholds[hart] + 1; priority <= MaxPriority; priority++) above |= _sourcesWithPriority[priority];
            bool pending = (_pending & _enabled[hart] & above) != 0;
            if (pending == _external[hart]) continue;
            _external[hart] = pending;
            ExternalPendingChanged?.Invoke(hart, pending);
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        Array.Clear(_priorities);
        Array.Clear(_enabled);
        Array.Clear(_thresholds);
        _levels = _pending = _inService = 0;
        RecomputePriorities();
        Recompute();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Section("PLIC", 1);
        writer.Bytes(_priorities);
        writer.U64(_levels);
        writer.U64(_pending);
        writer.U64(_inService);
        writer.U32((uint)_enabled.Length);
        for (int hart = 0; hart < _enabled.Length; hart++)
        {
            writer.U64(_enabled[hart]);
            writer.U8(_thresholds[hart]);
        }
    }

    /// <inheritdoc/>
    public void Restore(ref StateReader reader)
    {
        reader.Section("PLIC", 1);
        ReadOnlySpan<byte> priorities = reader.Bytes(SourceCount + 1);
        if (priorities.Length != SourceCount + 1 || priorities[0] != 0 || priorities.IndexOfAnyExceptInRange((byte)0, (byte)MaxPriority) >= 0)
            throw new StateFormatException("The saved PLIC's priorities are not 63 numbers from 0 to 7.");
        ulong levels = reader.U64(), pending = reader.U64(), inService = reader.U64();
        if (((levels | pending | inService) & ~ExistingSources) != 0 || (pending & inService) != 0 || (levels & ~(pending | inService)) != 0)
            throw new StateFormatException("The saved PLIC's gateways contradict each other: a high line is either pending or in service, and no source 0 exists.");
        int harts = reader.Count(MachineDefinition.MaxVcpus);
        if (harts != _enabled.Length) throw new StateFormatException($"The saved PLIC has {harts} contexts; this machine has {_enabled.Length}.");
        for (int hart = 0; hart < harts; hart++)
        {
            ulong enabled = reader.U64();
            byte threshold = reader.U8();
            if ((enabled & ~ExistingSources) != 0 || threshold > MaxPriority)
                throw new StateFormatException($"The saved PLIC's context {hart} enables source 0 or has threshold {threshold}; 0 to {MaxPriority} are allowed.");
            _enabled[hart] = enabled;
            _thresholds[hart] = threshold;
        }
        priorities.CopyTo(_priorities);
        (_levels, _pending, _inService) = (levels, pending, inService);
        RecomputePriorities();
        Recompute();
    }

    private sealed class SourceLine(Plic plic, int source) : IInterruptLine
    {
        public void SetLevel(bool asserted) => plic.SetLevel(source, asserted);
    }
}
