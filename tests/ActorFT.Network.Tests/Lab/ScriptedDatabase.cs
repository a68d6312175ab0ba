using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ActorFT.Network.Tests.Lab;

/// <summary>A database of the few commands that the ledger's client uses, which breaks its word at one transaction.</summary>
internal sealed class ScriptedDatabase : IDisposable
{
    /// <summary>What it does wrong at a transaction, and acknowledges all the same.</summary>
    internal enum Lie
    {
        None,
        Forgets,
        Repeats,
        Damages,
        Resets,
    }

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Dictionary<string, string> _values = [];
    private readonly List<string> _log = [];
    private readonly Lie _lie;
    private readonly int _at;
    private int _count, _executed;

    internal ScriptedDatabase(Lie lie, int at)
    {
        (_lie, _at) = (lie, at);
        _listener.Start();
        new Thread(Serve) { IsBackground = true }.Start();
    }

    internal string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public void Dispose() => _listener.Dispose();

    private void Serve()
    {
        using Socket socket = _listener.AcceptSocket();
        using NetworkStream stream = new(socket);
        using StreamReader reader = new(stream, Encoding.ASCII);
        List<string[]>? transaction = null;
        try
        {
            while (ReadCommand(reader) is { } command)
            {
                string answer = command[0] switch
                {
                    "MULTI" => "+OK\r\n",
                    "EXEC" => Execute(transaction!),
                    _ when transaction is not null => "+QUEUED\r\n",
                    "DEL" => ":0\r\n",
                    "GET" => Bulk(_count.ToString(CultureInfo.InvariantCulture)),
                    "MGET" => List([.. command.Skip(1).Select(key => _values.GetValueOrDefault(key))]),
                    "LRANGE" => List([.. _log.Skip(Number(command[2])).Take(Number(command[3]) - Number(command[2]) + 1)]),
                    _ => "-ERR unknown command\r\n",
                };
                if (command[0] == "MULTI") transaction = [];
                else if (command[0] == "EXEC") transaction = null;
                else transaction?.Add(command);
                if (_lie == Lie.Resets && _executed == _at)
                {
                    socket.LingerState = new LingerOption(true, 0);
                    return;
                }

                stream.Write(Encoding.ASCII.GetBytes(answer));
            }
        }
        catch (IOException)
        {
            // The client is gone: so is the session.
        }
    }

    private string Execute(List<string[]> commands)
    {
        _executed++;
        bool lies = _executed == _at;
        int times = lies && _lie == Lie.Forgets ? 0 : lies && _lie == Lie.Repeats ? 2 : 1;
        for (int i = 0; i < times; i++)
        {
            _count++;
            _log.Add(commands[1][2]);
            _values[commands[2][1]] = lies && _lie == Lie.Damages ? commands[2][2].Replace(':', ';') : commands[2][2];
        }

        return $"*3\r\n:{_count}\r\n:{_log.Count}\r\n+OK\r\n";
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Bulk(string? text) => text is null ? "$-1\r\n" : $"${text.Length}\r\n{text}\r\n";

    private static string List(string?[] values) => $"*{values.Length}\r\n{string.Concat(values.Select(Bulk))}";

    private static string[]? ReadCommand(StreamReader reader)
    {
        if (reader.ReadLine() is not { } header) return null;
        string[] words = new string[Number(header[1..])];
        for (int i = 0; i < words.Length; i++)
        {
            reader.ReadLine();
            words[i] = reader.ReadLine()!;
        }

        return words;
    }
}
