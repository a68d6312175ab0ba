using System.Buffers.Binary;
using System.Text;

namespace ActorFT.Differential.Guest;

/// <summary>A chunk's final state, as the driver stored it.</summary>
internal sealed class ChunkResult
{
    private const ulong BreakpointCause = 3;

    private readonly byte[] _bytes, _scratch, _tables;

    /// <summary>The result of chunk number <paramref name="chunk"/> in RAM after a run.</summary>
    public ChunkResult(ProgramImage image, ReadOnlySpan<byte> ram, int chunk)
    {
        _bytes = ProgramImage.ResultIn(ram, chunk).ToArray();
        _scratch = image.ScratchIn(ram, chunk).ToArray();
        _tables = image.TablesIn(ram, chunk).ToArray();
    }

    private ulong At(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset));

    public ulong X(uint register) => register == 0 ? 0 : At(Slot.ResultX + 8 * (int)register);

    public ulong F(uint register) => At(Slot.ResultF + 8 * (int)register);

    public ulong Fcsr => At(Slot.ResultFcsr);

    /// <summary>Where the chunk ended.</summary>
    public ulong Sepc => At(Slot.ResultSepc);

    public ulong Scause => At(Slot.ResultScause);

    public int TrapCount => (int)At(Slot.TrapCount);

    /// <summary>
    /// FS: what an implementation calls Initial, Clean or Dirty is its choice as long as it never forgets a change
    /// (privileged spec §3.1.6.6); only Off is compared. SD follows FS.
    /// </summary>
    private ulong ComparableSstatus
    {
        get
        {
            const ulong floatStatus = 3UL << 13, stateDirty = 1UL << 63;
            ulong status = At(Slot.ResultSstatus);
            return (status & floatStatus) == 0 ? status & ~stateDirty : status & ~stateDirty | floatStatus;
        }
    }

    /// <summary>A breakpoint may leave its address or zero (privileged spec §4.1.9).</summary>
    private ulong ComparableStval => Scause == BreakpointCause && At(Slot.ResultStval) == Sepc ? 0 : At(Slot.ResultStval);

    /// <summary>The fields in which two results differ, as "name: expected, found".</summary>
    public IReadOnlyList<string> DifferencesFrom(ChunkResult expected)
    {
        var differences = new List<string>();
        Compare("traps logged", (ulong)expected.TrapCount, (ulong)TrapCount);
        for (uint i = 1; i < 32; i++) Compare($"x{i}", expected.X(i), X(i));
        for (uint i = 0; i < 32; i++) Compare($"f{i}", expected.F(i), F(i));
        Compare("fcsr", expected.Fcsr, Fcsr);
        Compare("sepc", expected.Sepc, Sepc);
        Compare("scause", expected.Scause, Scause);
        Compare("stval", expected.ComparableStval, ComparableStval);
        Compare("sstatus", expected.ComparableSstatus, ComparableSstatus);
        Compare("sie", expected.At(Slot.ResultSie), At(Slot.ResultSie));
        Compare("sip", expected.At(Slot.ResultSip), At(Slot.ResultSip));
        Compare("vectored interrupts", expected.At(Slot.VectoredCount), At(Slot.VectoredCount));
        for (int i = 0; i < Slot.MaxLoggedTraps; i++)
        {
            int entry = Slot.Log + i * Slot.LogEntryBytes;
            Compare($"trap {i} sepc", expected.At(entry), At(entry));
            Compare($"trap {i} scause", expected.At(entry + 8), At(entry + 8));
            Compare($"trap {i} stval", expected.At(entry + 16), At(entry + 16));
        }

        for (int i = 0; i < _scratch.Length; i++)
        {
            if (_scratch[i] != expected._scratch[i]) differences.Add($"memory at scratch{i - _scratch.Length / 2:+0;-0}: {expected._scratch[i]:x2}, {_scratch[i]:x2}");
        }

        for (int i = 0; i < _tables.Length; i += 8)
            Compare($"page-table entry {i / 8}", BinaryPrimitives.ReadUInt64LittleEndian(expected._tables.AsSpan(i)), BinaryPrimitives.ReadUInt64LittleEndian(_tables.AsSpan(i)));

        return differences;

        void Compare(string name, ulong wanted, ulong found)
        {
            if (wanted != found) differences.Add($"{name}: {wanted:x16}, {found:x16}");
        }
    }

    /// <summary>A trap that was taken and skipped: sepc, scause, stval.</summary>
    public (ulong Sepc, ulong Scause, ulong Stval) LoggedTrap(int number)
    {
        int entry = Slot.Log + number * Slot.LogEntryBytes;
        return (At(entry), At(entry + 8), At(entry + 16));
    }

    /// <summary>Interrupts that went through the vector table.</summary>
    public ulong VectoredInterrupts => At(Slot.VectoredCount);

    /// <summary>The trap log, for reports.</summary>
    public string DescribeTraps()
    {
        var text = new StringBuilder();
        for (int i = 0; i < Math.Min(TrapCount, Slot.MaxLoggedTraps); i++)
        {
            (ulong sepc, ulong scause, ulong stval) = LoggedTrap(i);
            text.Append($" [sepc {sepc:x} scause {scause:x} stval {stval:x}]");
        }

        return text.ToString();
    }
}
