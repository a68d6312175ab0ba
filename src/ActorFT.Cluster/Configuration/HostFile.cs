using System.Text;

namespace ActorFT.Cluster.Configuration;

/// <summary>
/// Opens the operator's files, and tells the operator's mistake (no such file, a folder) from the environment's fault
/// (no permission, an I/O error), in one sentence.
/// </summary>
public static class HostFile
{
    /// <summary>Reads a whole file.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="what">What it is to the operator: "the kernel".</param>
    /// <param name="limitBytes">More is the operator's mistake: the file is not what it should be.</param>
    public static byte[] ReadBytes(string path, string what, long limitBytes) => Guard(path, what, "read", () =>
    {
        using FileStream stream = OpenToRead(path);
        if (stream.Length > limitBytes)
            throw new OperatorException($"{Capital(what)} {path} has {stream.Length} bytes; at most {limitBytes} are allowed.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    });

    /// <summary>Reads a whole file of UTF-8 text, at most 1 MiB.</summary>
    public static string ReadText(string path, string what) => Encoding.UTF8.GetString(ReadBytes(path, what, 1 << 20));

    /// <summary>Runs <paramref name="action"/> and turns what the host says into one of the two kinds of error.</summary>
    /// <param name="path">The file it is about.</param>
    /// <param name="what">What the file is to the operator.</param>
    /// <param name="verb">What is done with it: "read", "opened", "written".</param>
    /// <param name="action">Does it.</param>
    public static T Guard<T>(string path, string what, string verb, Func<T> action)
    {
        try
        {
            if (path.Length == 0) throw new OperatorException($"The path of {what} is empty; it must name a file.");
            return action();
        }
        catch (FileNotFoundException e) { throw new OperatorException($"{Capital(what)} {path} does not exist.", e); }
        catch (DirectoryNotFoundException e) { throw new OperatorException($"{Capital(what)} {path} is in a folder that does not exist.", e); }
        catch (UnauthorizedAccessException e) when (Directory.Exists(path))
        {
            throw new OperatorException($"{Capital(what)} {path} is a folder; it must be a file.", e);
        }
        catch (UnauthorizedAccessException e) { throw new EnvironmentException($"{Capital(what)} {path} cannot be {verb}: no permission.", e); }
        catch (ArgumentException e) { throw new OperatorException($"The path of {what} is not a path: {OneLine(e.Message)}", e); }
        catch (IOException e) { throw new EnvironmentException($"{Capital(what)} {path} cannot be {verb}: {OneLine(e.Message)}", e); }
    }

    /// <summary>A host's message as one line with a full stop.</summary>
    public static string OneLine(string message)
    {
        string line = message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
        return line.EndsWith('?') ? line : line + ".";
    }

    private static FileStream OpenToRead(string path)
    {
        if (Directory.Exists(path)) throw new UnauthorizedAccessException(path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    private static string Capital(string what) => char.ToUpperInvariant(what[0]) + what[1..];
}
