namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// Names one unbroken flow of records from one leader to one follower, from the state transfer that begins it (or the
/// hand-over) to its end. Messages of another flow are ignored, however late they come.
/// </summary>
/// <param name="Term">The term in which it began.</param>
/// <param name="Number">Counts the flows begun in that term.</param>
public readonly record struct StreamId(ulong Term, uint Number)
{
    /// <summary>Whether this stream began after another.</summary>
    public bool IsAfter(StreamId other) => Term != other.Term ? Term > other.Term : Number > other.Number;
}
