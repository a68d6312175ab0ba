using System.Globalization;
using ActorFT.Cluster.Configuration;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// Keeps, durably, the term that this server's disks are marked with: one small file a machine, replaced whole (write, fsync,
/// rename, fsync of the folder). A write that fails ends the actor, and with it the replica: a mark that may be lost is no mark.
/// </summary>
public sealed class TermKeeperActor : UntypedActor
{
    /// <summary>Its name under the machine's actor.</summary>
    public const string Name = "terms";

    private readonly string _path;
    private ulong _term;
    private bool _isStale;

    /// <summary>Creates it for a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="term">The term found in it.</param>
    public TermKeeperActor(string path, ulong term) => (_path, _term) = (path, term);

    /// <summary>How to create one.</summary>
    public static Props Props(string path, ulong term) => Akka.Actor.Props.Create(() => new TermKeeperActor(path, term)).WithDispatcher("actorft.disk-dispatcher");

    /// <summary>The file of a machine in a data folder.</summary>
    public static string PathOf(string dataDirectory, string machine) => Path.Combine(dataDirectory, $"{machine}.term");

    /// <summary>The term that is marked; 0 when there is no file.</summary>
    /// <exception cref="EnvironmentException">The file cannot be read, or holds no term.</exception>
    public static ulong Read(string path)
    {
        try
        {
            if (!File.Exists(path)) return 0;
            string text = File.ReadAllText(path).Trim();
            return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong term)
                ? term : throw new EnvironmentException($"{path} holds \"{text[..Math.Min(text.Length, 40)]}\" where a term belongs; remove the file to have this server rebuilt from the other one.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EnvironmentException($"{path} cannot be read: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case MachineProtocol.WriteTerm write:
                _term = write.Term;
                Write(_isStale ? 0 : _term);
                Sender.Tell(new MachineProtocol.TermWritten(write.Term));
                break;
            case MachineProtocol.WriteStale stale:
                _isStale = stale.IsStale;
                Write(_isStale ? 0 : _term);
                Sender.Tell(new MachineProtocol.StaleWritten(stale.Number));
                break;
            case MachineProtocol.TermBarrier: Sender.Tell(message); break;
            default: Unhandled(message); break;
        }
    }

    private void Write(ulong term)
    {
        string temporary = _path + ".new";
        using (FileStream file = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(term.ToString(CultureInfo.InvariantCulture) + "\n"));
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, _path, overwrite: true);
        DirectorySync.Flush(Path.GetDirectoryName(_path)!);
    }
}
