using ActorFT.Lockstep.Leading;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Following;

/// <summary>
/// Frames, console bytes and power changes of executed records that the leader has not said have left. On promotion they are
/// sent again: some may leave twice (networks and consoles may repeat), none may be lost.
/// Bounded by the leader's flow control: it cannot be further ahead of its own commit than its window.
/// </summary>
internal sealed class KeptOutputs(bool forgetsNothing)
{
    private readonly Queue<(ulong Round, MachineOutput Output)> _kept = new();

    /// <summary>Bytes kept.</summary>
    public long Bytes { get; private set; }

    public void Add(ulong round, MachineOutput output)
    {
        _kept.Enqueue((round, output));
        Bytes += OutputGate.SizeOf(output);
    }

    /// <summary>Everything of the rounds before <paramref name="round"/> has left.</summary>
    public void Released(ulong round)
    {
        while (!forgetsNothing && _kept.TryPeek(out (ulong Round, MachineOutput Output) next) && next.Round < round)
        {
            _kept.Dequeue();
            Bytes -= OutputGate.SizeOf(next.Output);
        }
    }

    public IReadOnlyList<MachineOutput> TakeAll()
    {
        MachineOutput[] all = [.. _kept.Select(entry => entry.Output)];
        _kept.Clear();
        Bytes = 0;
        return all;
    }
}
