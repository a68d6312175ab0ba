using ActorFT.Cluster.Machines;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;

namespace ActorFT.Node.Running;

/// <summary>
/// Inputs on their way from the back ends' threads to the machine's. Each kind waits in its own bounded queue, so that a
/// flood of one never delays another: completions (bounded by what the guest has in flight), typed bytes (the source
/// waits: <see cref="Type"/>), frames (dropped and counted: <see cref="TryReceive"/>). Within a kind, order is kept.
/// </summary>
internal sealed class InputQueue(WakeEvent wake, int nicCount)
{
    /// <summary>Typed bytes that wait before their source must.</summary>
    public const int ConsoleLimitBytes = 16 << 10;

    /// <summary>Frames of one NIC that wait before more are dropped.</summary>
    public const int FrameLimit = 512;

    // Both keep a round's inputs within RecordLimits, whatever their sizes.
    private const int MaxInputsBeforeFrames = RecordLimits.MaxInputsPerRound / 2, MaxFramesPerRound = 128;

    private readonly object _lock = new();
    private readonly Queue<MachineInput> _completions = new();
    private readonly Queue<ConsoleTyped>[] _typed = [new(), new()];
    private readonly int[] _typedBytes = new int[2];
    private readonly int[] _typedHeadOffset = new int[2]; // bytes of the first piece that the machine has taken
    private readonly Queue<ReadOnlyMemory<byte>>[] _frames = [.. Enumerable.Range(0, nicCount).Select(_ => new Queue<ReadOnlyMemory<byte>>())];
    private readonly long[] _droppedFrames = new long[nicCount];
    private bool _closed;

    /// <summary>Takes the answer to a request of the machine.</summary>
    public void Complete(MachineInput completion)
    {
        lock (_lock) _completions.Enqueue(completion);
        wake.Signal();
    }

    /// <summary>Takes typed bytes. False when the machine has ended.</summary>
    /// <param name="consoleIndex">Where they are typed.</param>
    /// <param name="bytes">What is typed.</param>
    /// <param name="mayWait">Whether to wait while too many are on their way, as a pipe can; else they are lost, as a keyboard's are.</param>
    public bool Type(int consoleIndex, ReadOnlyMemory<byte> bytes, bool mayWait)
    {
        while (!bytes.IsEmpty)
        {
            lock (_lock)
            {
                while (mayWait && !_closed && _typedBytes[consoleIndex] >= ConsoleLimitBytes) Monitor.Wait(_lock);
                if (_closed) return false;
                if (_typedBytes[consoleIndex] >= ConsoleLimitBytes) return true;
                ReadOnlyMemory<byte> piece = bytes[..Math.Min(bytes.Length, ConsoleLimitBytes - _typedBytes[consoleIndex])];
                _typed[consoleIndex].Enqueue(new ConsoleTyped(consoleIndex, piece));
                _typedBytes[consoleIndex] += piece.Length;
                bytes = bytes[piece.Length..];
            }
            wake.Signal();
        }
        return true;
    }

    /// <summary>Takes a frame; false when it was dropped because too many wait.</summary>
    public bool TryReceive(int nicIndex, ReadOnlyMemory<byte> frame)
    {
        lock (_lock)
        {
            if (_frames[nicIndex].Count >= FrameLimit)
            {
                _droppedFrames[nicIndex]++;
                return false;
            }
            _frames[nicIndex].Enqueue(frame);
        }
        wake.Signal();
        return true;
    }

    /// <summary>Frames of a NIC that were dropped because too many waited.</summary>
    public long DroppedFrames(int nicIndex)
    {
        lock (_lock) return _droppedFrames[nicIndex];
    }

    /// <summary>Moves what the machine can take now into <paramref name="inputs"/>: completions, typed bytes, frames.</summary>
    public void Take(IMachine machine, List<MachineInput> inputs)
    {
        lock (_lock)
        {
            long bytes = 0;
            while (inputs.Count < MaxInputsBeforeFrames && _completions.TryPeek(out MachineInput? completion))
            {
                int length = completion is BlockCompleted block ? block.Data.Length : 0;
                if (inputs.Count != 0 && bytes + length > RecordLimits.MaxRoundInputBytes / 2) break;
                bytes += length;
                inputs.Add(_completions.Dequeue());
            }
            for (int console = 0; console < _typed.Length; console++) TakeTyped(machine, console, inputs);
            for (int nic = 0; nic < _frames.Length; nic++) TakeFrames(machine, nic, inputs);
        }
    }

    /// <summary>Lets go of everyone who waits; typing fails from now on.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            Monitor.PulseAll(_lock);
        }
    }

    private void TakeTyped(IMachine machine, int console, List<MachineInput> inputs)
    {
        if (_typed[console].Count == 0) return;
        int free = machine.ConsoleInputFree(console);
        while (free > 0 && inputs.Count < MaxInputsBeforeFrames && _typed[console].TryPeek(out ConsoleTyped? typed))
        {
            int taken = Math.Min(free, typed.Bytes.Length - _typedHeadOffset[console]);
            inputs.Add(typed with { Bytes = typed.Bytes.Slice(_typedHeadOffset[console], taken) });
            free -= taken;
            _typedBytes[console] -= taken;
            _typedHeadOffset[console] += taken;
            if (_typedHeadOffset[console] != typed.Bytes.Length) break;
            _typed[console].Dequeue();
            _typedHeadOffset[console] = 0;
        }
        Monitor.PulseAll(_lock);
    }

    private void TakeFrames(IMachine machine, int nic, List<MachineInput> inputs)
    {
        if (_frames[nic].Count == 0) return;
        // A NIC without free buffers would drop: the frames wait here for the driver instead.
        int free = Math.Min(machine.ReceiveBuffersFree(nic), MaxFramesPerRound);
        while (free-- > 0 && _frames[nic].TryDequeue(out ReadOnlyMemory<byte> frame))
            inputs.Add(new FrameReceived(nic, frame));
    }
}
