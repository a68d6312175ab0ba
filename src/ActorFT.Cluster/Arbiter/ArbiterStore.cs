using ActorFT.Cluster.Configuration;
using ActorFT.Lockstep.Terms;
using Microsoft.Data.Sqlite;

namespace ActorFT.Cluster.Arbiter;

/// <summary>
/// The arbiter's durable memory: one configuration a machine, in SQLite with a write-ahead log and synchronous = FULL: a
/// commit is one fsync (a failover waits for it), and what was answered survives a power cut. Schema: terms(machine primary key, term, leader, leader_run, follower, follower_run).
/// </summary>
public sealed class ArbiterStore : IDisposable
{
    private readonly SqliteConnection _connection;

    /// <summary>Opens or makes the store in a folder.</summary>
    /// <exception cref="EnvironmentException">The host cannot, or the file is no arbiter's store.</exception>
    public ArbiterStore(string directory)
    {
        string path = Path.Combine(directory, "arbiter.db");
        try
        {
            Directory.CreateDirectory(directory);
            _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
            _connection.Open();
            Execute("PRAGMA locking_mode = EXCLUSIVE"); // first: then the log's index is in memory, not in a shared file
            Execute("PRAGMA journal_mode = WAL");
            Execute("PRAGMA synchronous = FULL");
            Execute("CREATE TABLE IF NOT EXISTS terms (machine TEXT PRIMARY KEY, term INTEGER NOT NULL, leader TEXT NOT NULL, leader_run TEXT NOT NULL, follower TEXT, follower_run TEXT)");
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            _connection?.Dispose();
            throw new EnvironmentException($"The arbiter's store {path} cannot be used: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>All configurations.</summary>
    public IReadOnlyList<KeyValuePair<string, Lockstep.Terms.Configuration>> Load()
    {
        List<KeyValuePair<string, Lockstep.Terms.Configuration>> all = [];
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = "SELECT machine, term, leader, leader_run, follower, follower_run FROM terms";
        using SqliteDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            Member leader = new(reader.GetString(2), ulong.Parse(reader.GetString(3), System.Globalization.CultureInfo.InvariantCulture));
            Member? follower = reader.IsDBNull(4) ? null : new(reader.GetString(4), ulong.Parse(reader.GetString(5), System.Globalization.CultureInfo.InvariantCulture));
            all.Add(new(reader.GetString(0), new Lockstep.Terms.Configuration((ulong)reader.GetInt64(1), leader, follower)));
        }

        return all;
    }

    /// <summary>Replaces a machine's configuration; durable when this returns.</summary>
    public void Save(string machine, Lockstep.Terms.Configuration configuration)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = "INSERT INTO terms VALUES ($m, $t, $l, $lr, $f, $fr) ON CONFLICT(machine) DO UPDATE SET term = $t, leader = $l, leader_run = $lr, follower = $f, follower_run = $fr";
        command.Parameters.AddWithValue("$m", machine);
        command.Parameters.AddWithValue("$t", (long)configuration.Term);
        command.Parameters.AddWithValue("$l", configuration.Leader.Server);
        command.Parameters.AddWithValue("$lr", Text(configuration.Leader.Incarnation));
        command.Parameters.AddWithValue("$f", (object?)configuration.Follower?.Server ?? DBNull.Value);
        command.Parameters.AddWithValue("$fr", configuration.Follower is { } follower ? Text(follower.Incarnation) : DBNull.Value);
        command.ExecuteNonQuery();
    }

    private static string Text(ulong value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private void Execute(string sql)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>Closes the store.</summary>
    public void Dispose() => _connection.Dispose();
}
