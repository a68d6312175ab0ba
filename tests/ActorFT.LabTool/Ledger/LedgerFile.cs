using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace ActorFT.LabTool.Ledger;

/// <summary>
/// What the client itself knows, on its own disk: a line before a transaction is sent ("sent N RECORD") and one when the database has
/// acknowledged it ("acknowledged N"). The database is compared with this, never with itself.
/// </summary>
internal sealed class LedgerFile : IDisposable
{
    private readonly StreamWriter _file;
    private readonly List<string> _records = [];
    private readonly string _run;

    internal LedgerFile(string path, string run)
    {
        _file = new StreamWriter(path, append: false) { AutoFlush = true };
        _run = run;
    }

    /// <summary>Transactions sent: numbered from 1 without a gap.</summary>
    internal int Sent => _records.Count;

    /// <summary>Transactions acknowledged: 1 to this number, since each is sent after the one before was acknowledged.</summary>
    internal int Acknowledged { get; private set; }

    /// <summary>The record of a transaction that was sent.</summary>
    internal string this[int number] => _records[number - 1];

    /// <summary>Makes the next transaction's record: its number, the run, and a checksum of both.</summary>
    internal string Add()
    {
        string body = string.Create(CultureInfo.InvariantCulture, $"{Sent + 1}:{_run}");
        string record = string.Create(CultureInfo.InvariantCulture, $"{body}:{XxHash64.HashToUInt64(Encoding.ASCII.GetBytes(body)):x16}");
        _records.Add(record);
        _file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sent {Sent} {record}"));
        return record;
    }

    /// <summary>The transaction sent last is acknowledged.</summary>
    internal void Acknowledge()
    {
        Acknowledged = Sent;
        _file.WriteLine(string.Create(CultureInfo.InvariantCulture, $"acknowledged {Sent}"));
    }

    public void Dispose() => _file.Dispose();
}
