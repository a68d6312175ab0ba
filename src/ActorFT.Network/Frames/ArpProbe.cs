using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace ActorFT.Network.Frames;

/// <summary>
/// Asks by ARP whether an IPv4 address still answers through a NIC, without claiming an address (RFC 5227 §2.1.1: an ARP
/// probe has no sender address) and without the machine's MAC: any server may ask at any time, leader or not. Counts
/// unanswered questions. No clock and no I/O of its own; not thread-safe.
/// </summary>
internal sealed class ArpProbe
{
    private readonly byte[] _macAddress;
    private readonly byte[] _target;
    private readonly int _missesAllowed;
    private readonly byte[] _question;
    private int _unanswered;

    internal ArpProbe(IPAddress target, ReadOnlySpan<byte> macAddress, int missesAllowed)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual((int)target.AddressFamily, (int)AddressFamily.InterNetwork, nameof(target));
        Target = target;
        _target = target.GetAddressBytes();
        _macAddress = macAddress.ToArray();
        _missesAllowed = missesAllowed;
        _question = BuildQuestion();
    }

    internal IPAddress Target { get; }

    /// <summary>Whether more questions than allowed stayed without an answer.</summary>
    internal bool IsLost => _unanswered > _missesAllowed;

    /// <summary>The next question's frame; it counts as unanswered until its answer is seen.</summary>
    internal ReadOnlySpan<byte> Ask()
    {
        if (_unanswered <= _missesAllowed) _unanswered++;
        return _question;
    }

    /// <summary>Looks at a frame that arrived. True: it was for this probe and is of no use to the machine.</summary>
    internal bool TryTake(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EtherType.HeaderBytes || !frame[..EtherType.MacBytes].SequenceEqual(_macAddress)) return false;
        bool isAnswer = frame.Length >= EtherType.HeaderBytes + EtherType.ArpBytes
            && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == EtherType.Arp
            && BinaryPrimitives.ReadUInt16BigEndian(frame[20..]) == 2
            && frame.Slice(28, 4).SequenceEqual(_target);
        if (isAnswer) _unanswered = 0;
        return true;
    }

    private byte[] BuildQuestion()
    {
        byte[] frame = MacAnnouncement.ArpFrame(_macAddress, 0, EtherType.Arp, operation: 1, default, default);
        // The question: who has the target's address?
        _target.CopyTo(frame, 38);
        return frame;
    }
}
