using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace ActorFT.LabTool.Ledger;

/// <summary>
/// A client of a database in a protected machine. On ONE TCP connection it commits numbered transactions, each after the one before was
/// acknowledged: a counter, a log entry and a record with a checksum, in MULTI/EXEC. It keeps its own ledger, and never connects again: when
/// the connection breaks, that is a failure and the end.
/// Standard input: "episode NAME" begins an episode and ends the one before, "end" ends the run: everything is read back and compared.
/// Standard output: "connected …", "episode NAME …" when one ends, "verdict …" last. The file --status has the state, rewritten every 100 ms.
/// </summary>
internal static class LedgerClient
{
    private const string Counter = "ledger:count", Log = "ledger:log";
    private const int ReadAtOnce = 500;

    internal static int Run(string[] args, TextReader orders, TextWriter output)
    {
        Arguments arguments = new(args, "--address", "--ledger", "--status", "--pace-ms", "--count", "--connect-seconds", "--stall-seconds");
        IPEndPoint address = IPEndPoint.TryParse(arguments.Required("--address"), out IPEndPoint? parsed)
            ? parsed
            : throw new ArgumentException($"--address {arguments.Text("--address")} is not allowed: ADDRESS:PORT");
        int paceMs = (int)arguments.Number("--pace-ms", 0, 0, 10_000);
        int count = (int)arguments.Number("--count", 0, 0, int.MaxValue);
        TimeSpan connect = TimeSpan.FromSeconds(arguments.Number("--connect-seconds", 60, 1, 3600)), stall = TimeSpan.FromSeconds(arguments.Number("--stall-seconds", 120, 1, 3600));
        Session session = new(arguments.Text("--status"), orders, output);
        using LedgerFile ledger = new(arguments.Required("--ledger"), Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8)));
        using RespConnection connection = RespConnection.Open(address, connect, stall);
        connection.Ask("DEL", Counter, Log);
        session.Say($"connected from {connection.Local} to {address}");
        session.Watch(ledger);
        try
        {
            while (session.TakeOrders() && (count == 0 || ledger.Sent < count))
            {
                Commit(connection, ledger, session);
                if (paceMs > 0) Thread.Sleep(paceMs);
            }

            session.EndEpisode();
            Verdict verdict = Compare(connection, ledger);
            session.Stop();
            session.Say(string.Create(CultureInfo.InvariantCulture, $"verdict acknowledged {verdict.Acknowledged} lost {verdict.Lost} duplicated {verdict.Duplicated} invented {verdict.Invented} resets 0 median_ms {session.Pauses.MedianMs:F1} longest_ms {session.Pauses.LongestMs:F0}"));
            return verdict.IsClean ? 0 : 1;
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            session.Stop();
            session.EndEpisode();
            session.Say($"broken {e.Message}");
            session.Say(string.Create(CultureInfo.InvariantCulture, $"verdict acknowledged {ledger.Acknowledged} lost unknown duplicated unknown invented unknown resets {(e is IOException ? 1 : 0)} median_ms {session.Pauses.MedianMs:F1} longest_ms {session.Pauses.LongestMs:F0}"));
            return 1;
        }
    }

    private static void Commit(RespConnection connection, LedgerFile ledger, Session session)
    {
        string record = ledger.Add();
        string number = ledger.Sent.ToString(CultureInfo.InvariantCulture);
        session.Sent();
        connection.Send(["MULTI"], ["INCR", Counter], ["RPUSH", Log, number], ["SET", Key(ledger.Sent), record], ["EXEC"]);
        Expect(connection.Read(), "OK");
        for (int i = 0; i < 3; i++) Expect(connection.Read(), "QUEUED");
        if (connection.Read() is not object?[] { Length: 3 } answers) throw new IOException($"transaction {number} was not executed");
        // Its counter says how many happened: one too few is a loss and one too many a repetition, seen at once.
        if (answers[0] is not long count || count != ledger.Sent) session.Say($"contradiction transaction {number} was counted as {answers[0]}");
        Expect(answers[2], "OK");
        ledger.Acknowledge();
        session.Acknowledged();
    }

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"ledger:{number}");

    private static void Expect(object? answer, string expected)
    {
        if (answer as string != expected) throw new IOException($"the database answered {answer ?? "nothing"} where {expected} was due");
    }

    private static Verdict Compare(RespConnection connection, LedgerFile ledger)
    {
        List<string?> records = [];
        for (int first = 1; first <= ledger.Sent; first += ReadAtOnce)
        {
            string[] keys = [.. Enumerable.Range(first, Math.Min(ReadAtOnce, ledger.Sent - first + 1)).Select(Key)];
            records.AddRange(Array(connection.Ask(["MGET", .. keys])).Select(value => value as string));
        }

        List<long> log = [];
        long count = long.Parse(connection.Ask("GET", Counter) as string ?? "0", CultureInfo.InvariantCulture);
        while (true)
        {
            object?[] part = Array(connection.Ask("LRANGE", Log, $"{log.Count}", $"{log.Count + ReadAtOnce - 1}"));
            if (part.Length == 0) break;
            log.AddRange(part.Select(value => long.TryParse(value as string, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : -1));
        }

        return Verdict.Of(ledger, records, log, count);
    }

    private static object?[] Array(object? answer) => answer as object?[] ?? throw new IOException("the database did not answer with a list");

    /// <summary>Orders from standard input, and the state file.</summary>
    private sealed class Session
    {
        private readonly string? _statusPath;
        private readonly TextReader _in;
        private readonly TextWriter _out;
        private readonly Queue<string> _orders = new();
        private readonly ManualResetEventSlim _stopped = new();
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private string _episode = "start";
        private double _sentAtMs = -1;
        private LedgerFile? _ledger;
        private bool _ended;
        private Thread? _status;

        internal Session(string? statusPath, TextReader orders, TextWriter output)
        {
            (_statusPath, _in, _out) = (statusPath, orders, output);
            Thread reader = new(ReadOrders) { IsBackground = true, Name = "orders" };
            reader.Start();
        }

        internal PauseMeter Pauses { get; } = new();

        internal void Watch(LedgerFile ledger)
        {
            _ledger = ledger;
            _status = new Thread(WriteStatus) { IsBackground = true, Name = "status" };
            _status.Start();
        }

        internal void Sent() => Volatile.Write(ref _sentAtMs, _clock.Elapsed.TotalMilliseconds);

        internal void Acknowledged()
        {
            lock (Pauses) Pauses.Add(_clock.Elapsed.TotalMilliseconds - _sentAtMs);
            Volatile.Write(ref _sentAtMs, -1);
        }

        /// <summary>Does what standard input said since; false when the run ends.</summary>
        internal bool TakeOrders()
        {
            while (true)
            {
                string? order;
                lock (_orders)
                {
                    if (_orders.Count == 0) return !_ended;
                    order = _orders.Dequeue();
                }

                if (order == "end") return false;
                EndEpisode();
                _episode = order["episode ".Length..];
                lock (Pauses) Pauses.Begin();
            }
        }

        internal void Say(string line)
        {
            lock (_out) _out.WriteLine(line);
            _out.Flush();
        }

        internal void EndEpisode() =>
            Say(string.Create(CultureInfo.InvariantCulture, $"episode {_episode} acknowledged {Pauses.EpisodeCount} longest_ms {Pauses.EpisodeMs:F0}"));

        internal void Stop()
        {
            _stopped.Set();
            _status?.Join();
        }

        // Without its giver of orders (the end of standard input) the client ends as told to.
        private void ReadOrders()
        {
            while (_in.ReadLine() is { } line)
            {
                if (line != "end" && !(line.StartsWith("episode ", StringComparison.Ordinal) && line.Length > 8)) Say($"unknown order {line}");
                else lock (_orders) _orders.Enqueue(line);
            }

            lock (_orders) _ended = true;
        }

        private void WriteStatus()
        {
            do
            {
                double sentAtMs = Volatile.Read(ref _sentAtMs);
                double waitingMs = sentAtMs < 0 ? 0 : Math.Max(0, _clock.Elapsed.TotalMilliseconds - sentAtMs);
                if (_statusPath is null) continue;
                double longestMs;
                lock (Pauses) longestMs = Pauses.EpisodeMs;
                File.WriteAllText(_statusPath + ".new", string.Create(CultureInfo.InvariantCulture, $"{_ledger!.Acknowledged} {waitingMs:F0} {Math.Max(longestMs, waitingMs):F0}\n"));
                File.Move(_statusPath + ".new", _statusPath, overwrite: true);
            }
            while (!_stopped.Wait(100));
        }
    }
}
