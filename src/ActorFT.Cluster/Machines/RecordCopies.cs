using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.State;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// Records that left on the best path and that the follower has not stored yet: the other paths get a copy of what is overdue, and of nothing
/// else, so that the log of a machine under load costs one path's bytes and not both's. For one machine, on its thread.
/// Invariant: every record that was kept is either stored by the follower or taken as overdue.
/// </summary>
public sealed class RecordCopies
{
    /// <summary>How long a record may be on its way before its copy goes too: two ticks, more than a round trip between servers in one room.</summary>
    public const ulong OverdueNs = 4_000_000;

    private const int MostSpare = 16;

    private readonly Queue<(StreamId Stream, ulong EndRound, ulong SentNs, int Path, StateWriter Bytes)> _waiting = [];
    private readonly Stack<StateWriter> _spare = [];

    /// <summary>Records that nobody stored yet and whose copies did not leave.</summary>
    public int Count => _waiting.Count;

    /// <summary>An empty writer for the next envelope.</summary>
    public StateWriter Rent() => _spare.TryPop(out StateWriter? writer) ? writer : new StateWriter();

    /// <summary>A record left on one path; its bytes are this object's from now on.</summary>
    public void Keep(RecordSent sent, int path, StateWriter bytes, ulong nowNs) => _waiting.Enqueue((sent.Stream, sent.Record.EndRound, nowNs, path, bytes));

    /// <summary>The follower has what ends at or before this round of the stream: no copy is needed.</summary>
    public void Stored(StreamId stream, ulong round)
    {
        while (_waiting.TryPeek(out (StreamId Stream, ulong EndRound, ulong, int, StateWriter Bytes) oldest) && oldest.Stream == stream && oldest.EndRound <= round)
            Return(_waiting.Dequeue().Bytes);
    }

    /// <summary>The oldest record that is overdue; <see cref="Return"/> what is given.</summary>
    /// <param name="nowNs">The time.</param>
    /// <param name="isAll">All are: the path that took them may be gone.</param>
    /// <param name="path">The path that took it: the others want a copy, whichever is the best one by now.</param>
    /// <param name="bytes">The envelope.</param>
    public bool TryTakeOverdue(ulong nowNs, bool isAll, out int path, out StateWriter bytes)
    {
        bool isDue = _waiting.TryPeek(out (StreamId, ulong, ulong SentNs, int Path, StateWriter Bytes) oldest) && (isAll || nowNs - oldest.SentNs >= OverdueNs);
        (path, bytes) = (oldest.Path, oldest.Bytes);
        if (isDue) _waiting.Dequeue();
        return isDue;
    }

    /// <summary>Gives a writer back.</summary>
    public void Return(StateWriter writer)
    {
        if (_spare.Count >= MostSpare) return;
        writer.Clear();
        _spare.Push(writer);
    }
}
