using System.Collections.Immutable;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Records;

/// <summary>What was not determined in one round: its time and its inputs.</summary>
/// <param name="TimeNs">The round's time, nanoseconds since power-on; at most <see cref="RecordLimits.MaxTimeNs"/>.</param>
/// <param name="Inputs">The inputs applied at the round's start, in order.</param>
public readonly record struct Round(ulong TimeNs, ImmutableArray<MachineInput> Inputs)
{
    /// <summary>A round without inputs.</summary>
    public Round(ulong timeNs) : this(timeNs, []) { }
}
