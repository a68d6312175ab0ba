using System.IO.Hashing;
using ActorFT.Machine;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// Which machine this is, in 128 bits: servers whose definitions differ in anything that could reach guest state never
/// run one machine, and a log is replayed on the machine it was recorded from only, by a build that executes it alike.
/// </summary>
public static class MachineIdentity
{
    /// <summary>The hash of the whole definition, the bytes of kernel and initrd included.</summary>
    public static Digest Of(MachineDefinition definition)
    {
        var writer = new StateWriter();
        DefinitionCodec.Write(writer, definition);
        writer.U16(ExecutionRevision.Current);
        writer.WriteDigest(OfBytes(definition.Kernel.Span));
        writer.WriteDigest(OfBytes(definition.Initrd.Span));
        return OfBytes(writer.Written);
    }

    /// <summary>The hash of a kernel's or an initrd's bytes; zero for none.</summary>
    public static Digest OfBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return Digest.Zero;
        UInt128 hash = XxHash128.HashToUInt128(bytes);
        return new Digest((ulong)(hash >> 64), (ulong)hash);
    }
}
