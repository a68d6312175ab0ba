using System.Text;
using System.Text.RegularExpressions;

namespace ActorFT.Cluster.Tests.Configuration;

/// <summary>
/// Makes docs/configuration.md: keys, defaults and meanings from reference.conf (a comment is about the key under it), and the files of config/ as
/// they are. Reads HOCON as this repository writes it: a key a line, or an object in one line.
/// </summary>
internal static partial class ConfigurationDoc
{
    public static string Make(string root)
    {
        StringBuilder text = new();
        text.Append("""
            # Configuration: every key

            Made from `src/ActorFT.Cluster/reference.conf` and `config/`; a test keeps them equal (`ConfigurationDocTests`; to write it anew: `ACTORFT_WRITE_DOCS=1 scripts/test unit
            --filter FullyQualifiedName~ConfigurationDoc`). A node reads one HOCON file (`actorft node --config FILE`). What is not known, of the wrong type, unit or range is refused with a
            sentence that names the key, the value and what is allowed; nothing is half-started. `actorft config check FILE` says so without starting, `actorft config show FILE` shows what is in effect.
            Times have a unit (`us`, `ms`, `s`, `m`, `h`), sizes too (`KiB`, `MiB`, `GiB`). Paths are relative to the file.

            ## Settings with their defaults


            """);
        string[] reference = File.ReadAllLines(Path.Combine(root, "src", "ActorFT.Cluster", "reference.conf"));
        int akka = Array.IndexOf(reference, "akka {");
        Append(text, reference[..akka]);
        text.Append($"\n## Akka's settings that differ from Akka's own\n\nEvery key of Akka.NET may be set in a node's file; these are what ActorFT sets.\n\n```\n{string.Join('\n', reference[akka..])}\n```\n");
        AppendFile(text, root, "config/server-a.conf", "## A server", "What a server must say, and what it may. The other server's file mirrors it.");
        AppendFile(text, root, "config/arbiter.conf", "## The arbiter", "It needs no more than this; `log`, `faults`, `status-interval` and the endpoint are as a server's.");
        AppendFile(text, root, "config/machines/debian.conf", "## A machine", "Every key of an element of `actorft.machines`, and of the file of `actorft run`.");
        text.Append("""

            ## The HTTP endpoint

            | key | default | meaning |
            | --- | --- | --- |
            | `akka.management.http.hostname`, `bind-hostname` | `127.0.0.1` | a literal IP address where it listens; `bind-hostname` counts when both are there |
            | `akka.management.http.port`, `bind-port` | `8558` | its port; 0 switches it off, and so does leaving the whole section out |
            | `akka.management.http.token-file` | none | a file with the token that changes need (16 to 1024 characters); without it nothing can be changed over HTTP |

            """);
        return text.ToString().ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
    }

    private static void AppendFile(StringBuilder text, string root, string file, string title, string about) =>
        text.Append($"\n{title}\n\n{about} `{file}`:\n\n```\n{File.ReadAllText(Path.Combine(root, file)).TrimEnd()}\n```\n");

    [GeneratedRegex(@"^([\w.-]+)\s*(?:=\s*)?\{\s*$")]
    private static partial Regex Opens();

    [GeneratedRegex(@"^([\w.-]+)\s*(?:=\s*)?\{(.*)\}\s*$")]
    private static partial Regex InOneLine();

    [GeneratedRegex(@"^([\w.-]+)\s*=\s*(.*)$")]
    private static partial Regex Sets();

    private static void Append(StringBuilder text, string[] lines)
    {
        Stack<string> path = new();
        List<string> comment = [];
        text.Append("| key | default | meaning |\n| --- | --- | --- |\n");
        foreach (string line in lines.Select(line => line.Trim()))
        {
            if (line.StartsWith('#')) comment.Add(line[1..].Trim());
            else if (line.Length == 0) comment.Clear(); // about the file, or nothing
            else if (line == "}") path.Pop();
            else if (Opens().Match(line) is { Success: true } opens)
            {
                path.Push(opens.Groups[1].Value);
                if (comment.Count != 0) Row(text, string.Join('.', path.Reverse()), "", comment);
            }
            else if (InOneLine().Match(line) is { Success: true } object_)
            {
                foreach (string part in object_.Groups[2].Value.Split(','))
                {
                    Match set = Sets().Match(part.Trim());
                    Row(text, string.Join('.', [.. path.Reverse(), object_.Groups[1].Value, set.Groups[1].Value]), set.Groups[2].Value, comment);
                }
            }
            else if (Sets().Match(line) is { Success: true } set) Row(text, string.Join('.', [.. path.Reverse(), set.Groups[1].Value]), set.Groups[2].Value, comment);
            else throw new InvalidOperationException($"reference.conf: this line is not understood by the maker of docs/configuration.md: {line}");
        }
    }

    private static void Row(StringBuilder text, string key, string value, List<string> comment)
    {
        string about = string.Join(' ', comment).Replace("|", "\\|", StringComparison.Ordinal);
        text.Append($"| `{key}` | {(value.Length == 0 ? "" : $"`{value.Trim()}`")} | {about} |\n");
        comment.Clear();
    }
}
