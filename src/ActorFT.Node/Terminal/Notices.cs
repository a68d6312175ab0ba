using System.Text;

namespace ActorFT.Node.Terminal;

/// <summary>
/// What the program itself says, on standard error, one line each, prefixed by its name. Ends lines so that they look right
/// on a terminal in raw mode too.
/// </summary>
internal static class Notices
{
    private static readonly Lock s_lock = new();
    private static volatile bool s_isRaw;

    /// <summary>Whether the terminal is in raw mode now.</summary>
    public static bool IsRaw
    {
        get => s_isRaw;
        set => s_isRaw = value;
    }

    /// <summary>Says one sentence: <c>actorft: …</c>.</summary>
    public static void Say(string sentence) => WriteLine("actorft: " + sentence);

    /// <summary>Writes lines as they are.</summary>
    public static void WriteLine(string text)
    {
        string ending = s_isRaw ? "\r\n" : "\n";
        byte[] bytes = Encoding.UTF8.GetBytes((s_isRaw ? "\r\n" : "") + text.ReplaceLineEndings(ending) + ending);
        lock (s_lock)
        {
            try { StandardStream.Write(StandardStream.Error, bytes); }
            catch (IOException) { /* nobody listens */ }
        }
    }
}
