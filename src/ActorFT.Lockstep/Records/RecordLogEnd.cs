using ActorFT.Machine;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>The last entry of a log that was closed in order. A log without it was cut off, and is good up to its last whole record.</summary>
/// <param name="Rounds">Rounds completed at the end.</param>
/// <param name="Digest">The machine's digest at the end.</param>
/// <param name="Power">Whether the machine was running or off.</param>
public sealed record RecordLogEnd(ulong Rounds, Digest Digest, MachinePower Power)
{
    internal void Write(StateWriter writer)
    {
        writer.Varint(Rounds);
        writer.WriteDigest(Digest);
        writer.U8((byte)Power);
    }

    internal static RecordLogEnd Read(ref StateReader reader)
    {
        ulong rounds = reader.Varint(ulong.MaxValue, "count of rounds");
        Digest digest = reader.ReadDigest();
        byte power = reader.U8();
        if (power > (byte)MachinePower.Failed) throw new StateFormatException($"A log's end has power state {power}; at most {(byte)MachinePower.Failed} is allowed.");
        reader.End();
        return new RecordLogEnd(rounds, digest, (MachinePower)power);
    }
}
