using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ActorFT.LabTool;

/// <summary>
/// Bulk over one TCP connection. "in": sends so many bytes to a service that swallows them, and waits until it closes; "out": takes so
/// many bytes from a service that sends for ever. Tells megabytes (10^6) per second, and the cores that the host was busy with meanwhile, and those of
/// the processes --pids names.
/// </summary>
internal static class Bulk
{
    private const int PieceBytes = 64 << 10, TimeoutMs = 60_000;

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--bytes", "--pids");
        if (arguments.Words is not [("in" or "out") and string way, string text] || !IPEndPoint.TryParse(text, out IPEndPoint? target))
            throw new ArgumentException("bulk needs in or out, and ADDRESS:PORT");
        long bytes = (long)arguments.Number("--bytes", 16 << 20, 1, 1L << 40), done = 0;
        byte[] piece = new byte[PieceBytes];
        string[] processes = arguments.Text("--pids")?.Split(',') ?? [];
        using Socket socket = new(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = TimeoutMs, SendTimeout = TimeoutMs };
        try
        {
            socket.Connect(target);
            CpuMeter meter = new(processes);
            long begun = Stopwatch.GetTimestamp();
            while (done < bytes)
            {
                int length = (int)Math.Min(PieceBytes, bytes - done);
                int moved = way == "in" ? socket.Send(piece, length, SocketFlags.None) : socket.Receive(piece, length, SocketFlags.None);
                if (moved == 0) throw new IOException($"the service closed the connection after {done} bytes");
                done += moved;
            }

            if (way == "in")
            {
                socket.Shutdown(SocketShutdown.Send);
                while (socket.Receive(piece) > 0) { }
            }

            double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            (double host, double named) = meter.Cores;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"mb_per_s {done / seconds / 1e6:F2} seconds {seconds:F2} host_cores {host:F2} process_cores {named:F2}"));
            return 0;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            Console.Error.WriteLine($"bulk {way} after {done} bytes: {e.Message}");
            return 1;
        }
    }
}
