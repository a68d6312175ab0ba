namespace ActorFT.Machine.State;

/// <summary>
/// A part of the machine that has architectural state. Everything that may influence the future of the guest is
/// written; nothing derived (caches, TLBs, counters for statistics) is.
/// Contract, held for every implementation by one shared test: save, restore, save gives the same bytes, and
/// restoring torn or hostile bytes throws <see cref="StateFormatException"/> and nothing else.
/// </summary>
public interface ISavable
{
    /// <summary>Writes the whole state.</summary>
    void Save(StateWriter writer);

    /// <summary>Replaces the whole state by what was saved.</summary>
    /// <exception cref="StateFormatException">The bytes are not a state of this part.</exception>
    void Restore(ref StateReader reader);
}
