using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ActorFT.LabTool.Ledger;

/// <summary>
/// One TCP connection to a database that speaks RESP 2 (Redis serialization protocol). It is opened once and never again: an end or a reset
/// is an <see cref="IOException"/>, for whoever uses it to count.
/// </summary>
internal sealed class RespConnection : IDisposable
{
    private const int MaxBulkBytes = 16 << 20, MaxElements = 1 << 20;

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start, _end;

    private RespConnection(Socket socket) => _socket = socket;

    /// <summary>This end's address: the same for as long as the connection is.</summary>
    internal EndPoint Local => _socket.LocalEndPoint!;

    /// <summary>Opens a connection, trying until the database is there.</summary>
    /// <param name="address">The database.</param>
    /// <param name="limit">How long it may take to be there.</param>
    /// <param name="stall">How long it may take to answer: <see cref="TimeoutException"/> after that.</param>
    /// <exception cref="IOException">It was not there in time.</exception>
    internal static RespConnection Open(IPEndPoint address, TimeSpan limit, TimeSpan stall)
    {
        long until = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        while (true)
        {
            Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = (int)stall.TotalMilliseconds };
            try
            {
                using CancellationTokenSource oneTry = new(TimeSpan.FromSeconds(3));
                socket.ConnectAsync(address, oneTry.Token).AsTask().GetAwaiter().GetResult();
                return new RespConnection(socket);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                socket.Dispose();
                if (Environment.TickCount64 > until) throw new IOException($"{address} did not accept a connection within {limit.TotalSeconds:F0} s: {e.Message}", e);
                Thread.Sleep(100);
            }
        }
    }

    /// <summary>Sends commands in one go.</summary>
    internal void Send(params string[][] commands)
    {
        StringBuilder text = new();
        foreach (string[] command in commands)
        {
            text.Append(CultureInfo.InvariantCulture, $"*{command.Length}\r\n");
            foreach (string word in command) text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        }

        byte[] bytes = Encoding.UTF8.GetBytes(text.ToString());
        try
        {
            for (int sent = 0; sent < bytes.Length;) sent += _socket.Send(bytes.AsSpan(sent));
        }
        catch (SocketException e)
        {
            throw new IOException($"the connection broke: {e.Message}", e);
        }
    }

    /// <summary>Reads one answer: a string, a number (<see cref="long"/>), null, or an array of answers.</summary>
    /// <exception cref="IOException">The connection ended, or the database answered with an error, or with what is no RESP.</exception>
    internal object? Read()
    {
        string line = ReadLine();
        string rest = line.Length == 0 ? "" : line[1..];
        switch (line.Length == 0 ? ' ' : line[0])
        {
            case '+': return rest;
            case ':': return Number(rest, long.MinValue, long.MaxValue);
            case '-': throw new IOException($"the database answered: {rest}");
            case '$':
                int length = (int)Number(rest, -1, MaxBulkBytes);
                if (length < 0) return null;
                string text = Encoding.UTF8.GetString(ReadBytes(length));
                if (ReadLine().Length != 0) throw new IOException("a string of another length than it said");
                return text;
            case '*':
                int count = (int)Number(rest, -1, MaxElements);
                if (count < 0) return null;
                object?[] elements = new object?[count];
                for (int i = 0; i < count; i++) elements[i] = Read();
                return elements;
            default: throw new IOException($"\"{line}\" is no answer of a database");
        }
    }

    /// <summary>Sends a command and reads its answer.</summary>
    internal object? Ask(params string[] command)
    {
        Send(command);
        return Read();
    }

    public void Dispose() => _socket.Dispose();

    private static long Number(string text, long min, long max) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max
            ? value
            : throw new IOException($"\"{text}\" is no number from {min} to {max}");

    private string ReadLine()
    {
        StringBuilder line = new();
        while (true)
        {
            byte next = ReadByte();
            if (next == '\n') return line.Length > 0 && line[^1] == '\r' ? line.ToString(0, line.Length - 1) : throw new IOException("a line without its end");
            if (line.Length >= 4096) throw new IOException("a line that does not end");
            line.Append((char)next);
        }
    }

    private byte[] ReadBytes(int length)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = ReadByte();
        return bytes;
    }

    private byte ReadByte()
    {
        if (_start == _end)
        {
            (_start, _end) = (0, Receive());
            if (_end == 0) throw new IOException("the connection ended");
        }

        return _buffer[_start++];
    }

    private int Receive()
    {
        try
        {
            return _socket.Receive(_buffer);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.TimedOut)
        {
            throw new TimeoutException($"no answer for {_socket.ReceiveTimeout / 1000} s", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"the connection broke: {e.Message}", e);
        }
    }
}
