using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ActorFT.LabTool;

/// <summary>ICMP echo requests, one at a time (RFC 792), and how long each answer took. Needs root. Exit code 1 when more than a tenth is lost.</summary>
internal static class Ping
{
    private const int HeaderBytes = 8, PayloadBytes = 56, TimeoutMs = 2000;

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--count", "--interval-ms");
        if (arguments.Words.Count != 1 || !IPAddress.TryParse(arguments.Words[0], out IPAddress? target)) throw new ArgumentException("ping needs an IPv4 address");
        int count = (int)arguments.Number("--count", 100, 1, 60_000), intervalMs = (int)arguments.Number("--interval-ms", 10, 0, 10_000);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp) { ReceiveTimeout = TimeoutMs };
        socket.Connect(target, 0);
        ushort id = (ushort)Environment.ProcessId;
        Latencies latencies = new();
        for (ushort number = 1; number <= count; number++)
        {
            long asked = Stopwatch.GetTimestamp();
            socket.Send(Request(id, number));
            if (WaitForReply(socket, id, number)) latencies.Add(Stopwatch.GetElapsedTime(asked));
            if (intervalMs > 0) Thread.Sleep(intervalMs);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{latencies.Tell()} lost {count - latencies.Count}"));
        return (count - latencies.Count) * 10 > count ? 1 : 0;
    }

    private static byte[] Request(ushort id, ushort number)
    {
        byte[] message = new byte[HeaderBytes + PayloadBytes];
        message[0] = 8;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), number);
        uint sum = 0;
        for (int i = 0; i < message.Length; i += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(i));
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~sum);
        return message;
    }

    // A raw socket hears every ICMP message of the target, with its IPv4 header.
    private static bool WaitForReply(Socket socket, ushort id, ushort number)
    {
        byte[] packet = new byte[2048];
        long begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun).TotalMilliseconds < TimeoutMs)
        {
            int length;
            try
            {
                length = socket.Receive(packet);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.TimedOut)
            {
                return false;
            }

            int header = (packet[0] & 15) * 4;
            if (length < header + HeaderBytes || packet[header] != 0) continue;
            if (BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(header + 4)) == id && BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(header + 6)) == number) return true;
        }

        return false;
    }
}
