using System.Buffers.Binary;
using System.IO.Hashing;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Simulation.Toy;

/// <summary>
/// A deterministic machine small enough to run millions of rounds of: a few pages of memory, a register that mixes everything that
/// ever happened into everything it says, requests to a disk. Any input lost, doubled or moved to another round changes all later outputs.
/// Every output begins with (life, round, index), so that checkers know where it comes from.
/// </summary>
internal sealed partial class ToyMachine
{
    /// <summary>Pages that the guest uses, and those behind them that it wrote at power-on and leaves alone.</summary>
    public const int PageCount = 6, ColdPageCount = 3;

    public const int WordsPerPage = 8, DiskBlocks = 8, BlockBytes = 512, HeadBytes = 24;
    private const ulong TimerNs = 12_000_000;

    private const int AllPages = PageCount + ColdPageCount;

    private readonly ulong[] _memory = new ulong[AllPages * WordsPerPage];
    private readonly ulong[] _pageSums = new ulong[AllPages]; // kept along with writes: what a self-check compares with
    private readonly bool[] _dirty = new bool[AllPages];
    private readonly SortedDictionary<ulong, BlockRequested> _pending = [];
    private ulong _nextRequest = 1, _served, _entropyRequest;
    private int _scrubbed;

    /// <summary>Switches it on.</summary>
    /// <param name="life">Counts power-ons.</param>
    /// <param name="disks">Several disks, with the content of which it compares what it reads; null for one of eight blocks.</param>
    /// <param name="content">What they hold, as stamps; null for what comes with its state.</param>
    public ToyMachine(ulong life, ToyDisks? disks = null, ulong[][]? content = null)
    {
        _disks = disks;
        if (disks is not null) _logical = content ?? [.. Enumerable.Range(0, disks.Count).Select(_ => new ulong[disks.Sectors])];
        Life = life;
        Accumulator = Mix(life, 77);
        Array.Fill(_dirty, true);
        for (int word = PageCount * WordsPerPage; word < _memory.Length; word++) _memory[word] = Mix(life, (ulong)word);
        for (int page = 0; page < AllPages; page++) _pageSums[page] = ActualSum(page);
    }

    public ulong Life { get; private set; }
    public ulong Round { get; private set; }
    public ulong TimeNs { get; private set; }
    public ulong Accumulator { get; private set; }
    public ulong NextTimerNs { get; private set; }
    public IReadOnlyCollection<BlockRequested> PendingRequests => _pending.Values;
    public ulong PendingEntropy => _entropyRequest;

    /// <summary>Runs a round; gives its outputs in order.</summary>
    public List<MachineOutput> RunRound(ulong timeNs, IReadOnlyList<MachineInput> inputs)
    {
        if (timeNs < TimeNs) throw new World.SimulationFailure("time never falls", $"round {Round} has time {timeNs}, after {TimeNs}");
        TimeNs = timeNs;
        var outputs = new List<MachineOutput>();
        Accumulator = Mix(Accumulator, timeNs);
        foreach (MachineInput input in inputs) Take(input, outputs);
        if (TimeNs >= NextTimerNs) OnTimer(outputs);
        // One page a round is read whole: what was flipped there shows soon.
        int page = (int)(Round % PageCount);
        for (int i = 0; i < WordsPerPage; i++) Accumulator = Mix(Accumulator, _memory[page * WordsPerPage + i]);
        Store((int)(Accumulator % (PageCount * WordsPerPage)), Accumulator);
        Round++;
        return outputs;
    }

    private void OnTimer(List<MachineOutput> outputs)
    {
        NextTimerNs = TimeNs + TimerNs;
        // Not always: what closes a record must not always come with a request. And not by the state: a flipped bit must change what is said, and not whether.
        if (Mix(Life, Round) % 3 != 0) Emit(outputs, head => new ConsoleWritten(0, head));
        if (_disks is not null)
        {
            RequestOfDisks(outputs, _disks);
            return;
        }

        if (_pending.Count >= 4) return;
        switch (Accumulator % 5)
        {
            case 0 or 1: Request(outputs, BlockOperation.Write); break;
            case 2: Request(outputs, BlockOperation.Read); break;
            case 3: Request(outputs, BlockOperation.Flush); break;
            case 4 when _entropyRequest == 0:
                _entropyRequest = _nextRequest++;
                outputs.Add(new EntropyRequested(_entropyRequest, 8));
                break;
        }
    }

