using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Leading;

/// <summary>
/// The leader's held outputs: each leaves when its record is committed, in the order made.
/// Invariant: an output of a round at or past the commit point never leaves.
/// </summary>
internal sealed class OutputGate
{
    private const int OverheadBytes = 64;

    private readonly Queue<(ulong Round, MachineOutput Output)> _held = new();
    private readonly DiskOrder _order = new();
    private readonly bool _writesAtOnce;

    public OutputGate(bool writesAtOnce) => _writesAtOnce = writesAtOnce;

    /// <summary>Bytes held.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>Whether anything is held.</summary>
    public bool IsEmpty => _held.Count == 0;

    /// <summary>Whether anything is held that belongs to rounds from <paramref name="round"/> on.</summary>
    public bool HoldsFrom(ulong round) => _held.Count != 0 && _newest >= round;

    private ulong _newest;

    /// <summary>Takes the outputs of a round; those that need not wait go to <paramref name="immediate"/>.</summary>
    /// <returns>Whether anything is held that the world or the guest waits for; a write is not: it has ended for the guest.</returns>
    public bool Add(ulong round, IReadOnlyList<MachineOutput> outputs, List<MachineOutput> immediate)
    {
        bool isAwaited = false;
        foreach (MachineOutput output in outputs)
        {
            if (_writesAtOnce && output is BlockRequested || !_order.MustWait(output))
            {
                immediate.Add(output);
                continue;
            }
            _held.Enqueue((round, output));
            _newest = round;
            HeldBytes += SizeOf(output);
            isAwaited |= output is not BlockRequested { Operation: BlockOperation.Write };
        }

        return isAwaited;
    }

    /// <summary>Takes back what was let go and did not leave: it is first to leave again.</summary>
    public void Return(IReadOnlyList<MachineOutput> outputs)
    {
        (ulong, MachineOutput)[] behind = [.. _held];
        _held.Clear();
        foreach (MachineOutput output in outputs)
        {
            _held.Enqueue((0, output)); // its round was committed
            HeldBytes += SizeOf(output);
        }
        foreach ((ulong, MachineOutput) held in behind) _held.Enqueue(held);
    }

    /// <summary>Lets everything of the rounds before <paramref name="commitRound"/> go.</summary>
    public void Release(ulong commitRound, List<MachineOutput> released)
    {
        while (_held.TryPeek(out (ulong Round, MachineOutput Output) next) && next.Round < commitRound)
        {
            _held.Dequeue();
            HeldBytes -= SizeOf(next.Output);
            _order.Performed(next.Output);
            released.Add(next.Output);
        }
    }

    /// <summary>What an output costs to keep.</summary>
    public static long SizeOf(MachineOutput output) => OverheadBytes + output switch
    {
        FrameTransmitted frame => frame.Frame.Length,
        ConsoleWritten written => written.Bytes.Length,
        BlockRequested block => block.Data.Length,
        _ => 0,
    };
}
