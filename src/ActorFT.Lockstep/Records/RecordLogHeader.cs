using ActorFT.Machine;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// What a log file says about the machine it was recorded from: everything a replay needs but the bytes of kernel and
/// initrd, which it names by hash and by where they were found.
/// </summary>
public sealed record RecordLogHeader
{
    private const int MaxSourceBytes = 4096;

    /// <summary>The machine, with empty <see cref="MachineDefinition.Kernel"/> and <see cref="MachineDefinition.Initrd"/>.</summary>
    public required MachineDefinition Definition { get; init; }

    /// <summary><see cref="MachineIdentity.Of"/> of the whole definition.</summary>
    public required Digest DefinitionHash { get; init; }

    /// <summary><see cref="MachineIdentity.OfBytes"/> of the kernel.</summary>
    public required Digest KernelHash { get; init; }

    /// <summary><see cref="MachineIdentity.OfBytes"/> of the initrd; zero for none.</summary>
    public required Digest InitrdHash { get; init; }

    /// <summary>Whether records hold the bytes that disk reads gave; without them a replay needs the disks as they were.</summary>
    public required BlockDataMode BlockData { get; init; }

    /// <summary>Where the kernel was read from, as the operator wrote it; a hint for replay, may be empty.</summary>
    public string KernelSource { get; init; } = "";

    /// <summary>Where the initrd was read from, as the operator wrote it; a hint for replay, may be empty.</summary>
    public string InitrdSource { get; init; } = "";

    /// <summary>The header for a machine about to be recorded.</summary>
    public static RecordLogHeader Of(MachineDefinition definition, BlockDataMode blockData, string kernelSource = "", string initrdSource = "") => new()
    {
        Definition = definition with { Kernel = default, Initrd = default },
        DefinitionHash = MachineIdentity.Of(definition),
        KernelHash = MachineIdentity.OfBytes(definition.Kernel.Span),
        InitrdHash = MachineIdentity.OfBytes(definition.Initrd.Span),
        BlockData = blockData,
        KernelSource = kernelSource,
        InitrdSource = initrdSource,
    };

    /// <summary>The whole definition, from the bytes the replay found.</summary>
    /// <exception cref="StateFormatException">Another kernel or initrd than the recorded one.</exception>
    public MachineDefinition Complete(ReadOnlyMemory<byte> kernel, ReadOnlyMemory<byte> initrd)
    {
        RequireSame("kernel", KernelHash, kernel);
        RequireSame("initrd", InitrdHash, initrd);
        MachineDefinition definition = Definition with { Kernel = kernel, Initrd = initrd };
        if (MachineIdentity.Of(definition) != DefinitionHash)
            throw new StateFormatException($"The record's machine has hash {MachineIdentity.Of(definition)}, but its header says {DefinitionHash}.");
        return definition;
    }

    /// <summary>Writes the header's fields; a save file names its machine by the same ones.</summary>
    public void Write(StateWriter writer)
    {
        DefinitionCodec.Write(writer, Definition);
        writer.WriteDigest(DefinitionHash);
        writer.WriteDigest(KernelHash);
        writer.WriteDigest(InitrdHash);
        writer.U8((byte)BlockData);
        writer.VarintText(KernelSource);
        writer.VarintText(InitrdSource);
    }

    /// <summary>Reads what <see cref="Write"/> wrote, to the reader's end.</summary>
    /// <exception cref="StateFormatException">Not a header.</exception>
    public static RecordLogHeader Read(ref StateReader reader)
    {
        var header = new RecordLogHeader
        {
            Definition = DefinitionCodec.Read(ref reader),
            DefinitionHash = reader.ReadDigest(),
            KernelHash = reader.ReadDigest(),
            InitrdHash = reader.ReadDigest(),
            BlockData = reader.Bool() ? BlockDataMode.Carried : BlockDataMode.Hashed,
            KernelSource = reader.VarintText(MaxSourceBytes, "kernel's source"),
            InitrdSource = reader.VarintText(MaxSourceBytes, "initrd's source"),
        };
        reader.End();
        return header;
    }

    private static void RequireSame(string what, Digest expected, ReadOnlyMemory<byte> bytes)
    {
        Digest found = MachineIdentity.OfBytes(bytes.Span);
        if (found != expected) throw new StateFormatException($"The {what} has hash {found}; the record was made with {expected}.");
    }
}