    private void Request(List<MachineOutput> outputs, BlockOperation operation)
    {
        ulong id = _nextRequest++;
        ulong offset = operation == BlockOperation.Flush ? 0 : Accumulator / 5 % DiskBlocks * BlockBytes;
        ulong length = operation == BlockOperation.Flush ? 0UL : BlockBytes;
        byte[] data = operation == BlockOperation.Write ? Head(outputs.Count, HeadBytes + 8) : [];
        if (data.Length != 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(HeadBytes), Version(id));
            Array.Resize(ref data, BlockBytes);
        }
        var request = new BlockRequested(0, id, operation, offset, length, data);
        _pending.Add(id, request);
        outputs.Add(request);
    }

    /// <summary>Orders writes of all lives: what a block holds tells how new it is.</summary>
    public ulong Version(ulong requestId) => (Life << 32) + requestId;

    private void Take(MachineInput input, List<MachineOutput> outputs)
    {
        switch (input)
        {
            case FrameReceived frame when frame.Frame.Span.SequenceEqual(s_quiet):
                _isQuiet = true;
                break;
            case FrameReceived frame when frame.Frame.Span.SequenceEqual(s_rewrite):
                _rewriting = 0;
                break;
            case FrameReceived frame:
                Accumulator = Mix(Accumulator, XxHash3.HashToUInt64(frame.Frame.Span));
                _served++;
                byte[] reply = Head(outputs.Count, HeadBytes + 24);
                frame.Frame.Span[..8].CopyTo(reply.AsSpan(HeadBytes));
                BinaryPrimitives.WriteUInt64LittleEndian(reply.AsSpan(HeadBytes + 8), _served);
                BinaryPrimitives.WriteUInt64LittleEndian(reply.AsSpan(HeadBytes + 16), Accumulator);
                outputs.Add(new FrameTransmitted(0, reply));
                break;
            case BlockCompleted completed when _pending.Remove(completed.RequestId, out BlockRequested? request):
                NoteEnded(request, completed);
                Accumulator = Mix(Accumulator, completed.RequestId ^ XxHash3.HashToUInt64(completed.Data.Span) ^ (ulong)completed.Status << 40);
                break;
            case EntropyArrived entropy when entropy.RequestId == _entropyRequest:
                _entropyRequest = 0;
                Accumulator = Mix(Accumulator, XxHash3.HashToUInt64(entropy.Bytes.Span));
                break;
        }
    }

    private void Emit(List<MachineOutput> outputs, Func<byte[], MachineOutput> make)
    {
        byte[] head = Head(outputs.Count, HeadBytes + 8);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(HeadBytes), Accumulator);
        outputs.Add(make(head));
    }

    private byte[] Head(int index, int bytes)
    {
        var head = new byte[bytes];
        BinaryPrimitives.WriteUInt64LittleEndian(head, Life);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(8), Round);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(16), (ulong)index);
        return head;
    }

    private void Store(int word, ulong value)
    {
        int page = word / WordsPerPage;
        _pageSums[page] += WordHash(word, value) - WordHash(word, _memory[word]);
        _memory[word] = value;
        _dirty[page] = true;
    }

    /// <summary>What cosmic rays do: a bit changes and nothing was written.</summary>
    public void Flip(int word, int bit) => _memory[word] ^= 1UL << bit;

    /// <summary>Takes memory as it is for right.</summary>
    public void AcceptMemory()
    {
        for (int page = 0; page < AllPages; page++) _pageSums[page] = ActualSum(page);
    }

    /// <summary>Whether memory is what was written to it.</summary>
    public bool IsSound
    {
        get
        {
            for (int page = 0; page < AllPages; page++) if (IsCorrupted(page)) return false;
            return true;
        }
    }

    /// <summary>Whether a page is not what was written to it.</summary>
    public bool IsCorrupted(int page) => _pageSums[page] != ActualSum(page);

    /// <summary>Looks at one more page; gives it when it is not what was written to it, else -1.</summary>
    public int Scrub()
    {
        _scrubbed = (_scrubbed + 1) % AllPages;
        return IsCorrupted(_scrubbed) ? _scrubbed : -1;
    }

    /// <summary>Costs what changed, as the real one's: it does not see a flip before the flipped word is used.</summary>
    public Digest ComputeDigest()
    {
        ulong sum = Mix(Accumulator, Mix(Round, TimeNs));
        foreach (ulong part in _pageSums) sum = Mix(sum, part);
        foreach (ulong id in _pending.Keys) sum = Mix(sum, id);
        return new Digest(Mix(sum, _served), Mix(sum, _nextRequest + _entropyRequest));
    }

    private ulong ActualSum(int page)
    {
        ulong sum = 0;
        for (int i = 0; i < WordsPerPage; i++) sum += WordHash(page * WordsPerPage + i, _memory[page * WordsPerPage + i]);
        return sum;
    }

    private static ulong WordHash(int word, ulong value) => value == 0 ? 0 : Mix(value, (ulong)word + 1);

    private static ulong Mix(ulong a, ulong b)
    {
        ulong z = (a ^ (b * 0x9E3779B97F4A7C15)) + 0xD1B54A32D192ED03;
        z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93;
        return z ^ (z >> 29);
    }

    // ---- State transfer

    public List<int> TakeDirty()
    {
        var pages = new List<int>();
        for (int page = 0; page < AllPages; page++) if (_dirty[page]) pages.Add(page);
        Array.Fill(_dirty, false);
        return pages;
    }

    public void MarkAllDirty() => Array.Fill(_dirty, true);

    public int DirtyCount => _dirty.Count(isDirty => isDirty);

    public byte[] SavePage(int page)
    {
        var bytes = new byte[4 + WordsPerPage * 8];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, page);
        for (int i = 0; i < WordsPerPage; i++) BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(4 + i * 8), _memory[page * WordsPerPage + i]);
        return bytes;
    }

    public void LoadPage(ReadOnlySpan<byte> bytes)
    {
        int page = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        for (int i = 0; i < WordsPerPage; i++) _memory[page * WordsPerPage + i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(4 + i * 8)..]);
        _pageSums[page] = ActualSum(page);
    }

    public byte[] SaveDevices()
    {
        var writer = new StateWriter();
        foreach (ulong value in (ReadOnlySpan<ulong>)[Life, Round, TimeNs, Accumulator, NextTimerNs, _nextRequest, _served, _entropyRequest, (ulong)_pending.Count]) writer.U64(value);
        foreach (BlockRequested request in _pending.Values)
        {
            writer.U64(request.RequestId);
            writer.U8((byte)request.Operation);
            writer.U64(request.OffsetBytes);
            writer.U64(request.LengthBytes);
            writer.Bytes(request.Data.Span);
            writer.U8((byte)request.DiskIndex);
        }
        SaveDisks(writer);
        return writer.Written.ToArray();
    }

    public void LoadDevices(ReadOnlySpan<byte> bytes)
    {
        var reader = new StateReader(bytes);
        (Life, Round, TimeNs, Accumulator, NextTimerNs) = (reader.U64(), reader.U64(), reader.U64(), reader.U64(), reader.U64());
        (_nextRequest, _served, _entropyRequest) = (reader.U64(), reader.U64(), reader.U64());
        ulong count = reader.U64();
        _pending.Clear();
        for (ulong i = 0; i < count; i++)
        {
            ulong id = reader.U64();
            _pending.Add(id, LoadRequest(id, ref reader));
        }
        LoadDisks(ref reader);
        reader.End();
    }

    /// <summary>Where an output comes from; null for those that show the world nothing.</summary>
    public static OutputId? IdOf(MachineOutput output)
    {
        ReadOnlySpan<byte> head = output switch
        {
            FrameTransmitted frame => frame.Frame.Span,
            ConsoleWritten written => written.Bytes.Span,
            BlockRequested { Operation: BlockOperation.Write } write => write.Data.Span,
            _ => default,
        };
        return head.IsEmpty ? null : new OutputId(BinaryPrimitives.ReadUInt64LittleEndian(head), BinaryPrimitives.ReadUInt64LittleEndian(head[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(head[16..]));
    }

    public static ulong HashOf(MachineOutput output)
    {
        var hasher = new OutputHasher();
        hasher.Add(output);
        return hasher.Hash;
    }
}

/// <summary>The place of an output in the machine's history.</summary>
/// <param name="Life">Counts power-ons.</param>
/// <param name="Round">The round that made it.</param>
/// <param name="Index">Its place in the round.</param>
internal readonly record struct OutputId(ulong Life, ulong Round, ulong Index);
