using System.Buffers.Binary;
using System.IO.Hashing;
using ActorFT.Machine.IO;

namespace ActorFT.Lockstep.Records;

/// <summary>
/// Hashes a record's outputs in their order, so that two replicas can compare what they put out without a digest.
/// DETERMINISM: kind, device, every field and the data, in fixed widths, little-endian.
/// </summary>
public sealed class OutputHasher
{
    private readonly XxHash3 _hash = new();

    /// <summary>Outputs added since the last <see cref="Reset"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Their hash; 0 when there are none.</summary>
    public ulong Hash => Count == 0 ? 0 : _hash.GetCurrentHashAsUInt64();

    /// <summary>Adds the next output.</summary>
    public void Add(MachineOutput output)
    {
        Count++;
        switch (output)
        {
            case FrameTransmitted frame: Append(1, (ulong)frame.NicIndex, 0, 0, frame.Frame.Span); break;
            case ConsoleWritten written: Append(2, (ulong)written.ConsoleIndex, 0, 0, written.Bytes.Span); break;
            case BlockRequested block:
                Append((byte)(16 + (byte)block.Operation), (ulong)block.DiskIndex, block.RequestId, block.OffsetBytes, block.Data.Span, block.LengthBytes);
                break;
            case EntropyRequested entropy: Append(3, entropy.RequestId, (ulong)entropy.LengthBytes, 0, []); break;
            case PowerChanged power: Append(4, (ulong)power.Event, 0, 0, []); break;
            default: throw new InvariantViolatedException($"Output {output.GetType().Name} has no hash.");
        }
    }

    /// <summary>Begins anew, for the next record.</summary>
    public void Reset()
    {
        _hash.Reset();
        Count = 0;
    }

    private void Append(byte kind, ulong first, ulong second, ulong third, ReadOnlySpan<byte> data, ulong fourth = 0)
    {
        Span<byte> head = stackalloc byte[37];
        head[0] = kind;
        BinaryPrimitives.WriteUInt64LittleEndian(head[1..], first);
        BinaryPrimitives.WriteUInt64LittleEndian(head[9..], second);
        BinaryPrimitives.WriteUInt64LittleEndian(head[17..], third);
        BinaryPrimitives.WriteUInt64LittleEndian(head[25..], fourth);
        BinaryPrimitives.WriteInt32LittleEndian(head[33..], data.Length);
        _hash.Append(head);
        _hash.Append(data);
    }
}
