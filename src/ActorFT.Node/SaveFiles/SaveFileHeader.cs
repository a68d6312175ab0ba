using ActorFT.Lockstep.Records;
using ActorFT.Machine.State;

namespace ActorFT.Node.SaveFiles;

/// <summary>What a save file says of itself.</summary>
/// <param name="Identity">The machine it was saved from.</param>
/// <param name="RoundNumber">Rounds completed.</param>
/// <param name="TimeNs">The machine's time.</param>
/// <param name="Digest">Its digest: what the restored machine must have.</param>
/// <param name="PageCount">Pages that the file holds.</param>
internal sealed record SaveFileHeader(RecordLogHeader Identity, ulong RoundNumber, ulong TimeNs, Digest Digest, int PageCount)
{
    public void Write(StateWriter writer)
    {
        var identity = new StateWriter();
        Identity.Write(identity);
        writer.Bytes(identity.Written);
        writer.U64(RoundNumber);
        writer.U64(TimeNs);
        writer.U64(Digest.High);
        writer.U64(Digest.Low);
        writer.U32((uint)PageCount);
    }

    public static SaveFileHeader Read(ReadOnlySpan<byte> payload)
    {
        var reader = new StateReader(payload);
        var identity = new StateReader(reader.Bytes(SaveFileFormat.LimitBytes(SaveFileFormat.Head)));
        var header = new SaveFileHeader(
            RecordLogHeader.Read(ref identity), reader.U64(), reader.U64(), new Digest(reader.U64(), reader.U64()), reader.Count(int.MaxValue));
        reader.End();
        return header;
    }
}
