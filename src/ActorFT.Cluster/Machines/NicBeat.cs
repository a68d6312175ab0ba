using System.Buffers.Binary;

namespace ActorFT.Cluster.Machines;

/// <summary>A replica's role as far as its NICs are concerned.</summary>
public enum NicRole : byte
{
    /// <summary>No replica, or a fenced one.</summary>
    None = 0,
    /// <summary>In lockstep behind the leader.</summary>
    Following = 1,
    /// <summary>The machine's frames are this server's to pass.</summary>
    Leading = 2,
}

/// <summary>
/// What the two servers' NICs tell each other, often and after each change. A leader that has the other server pass the
/// machine's frames says so in <paramref name="UsesPeer"/>; that is a permission for a bounded time, counted from
/// <paramref name="EchoNs"/> on the receiver's own clock: a server that was frozen or cut off loses it by itself.
/// </summary>
/// <param name="Term">The sender's term.</param>
/// <param name="Role">The sender's role.</param>
/// <param name="IsGood">Whether the sender's own NIC passes frames.</param>
/// <param name="IsProxying">Whether the sender passes frames for the leader now.</param>
/// <param name="UsesPeer">From a leader: pass my frames.</param>
/// <param name="StampNs">The sender's clock.</param>
/// <param name="EchoNs">The latest <paramref name="StampNs"/> that the sender has heard; 0 for none.</param>
public readonly record struct NicBeat(ulong Term, NicRole Role, bool IsGood, bool IsProxying, bool UsesPeer, ulong StampNs, ulong EchoNs);

/// <summary>
/// The NIC channel's messages, on the FT link's control class: little-endian.
/// <code>
///   0 kind   1 NIC's index   2 term (8)   10 ...
///   beat:    10 role   11 flags (1 good, 2 proxying, 4 uses peer)   12 stamp (8)   20 echo (8)
///   out, in: 10 an Ethernet frame: to leave through, or that came in by, the follower's NIC
/// </code>
/// </summary>
internal static class NicWire
{
    internal const int HeaderBytes = 10, BeatBytes = 28;

    internal enum Kind : byte
    {
        Beat = 1,
        FrameOut = 2,
        FrameIn = 3,
    }

    internal static void WriteHeader(Span<byte> message, Kind kind, int nicIndex, ulong term)
    {
        message[0] = (byte)kind;
        message[1] = (byte)nicIndex;
        BinaryPrimitives.WriteUInt64LittleEndian(message[2..], term);
    }

    internal static void WriteBeat(Span<byte> message, int nicIndex, in NicBeat beat)
    {
        WriteHeader(message, Kind.Beat, nicIndex, beat.Term);
        message[10] = (byte)beat.Role;
        message[11] = (byte)((beat.IsGood ? 1 : 0) | (beat.IsProxying ? 2 : 0) | (beat.UsesPeer ? 4 : 0));
        BinaryPrimitives.WriteUInt64LittleEndian(message[12..], beat.StampNs);
        BinaryPrimitives.WriteUInt64LittleEndian(message[20..], beat.EchoNs);
    }

    /// <summary>Reads the head that every message has; false for what is none of ours.</summary>
    internal static bool TryReadHeader(ReadOnlySpan<byte> message, out Kind kind, out int nicIndex, out ulong term)
    {
        (kind, nicIndex, term) = (default, 0, 0);
        if (message.Length < HeaderBytes || message[0] is < (byte)Kind.Beat or > (byte)Kind.FrameIn) return false;
        (kind, nicIndex, term) = ((Kind)message[0], message[1], BinaryPrimitives.ReadUInt64LittleEndian(message[2..]));
        return true;
    }

    internal static bool TryReadBeat(ReadOnlySpan<byte> message, ulong term, out NicBeat beat)
    {
        beat = default;
        if (message.Length != BeatBytes || message[10] > (byte)NicRole.Leading || message[11] > 7) return false;
        int flags = message[11];
        beat = new NicBeat(term, (NicRole)message[10], (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0,
            BinaryPrimitives.ReadUInt64LittleEndian(message[12..]), BinaryPrimitives.ReadUInt64LittleEndian(message[20..]));
        return true;
    }
}
