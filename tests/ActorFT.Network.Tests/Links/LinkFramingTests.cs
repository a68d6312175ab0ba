using System.Buffers;
using ActorFT.Network.Links;

namespace ActorFT.Network.Tests.Links;

public sealed class LinkFramingTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, 5)]
    [InlineData(17, 1000)]
    public void Frame_Written_ReadsBackWhateverTheSegments(int headBytes, int bodyBytes)
    {
        byte[] frame = Frame(headBytes, bodyBytes, number: 3);
        for (int segmentBytes = 1; segmentBytes <= frame.Length; segmentBytes++)
        {
            ReadOnlySequence<byte> sequence = Segments(frame, segmentBytes);
            Assert.True(LinkFraming.TryReadHeader(sequence, 4096, out LinkFrameHeader header));
            Assert.Equal(new LinkFrameHeader(LinkFrameKind.Message, 0x1234, headBytes + bodyBytes), header);
        }

        LinkFraming.Check(frame, 3);
        Assert.Equal(Payload(headBytes).Concat(Payload(bodyBytes)), frame[LinkFraming.HeaderBytes..]);
    }

    [Fact]
    public void Header_TruncatedAtEveryOffset_WaitsForMore()
    {
        byte[] frame = Frame(4, 4, number: 0);
        for (int length = 0; length < LinkFraming.HeaderBytes; length++)
        {
            Assert.False(LinkFraming.TryReadHeader(new ReadOnlySequence<byte>(frame, 0, length), 4096, out _));
        }
    }

    [Fact]
    public void Frame_AnySingleBitFlipped_IsFound()
    {
        byte[] frame = Frame(3, 20, number: 7);
        for (int bit = 0; bit < frame.Length * 8; bit++)
        {
            byte[] damaged = [.. frame];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Equal(LinkDownCause.Corrupted, Assert.Throws<LinkProtocolException>(() => ReadWhole(damaged, 7)).Cause);
        }

        ReadWhole(frame, 7);
    }

    [Fact]
    public void Frame_OutOfItsTurn_IsFound() =>
        Assert.Contains("wrong checksum", Assert.Throws<LinkProtocolException>(() => LinkFraming.Check(Frame(0, 9, number: 1), 2)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(4097)]
    [InlineData(int.MaxValue)]
    [InlineData(-1)]
    public void Header_LengthAboveLimit_IsRefusedBeforeAnyRoomIsMade(int length)
    {
        byte[] frame = Frame(0, 0, number: 0);
        BitConverter.TryWriteBytes(frame.AsSpan(8), length);
        string message = Assert.Throws<LinkProtocolException>(() => LinkFraming.TryReadHeader(new ReadOnlySequence<byte>(frame), 4096, out _)).Message;
        Assert.Contains($"{(uint)length} bytes where at most 4096", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Header_RandomBytes_NeverThrowAnythingElse()
    {
        Random random = new(1);
        byte[] bytes = new byte[LinkFraming.HeaderBytes];
        int accepted = 0, refused = 0;
        for (int i = 0; i < 300_000; i++)
        {
            random.NextBytes(bytes);
            // Mostly plausible, so that every check is reached.
            if (i % 2 == 0) bytes[12] = (byte)random.Next(0, 5);
            if (i % 4 == 0) bytes[13] = 0;
            if (i % 8 == 0) BitConverter.TryWriteBytes(bytes.AsSpan(8), random.Next(0, 8192));
            try
            {
                if (LinkFraming.TryReadHeader(new ReadOnlySequence<byte>(bytes), 4096, out LinkFrameHeader header))
                {
                    accepted++;
                    Assert.InRange(header.PayloadBytes, 0, 4096);
                }
            }
            catch (LinkProtocolException)
            {
                refused++;
            }
        }

        Assert.True(accepted > 1000 && refused > 1000, $"{accepted} accepted, {refused} refused");
    }

    private static void ReadWhole(byte[] frame, long number)
    {
        if (!LinkFraming.TryReadHeader(new ReadOnlySequence<byte>(frame), 4096, out LinkFrameHeader header)) Assert.Fail("no header");
        int length = LinkFraming.HeaderBytes + header.PayloadBytes;
        // A length that says more or less than was sent leaves other bytes under the checksum.
        LinkFraming.Check(length <= frame.Length ? frame.AsSpan(0, length) : [.. frame, .. new byte[length - frame.Length]], number);
    }

    private static byte[] Frame(int headBytes, int bodyBytes, long number)
    {
        byte[] frame = new byte[LinkFraming.HeaderBytes + headBytes + bodyBytes];
        LinkFraming.Write(frame, LinkFrameKind.Message, 0x1234, Payload(headBytes), Payload(bodyBytes), number);
        return frame;
    }

    private static byte[] Payload(int length) => [.. Enumerable.Range(1, length).Select(i => (byte)i)];

    private static ReadOnlySequence<byte> Segments(byte[] bytes, int segmentBytes)
    {
        Segment first = new(bytes.AsMemory(0, Math.Min(segmentBytes, bytes.Length)), 0), last = first;
        for (int at = segmentBytes; at < bytes.Length; at += segmentBytes)
        {
            last = last.Append(bytes.AsMemory(at, Math.Min(segmentBytes, bytes.Length - at)));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        internal Segment(ReadOnlyMemory<byte> memory, long runningIndex)
        {
            Memory = memory;
            RunningIndex = runningIndex;
        }

        internal Segment Append(ReadOnlyMemory<byte> memory)
        {
            Segment next = new(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
