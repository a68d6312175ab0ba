using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Simulation.Toy;

// A machine with several disks: requests of all kinds, up to eight under way, and the knowledge of what every sector must hold.
internal sealed partial class ToyMachine
{
    private const int MaxPending = 8;
    private static readonly byte[] s_quiet = [.. "be quiet"u8], s_rewrite = [.. "rewrite!"u8];

    private readonly ToyDisks? _disks;
    private readonly ulong[][] _logical = [];
    private readonly SortedDictionary<ulong, ulong[]> _expected = [];
    private readonly List<ToyEnd> _ended = [];
    private bool _isQuiet;
    private int _rewriting = int.MaxValue;

    /// <summary>A frame that has the machine make no requests any more.</summary>
    public static ReadOnlyMemory<byte> Quiet => s_quiet;

    /// <summary>A frame that has the machine write its disks anew, as one does from a backup.</summary>
    public static ReadOnlyMemory<byte> Rewrite => s_rewrite;

    /// <summary>What each sector of each disk must hold, after all that was asked for, as stamps.</summary>
    public IReadOnlyList<ulong[]> Logical => _logical;

    public bool IsQuiet => _isQuiet;

    /// <summary>Requests that ended since this was last called.</summary>
    public List<ToyEnd> TakeEnded()
    {
        List<ToyEnd> ended = [.. _ended];
        _ended.Clear();
        return ended;
    }

    /// <summary>What a flush of the last round covers: all that was asked for before it.</summary>
    public ulong[] FlushContent(ulong request) => _flushContents[request];

    private readonly Dictionary<ulong, ulong[]> _flushContents = [];

    private void NoteEnded(BlockRequested request, BlockCompleted completed)
    {
        if (_disks is null) return;
        _expected.Remove(request.RequestId, out ulong[]? expected);
        _ended.Add(new ToyEnd(request, completed, expected ?? []));
    }

    private void RequestOfDisks(List<MachineOutput> outputs, ToyDisks disks)
    {
        _flushContents.Clear();
        ulong dice = Mix(Accumulator, 99);
        for (int left = (int)(dice % 4); left > 0 && _pending.Count < MaxPending && !_isQuiet; left--)
        {
            dice = Mix(dice, (ulong)left);
            if (_rewriting < disks.Count * disks.Sectors)
            {
                int first = _rewriting % disks.Sectors, most = Math.Min(ToyDisks.MaxRequestSectors, disks.Sectors - first);
                Request(outputs, _rewriting / disks.Sectors, first, most, BlockOperation.Write);
                _rewriting += most;
                continue;
            }

            if (dice % 29 == 0 && _entropyRequest == 0)
            {
                _entropyRequest = _nextRequest++;
                outputs.Add(new EntropyRequested(_entropyRequest, 8));
                continue;
            }

            RequestOfDisk(outputs, disks, dice);
        }
    }

    private void RequestOfDisk(List<MachineOutput> outputs, ToyDisks disks, ulong dice)
    {
        int disk = (int)((dice >> 5) % (ulong)disks.Count), kind = (int)((dice >> 10) % 20);
        BlockOperation operation = kind < 7 ? BlockOperation.Read : kind < 15 ? BlockOperation.Write : kind < 16 ? BlockOperation.WriteZeroes
            : kind < 17 ? BlockOperation.Discard : BlockOperation.Flush;
        if (operation == BlockOperation.Flush)
        {
            ulong flush = _nextRequest++;
            _flushContents[flush] = (ulong[])_logical[disk].Clone();
            Add(outputs, new BlockRequested(disk, flush, operation, 0, 0, default));
            return;
        }

        // Half of all in one region, so that requests meet there; a few are long.
        int most = (dice >> 20) % 6 == 0 ? ToyDisks.MaxRequestSectors : 9, count = 1 + (int)((dice >> 24) % (ulong)most);
        int sector = (int)((dice >> 32) % (ulong)((dice >> 23) % 2 == 0 ? disks.Sectors - count + 1 : 100));
        Request(outputs, disk, sector, count, operation);
    }

    private void Request(List<MachineOutput> outputs, int disk, int sector, int count, BlockOperation operation)
    {
        ulong id = _nextRequest++;
        byte[] data = operation == BlockOperation.Write ? new byte[count * ToyDisks.SectorBytes] : [];
        if (operation == BlockOperation.Read) _expected[id] = _logical[disk][sector..(sector + count)];
        byte[] head = Head(outputs.Count, HeadBytes);
        for (int i = 0; i < count && operation != BlockOperation.Read; i++)
        {
            ulong stamp = data.Length == 0 ? ToyDisks.Stamp(Life, id, 0, 0, isZero: true) : ToyDisks.Stamp(Life, id, Accumulator, i, isZero: false);
            if (data.Length != 0) ToyDisks.Fill(data.AsSpan(i * ToyDisks.SectorBytes, ToyDisks.SectorBytes), head, stamp, disk, sector + i);
            _logical[disk][sector + i] = stamp;
        }

        Add(outputs, new BlockRequested(disk, id, operation, (ulong)sector * ToyDisks.SectorBytes, (ulong)count * ToyDisks.SectorBytes, data));
    }

    private void Add(List<MachineOutput> outputs, BlockRequested request)
    {
        _pending.Add(request.RequestId, request);
        outputs.Add(request);
    }

    private static BlockRequested LoadRequest(ulong id, ref StateReader reader)
    {
        var operation = (BlockOperation)reader.U8();
        ulong offset = reader.U64(), length = reader.U64();
        byte[] data = reader.Bytes(ToyDisks.MaxRequestSectors * ToyDisks.SectorBytes).ToArray();
        return new BlockRequested(reader.U8(), id, operation, offset, length, data);
    }

    private void SaveDisks(StateWriter writer)
    {
        if (_disks is null) return;
        writer.Bool(_isQuiet);
        writer.U32((uint)_rewriting);
        foreach (ulong[] disk in _logical) foreach (ulong stamp in disk) writer.U64(stamp);
        writer.U32((uint)_expected.Count);
        foreach ((ulong id, ulong[] stamps) in _expected)
        {
            writer.U64(id);
            writer.U32((uint)stamps.Length);
            foreach (ulong stamp in stamps) writer.U64(stamp);
        }
    }

    private void LoadDisks(ref StateReader reader)
    {
        if (_disks is null) return;
        _isQuiet = reader.Bool();
        _rewriting = (int)reader.U32();
        foreach (ulong[] disk in _logical) for (int sector = 0; sector < disk.Length; sector++) disk[sector] = reader.U64();
        _expected.Clear();
        for (uint left = reader.U32(); left > 0; left--)
        {
            ulong id = reader.U64();
            ulong[] stamps = new ulong[reader.U32()];
            for (int i = 0; i < stamps.Length; i++) stamps[i] = reader.U64();
            _expected[id] = stamps;
        }
    }
}
