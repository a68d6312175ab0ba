using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Node.SaveFiles;

/// <summary>
/// Writes a save file. Streams: memory beyond the machine's own is one section. Atomic: the file has its name only when it is
/// whole and stable; on any failure a file of that name stays as it was.
/// </summary>
internal sealed class SaveFileWriter
{
    private readonly Stream _stream;
    private readonly XxHash3 _all = new();
    private readonly StateWriter _payload = new();

    private SaveFileWriter(Stream stream) => _stream = stream;

    /// <summary>Saves the machine, which must be between rounds.</summary>
    /// <param name="path">The file, replaced if it exists.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="kernelSource">Where its kernel was read from; a hint for whoever restores it.</param>
    /// <param name="initrdSource">Where its initrd was read from.</param>
    /// <exception cref="IOException">The host cannot write it.</exception>
    /// <exception cref="UnauthorizedAccessException">No permission.</exception>
    public static void Save(string path, IMachine machine, string kernelSource, string initrdSource) => AtomicFile.Write(path, stream =>
    {
        Span<byte> version = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(version, SaveFileFormat.Version);
        stream.Write(SaveFileFormat.Magic);
        stream.Write(version);
        new SaveFileWriter(stream).WriteAll(machine, kernelSource, initrdSource);
    });

    private void WriteAll(IMachine machine, string kernelSource, string initrdSource)
    {
        List<int> pages = NonZeroPages(machine.Memory);
        RecordLogHeader identity = RecordLogHeader.Of(machine.Definition, BlockDataMode.Hashed, kernelSource, initrdSource);
        var header = new SaveFileHeader(identity, machine.RoundNumber, machine.TimeNs, machine.ComputeDigest(), pages.Count);
        header.Write(_payload);
        EndSection(SaveFileFormat.Head);
        machine.SaveDevices(_payload);
        EndSection(SaveFileFormat.Devices);
        foreach (int[] piece in pages.Chunk(SaveFileFormat.PagesPerSection)) WritePages(machine.Memory, piece);
        _payload.U32((uint)pages.Count);
        _payload.U64(_all.GetCurrentHashAsUInt64());
        EndSection(SaveFileFormat.Done);
    }

    private void WritePages(GuestMemory memory, int[] pages)
    {
        _payload.U32((uint)pages.Length);
        foreach (int page in pages) _payload.U32((uint)page);
        foreach (int page in pages) _payload.Raw(memory.Page(page));
        EndSection(SaveFileFormat.Pages);
    }

    private void EndSection(string tag)
    {
        ReadOnlySpan<byte> payload = _payload.Written;
        if (payload.Length > SaveFileFormat.LimitBytes(tag))
            throw new IOException($"Section {tag} would have {payload.Length} bytes; at most {SaveFileFormat.LimitBytes(tag)} are allowed.");
        Span<byte> head = stackalloc byte[SaveFileFormat.SectionHeadBytes], tail = stackalloc byte[SaveFileFormat.SectionTailBytes];
        Encoding.ASCII.GetBytes(tag, head);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], payload.Length);
        ulong hash = SaveFileFormat.Hash(head, payload);
        BinaryPrimitives.WriteUInt64LittleEndian(tail, hash);
        _stream.Write(head);
        _stream.Write(payload);
        _stream.Write(tail);
        SaveFileFormat.Chain(_all, hash);
        _payload.Clear();
    }

    private static List<int> NonZeroPages(GuestMemory memory)
    {
        var pages = new List<int>();
        for (int page = 0; page < memory.PageCount; page++)
            if (memory.IsTouched(page) && memory.Page(page).ContainsAnyExcept((byte)0)) pages.Add(page);
        return pages;
    }
}
