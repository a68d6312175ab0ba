using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace ActorFT.LabTool;

/// <summary>
/// Writes a line for every frame that enters the switch through one of the named ports, in the kernel's order:
/// time (ns since 1970), port, source, destination, type (hexadecimal), length; tabs between. One socket for all ports,
/// so that the order of lines is the order of arrival. A line "# dropped N" tells that the kernel lost frames.
/// </summary>
internal static class Sniffer
{
    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--output", "--ready", "--mac");
        if (arguments.Words.Count == 0) throw new ArgumentException("sniff needs at least one port");
        byte[]? onlySource = arguments.Text("--mac") is { } mac ? ParseMac(mac) : null;
        Dictionary<int, string> ports = arguments.Words.ToDictionary(PacketSocket.IndexOf);
        using PacketSocket socket = PacketSocket.Open(0, withVirtioHeader: false);
        using FileStream file = new(arguments.Required("--output"), FileMode.Create, FileAccess.Write, FileShare.Read, 1 << 16);
        // The first question turns the kernel's time stamps on.
        socket.LastTimestampNs();
        File.WriteAllText(arguments.Required("--ready"), "ready\n");
        bool isStopping = false;
        using PosixSignalRegistration signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            Volatile.Write(ref isStopping, true);
        });
        byte[] frame = new byte[PacketSocket.MaxFrameBytes];
        StringBuilder line = new();
        while (!Volatile.Read(ref isStopping))
        {
            if (!socket.Wait(50))
            {
                WriteDrops(socket, file);
                file.Flush();
                continue;
            }

            int length = socket.Receive(frame, out int index, out byte type);
            if (length < 14 || type == PacketSocket.Outgoing || !ports.TryGetValue(index, out string? port)) continue;
            if (onlySource is not null && !frame.AsSpan(6, 6).SequenceEqual(onlySource)) continue;
            line.Clear();
            line.Append(CultureInfo.InvariantCulture, $"{socket.LastTimestampNs()}\t{port}\t{Mac(frame.AsSpan(6, 6))}\t{Mac(frame.AsSpan(0, 6))}\t");
            line.Append(CultureInfo.InvariantCulture, $"{(frame[12] << 8) | frame[13]:x4}\t{length}\n");
            file.Write(Encoding.ASCII.GetBytes(line.ToString()));
        }

        WriteDrops(socket, file);
        return 0;
    }

    internal static byte[] ParseMac(string text)
    {
        string[] parts = text.Split(':');
        try
        {
            byte[] mac = [.. parts.Select(part => byte.Parse(part, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            if (mac.Length == 6) return mac;
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            // Said below.
        }

        throw new ArgumentException($"--mac {text} is not a MAC address: six hexadecimal bytes with ':' between");
    }

    internal static string Mac(ReadOnlySpan<byte> bytes) => $"{bytes[0]:x2}:{bytes[1]:x2}:{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}";

    private static void WriteDrops(PacketSocket socket, FileStream file)
    {
        uint dropped = socket.TakeDropCount();
        if (dropped > 0) file.Write(Encoding.ASCII.GetBytes($"# dropped {dropped}\n"));
    }
}
