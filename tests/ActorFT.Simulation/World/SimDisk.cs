using System.Buffers.Binary;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Toy;

namespace ActorFT.Simulation.World;

/// <summary>
/// One server's disk: blocks on stable storage, completed writes that are not stable yet, the term mark. Requests take effect in
/// the order issued. A crash may lose what is not stable, and may or may not have done what was in flight.
/// </summary>
internal sealed class SimDisk
{
    private readonly byte[][] _stable = [.. Enumerable.Range(0, ToyMachine.DiskBlocks).Select(_ => new byte[ToyMachine.BlockBytes])];
    private readonly Dictionary<int, byte[]> _cached = [];

    /// <summary>The durable term mark.</summary>
    public ulong TermMark { get; set; }

    public byte[] Read(int block) => _cached.TryGetValue(block, out byte[]? data) ? data : _stable[block];

    public ulong Version(int block) => BinaryPrimitives.ReadUInt64LittleEndian(Read(block).AsSpan(ToyMachine.HeadBytes));

    /// <summary>Does a request; gives a read's data.</summary>
    public byte[] Do(BlockRequested request)
    {
        int block = (int)(request.OffsetBytes / ToyMachine.BlockBytes);
        switch (request.Operation)
        {
            case BlockOperation.Read: return Read(block);
            case BlockOperation.Write:
                _cached[block] = request.Data.ToArray();
                break;
            case BlockOperation.Flush:
                foreach ((int index, byte[] data) in _cached) _stable[index] = data;
                _cached.Clear();
                break;
        }
        return [];
    }

    public void Crash(SimRandom random, bool losesUnsynced)
    {
        for (int block = 0; block < ToyMachine.DiskBlocks; block++)
            if (_cached.TryGetValue(block, out byte[]? data) && (!losesUnsynced || random.Chance(0.5))) _stable[block] = data;
        _cached.Clear();
    }

    /// <summary>What the disk holds when writes that are under way, and that the machine takes for done, are done.</summary>
    public byte[] Save(IEnumerable<BlockRequested> behind)
    {
        byte[][] blocks = [.. Enumerable.Range(0, ToyMachine.DiskBlocks).Select(Read)];
        foreach (BlockRequested write in behind) blocks[(int)(write.OffsetBytes / ToyMachine.BlockBytes)] = write.Data.ToArray();
        return [.. blocks.SelectMany(block => block)];
    }

    /// <summary>Replaces everything, durably.</summary>
    public void Load(ReadOnlySpan<byte> content)
    {
        _cached.Clear();
        for (int block = 0; block < ToyMachine.DiskBlocks; block++) _stable[block] = content.Slice(block * ToyMachine.BlockBytes, ToyMachine.BlockBytes).ToArray();
    }
}
