namespace ActorFT.Cluster.Configuration;

/// <summary>
/// Checks that braces, brackets and quotes of a HOCON text are closed: Akka's parser takes a file that was cut off for a
/// whole one.
/// </summary>
internal static class HoconBrackets
{
    /// <summary>What is wrong, with its line; null when nothing is.</summary>
    public static string? FindProblem(string text)
    {
        var open = new Stack<(char Bracket, int Line)>();
        int line = 1;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            switch (c)
            {
                case '\n': line++; break;
                case '#': i = EndOfLine(text, i); break;
                case '/' when i + 1 < text.Length && text[i + 1] == '/': i = EndOfLine(text, i); break;
                case '"':
                    int end = EndOfString(text, i);
                    if (end < 0) return $"the quote opened in line {line} is not closed";
                    line += text.AsSpan(i, end - i).Count('\n');
                    i = end;
                    break;
                case '{' or '[': open.Push((c, line)); break;
                case '}' or ']':
                    if (!open.TryPop(out (char Bracket, int Line) opened)) return $"'{c}' in line {line} closes nothing";
                    if (opened.Bracket != (c == '}' ? '{' : '[')) return $"'{c}' in line {line} does not close the '{opened.Bracket}' of line {opened.Line}";
                    break;
            }
        }
        return open.TryPeek(out (char Bracket, int Line) last) ? $"the '{last.Bracket}' of line {last.Line} is not closed" : null;
    }

    /// <summary>The index before the line's end, so that the loop sees the end itself.</summary>
    private static int EndOfLine(string text, int at)
    {
        int end = text.IndexOf('\n', at);
        return end < 0 ? text.Length : end - 1;
    }

    /// <summary>The index of the string's last quote; -1 when it has none.</summary>
    private static int EndOfString(string text, int at)
    {
        if (string.CompareOrdinal(text, at, "\"\"\"", 0, 3) == 0)
        {
            int end = text.IndexOf("\"\"\"", at + 3, StringComparison.Ordinal);
            while (end >= 0 && end + 3 < text.Length && text[end + 3] == '"') end++; // quotes before the closing three belong to the text
            return end < 0 ? -1 : end + 2;
        }
        for (int i = at + 1; i < text.Length && text[i] != '\n'; i++)
        {
            if (text[i] == '\\') i++;
            else if (text[i] == '"') return i;
        }
        return -1;
    }
}
