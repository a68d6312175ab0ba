using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>Unsigned LEB128 integers for <see cref="StateWriter"/> and <see cref="StateReader"/>: seven bits a byte, low bits first.</summary>
internal static class Varints
{
    public static void Varint(this StateWriter writer, ulong value)
    {
        while (value >= 0x80)
        {
            writer.U8((byte)(value | 0x80));
            value >>= 7;
        }
        writer.U8((byte)value);
    }

    public static ulong Varint(this ref StateReader reader, ulong limit, string what)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = reader.U8();
            if (shift == 63 && part > 1) throw new StateFormatException($"The {what} does not fit 64 bits.");
            value |= (ulong)(part & 0x7F) << shift;
            if ((part & 0x80) == 0) break;
        }
        return value <= limit ? value : throw new StateFormatException($"The {what} is {value}; at most {limit} is allowed.");
    }

    public static int VarintInt(this ref StateReader reader, int limit, string what) => (int)reader.Varint((ulong)limit, what);

    public static void VarintBytes(this StateWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.Varint((ulong)bytes.Length);
        writer.Raw(bytes);
    }

    // The length is checked against what is left before anything is allocated.
    public static byte[] VarintBytes(this ref StateReader reader, int limitBytes, string what) =>
        reader.Raw(reader.VarintInt(limitBytes, what + " length")).ToArray();

    public static string VarintText(this ref StateReader reader, int limitBytes, string what)
    {
        try { return Utf8.GetString(reader.Raw(reader.VarintInt(limitBytes, what + " length"))); }
        catch (System.Text.DecoderFallbackException) { throw new StateFormatException($"The {what} is not UTF-8 text."); }
    }

    public static void VarintText(this StateWriter writer, string text) => writer.VarintBytes(Utf8.GetBytes(text));

    public static void WriteDigest(this StateWriter writer, Digest digest)
    {
        writer.U64(digest.High);
        writer.U64(digest.Low);
    }

    public static Digest ReadDigest(this ref StateReader reader)
    {
        ulong high = reader.U64();
        return new Digest(high, reader.U64());
    }

    private static readonly System.Text.UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
}
