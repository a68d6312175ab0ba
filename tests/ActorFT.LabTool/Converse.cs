using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace ActorFT.LabTool;

/// <summary>
/// A client that keeps one TCP connection to an echo service and talks on it without end: a numbered request, its response, the next
/// request. A line per response goes to the output: when it came (ns since 1970), how long it took (ns). A response that is not the
/// request (lost, repeated, mixed up), a reset, or a silence longer than the patience ends it with exit code 1 and a sentence.
/// Ends at SIGTERM, or after a count or a time.
/// </summary>
internal static class Converse
{
    /// <summary>Latencies kept for the last line, at most.</summary>
    private const int MaxLatencies = 1 << 20;

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--output", "--size", "--interval-ms", "--count", "--seconds", "--patience-s");
        if (arguments.Words.Count != 1 || !IPEndPoint.TryParse(arguments.Words[0], out IPEndPoint? target)) throw new ArgumentException("converse needs ADDRESS:PORT");
        int sizeBytes = (int)arguments.Number("--size", 64, 32, 65_536);
        int intervalMs = (int)arguments.Number("--interval-ms", 0, 0, 60_000);
        long count = (long)arguments.Number("--count", long.MaxValue, 1, long.MaxValue);
        double seconds = arguments.Number("--seconds", double.MaxValue, 0.1, double.MaxValue);
        int patienceMs = (int)(arguments.Number("--patience-s", 60, 1, 3600) * 1000);
        bool isStopping = false;
        using PosixSignalRegistration signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            Volatile.Write(ref isStopping, true);
        });
        using StreamWriter output = new(arguments.Required("--output"), false, Encoding.ASCII) { AutoFlush = true };
        long done = 0;
        Latencies latencies = new();
        try
        {
            using Socket socket = Connect(target, patienceMs);
            byte[] request = new byte[sizeBytes], response = new byte[sizeBytes];
            long begun = Stopwatch.GetTimestamp();
            while (done < count && !Volatile.Read(ref isStopping) && Stopwatch.GetElapsedTime(begun).TotalSeconds < seconds)
            {
                Write(request, done + 1);
                long asked = Stopwatch.GetTimestamp();
                socket.Send(request);
                Receive(socket, response);
                long tookNs = (long)(Stopwatch.GetElapsedTime(asked).TotalMilliseconds * 1e6);
                if (!response.AsSpan().SequenceEqual(request))
                    throw new IOException($"the response to \"{Text(request)}\" is \"{Text(response)}\"");
                done++;
                if (latencies.Count < MaxLatencies) latencies.Add(TimeSpan.FromMicroseconds(tookNs / 1e3));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100}\t{tookNs}"));
                if (intervalMs > 0) Thread.Sleep(intervalMs);
            }

            if (socket.Available != 0) throw new IOException($"{socket.Available} bytes came that nobody asked for");
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            Console.Error.WriteLine($"after {done} responses: {e.Message}");
            return 1;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done} responses: {latencies.Tell()}"));
        return 0;
    }

    // The service may not listen yet.
    private static Socket Connect(IPEndPoint target, int patienceMs)
    {
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            Socket socket = new(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = patienceMs, SendTimeout = patienceMs };
            try
            {
                socket.Connect(target);
                return socket;
            }
            catch (SocketException) when (Stopwatch.GetElapsedTime(begun).TotalMilliseconds < patienceMs)
            {
                socket.Dispose();
                Thread.Sleep(100);
            }
        }
    }

    private static void Receive(Socket socket, byte[] response)
    {
        for (int received = 0; received < response.Length;)
        {
            int length = socket.Receive(response, received, response.Length - received, SocketFlags.None);
            if (length == 0) throw new IOException("the service closed the connection");
            received += length;
        }
    }

    private static void Write(byte[] request, long number)
    {
        request.AsSpan().Fill((byte)'.');
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"request {number} "), request);
        request[^1] = (byte)'\n';
    }

    private static string Text(byte[] bytes) => Encoding.ASCII.GetString(bytes, 0, Math.Min(bytes.Length, 40)).TrimEnd('.', '\n');
}
