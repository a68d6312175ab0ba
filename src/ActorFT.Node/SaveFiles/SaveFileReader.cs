using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using ActorFT.Machine;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Node.SaveFiles;

/// <summary>
/// Reads a save file: torn, foreign and hostile ones end in a <see cref="StateFormatException"/> of one sentence, before the
/// machine ran. Two steps, since the machine is made from what the header says: <see cref="Open"/>, then <see cref="Restore"/>.
/// </summary>
internal sealed class SaveFileReader : IDisposable
{
    private readonly Stream _stream;
    private readonly XxHash3 _all = new();
    private long _offset = SaveFileFormat.PreambleBytes;

    private SaveFileReader(Stream stream)
    {
        _stream = stream;
        Header = null!;
    }

    /// <summary>What the file says of itself.</summary>
    public SaveFileHeader Header { get; private set; }

    /// <summary>Reads and checks the header.</summary>
    /// <param name="stream">The file; disposed with the reader, or when it is none.</param>
    /// <exception cref="StateFormatException">Not a save file, of another version, or damaged.</exception>
    public static SaveFileReader Open(Stream stream)
    {
        var reader = new SaveFileReader(stream);
        try
        {
            reader.ReadPreamble();
            reader.Header = SaveFileHeader.Read(reader.ReadSection(SaveFileFormat.Head));
            return reader;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Fills a new machine of the header's definition with the file's state and checks its digest.</summary>
    /// <exception cref="StateFormatException">The file is torn or damaged: the machine must be discarded.</exception>
    public void Restore(IMachine machine)
    {
        byte[] devices = ReadSection(SaveFileFormat.Devices);
        machine.Memory.Clear(); // a new machine holds its kernel
        int next = 0;
        for (int pages = 0; pages < Header.PageCount;) pages += ReadPages(machine.Memory, Header.PageCount - pages, ref next);
        ReadDone();
        machine.RestoreDevices(devices);
        if (machine.RoundNumber != Header.RoundNumber || machine.TimeNs != Header.TimeNs)
            throw new StateFormatException($"The save file's devices are of round {machine.RoundNumber}, its header of round {Header.RoundNumber}.");
        Digest digest = machine.ComputeDigest();
        if (digest != Header.Digest)
            throw new StateFormatException($"The restored machine has digest {digest}; the save file was made at {Header.Digest}.");
    }

    public void Dispose() => _stream.Dispose();

    private void ReadPreamble()
    {
        Span<byte> preamble = stackalloc byte[SaveFileFormat.PreambleBytes];
        int count = _stream.ReadAtLeast(preamble, preamble.Length, throwOnEndOfStream: false);
        int compared = Math.Min(count, SaveFileFormat.Magic.Length);
        if (!preamble[..compared].SequenceEqual(SaveFileFormat.Magic[..compared]))
            throw new StateFormatException("The file is not an ActorFT save file: it does not begin with \"AFTSAV\".");
        if (count < preamble.Length) throw new StateFormatException($"The save file is torn: it ends at offset {count}, within its first bytes.");
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(preamble[8..]);
        if (version != SaveFileFormat.Version)
            throw new StateFormatException($"The save file has version {version}; this build reads version {SaveFileFormat.Version}.");
    }

    private byte[] ReadSection(string tag)
    {
        Span<byte> head = stackalloc byte[SaveFileFormat.SectionHeadBytes], tail = stackalloc byte[SaveFileFormat.SectionTailBytes];
        ReadExactly(head, tag);
        string found = Encoding.Latin1.GetString(head[..4]);
        if (found != tag) throw new StateFormatException($"The save file is damaged at offset {_offset}: section {tag} was expected.");
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
        int limit = SaveFileFormat.LimitBytes(tag);
        if (length > (uint)limit)
            throw new StateFormatException($"The save file is damaged at offset {_offset}: section {tag} has {length} bytes; at most {limit} are allowed.");
        if (_stream.CanSeek && length > (ulong)(_stream.Length - _stream.Position)) throw Torn(tag); // before memory is taken for it
        byte[] payload = new byte[length];
        ReadExactly(payload, tag);
        ReadExactly(tail, tag);
        ulong hash = SaveFileFormat.Hash(head, payload);
        if (hash != BinaryPrimitives.ReadUInt64LittleEndian(tail))
            throw new StateFormatException($"The save file is damaged: section {tag} at offset {_offset} does not match its checksum.");
        if (tag != SaveFileFormat.Done) SaveFileFormat.Chain(_all, hash);
        _offset += head.Length + payload.Length + tail.Length;
        return payload;
    }

    private int ReadPages(GuestMemory memory, int atMost, ref int next)
    {
        byte[] payload = ReadSection(SaveFileFormat.Pages);
        var reader = new StateReader(payload);
        int count = reader.Count(Math.Min(atMost, SaveFileFormat.PagesPerSection));
        if (count == 0) throw new StateFormatException("The save file holds a section without pages.");
        var pages = new StateReader(reader.Raw(4 * count));
        for (int i = 0; i < count; i++)
        {
            uint page = pages.U32();
            if (page < (uint)next || page >= (uint)memory.PageCount)
                throw new StateFormatException($"The save file holds page {page}; {next} to {memory.PageCount - 1} are allowed there.");
            memory.WritePage((int)page, reader.Raw(GuestMemory.PageBytes));
            next = (int)page + 1;
        }
        reader.End();
        return count;
    }

    private void ReadDone()
    {
        ulong all = _all.GetCurrentHashAsUInt64();
        var reader = new StateReader(ReadSection(SaveFileFormat.Done));
        if (reader.Count(int.MaxValue) != Header.PageCount || reader.U64() != all)
            throw new StateFormatException("The save file is damaged: its end does not match its sections.");
        reader.End();
        if (_stream.ReadByte() >= 0) throw new StateFormatException($"The save file goes on after its end at offset {_offset}.");
    }

    private void ReadExactly(Span<byte> buffer, string tag)
    {
        if (_stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length) throw Torn(tag);
    }

    private StateFormatException Torn(string tag) => new($"The save file is torn: it ends within section {tag}, which begins at offset {_offset}.");
}
