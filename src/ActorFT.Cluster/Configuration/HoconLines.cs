namespace ActorFT.Cluster.Configuration;

/// <summary>
/// Which line of a HOCON text sets a key, for messages: Akka's parser keeps no places. Understands what a file of settings has (objects, lists, quotes,
/// comments); what it does not understand has no line. Never throws; ends for every text.
/// </summary>
internal sealed class HoconLines
{
    private const int MaxDepth = 64;

    private readonly string _text;
    private readonly Dictionary<string, int> _lines = new(StringComparer.Ordinal);
    private int _at, _line = 1;

    private HoconLines(string text) => _text = text;

    /// <summary>Reads a text.</summary>
    public static HoconLines Read(string text)
    {
        HoconLines lines = new(text);
        lines.SkipSpace(newLines: true);
        if (lines.Peek == '{') lines._at++; // the root's own braces
        lines.ReadObject("", 0);
        return lines;
    }

    /// <summary>The line, from 1; 0 when it is not known.</summary>
    public int Of(string path) => _lines.GetValueOrDefault(path);

    private char Peek => _at < _text.Length ? _text[_at] : '\0';

    private bool IsAtEnd => _at >= _text.Length;

    private void Advance()
    {
        if (Peek == '\n') _line++;
        _at++;
    }

    private void SkipSpace(bool newLines)
    {
        while (!IsAtEnd)
        {
            if (Peek == '#' || (Peek == '/' && _at + 1 < _text.Length && _text[_at + 1] == '/'))
            {
                while (!IsAtEnd && Peek != '\n') _at++;
            }
            else if (char.IsWhiteSpace(Peek) && (newLines || Peek != '\n')) Advance();
            else return;
        }
    }

    private void ReadObject(string path, int depth)
    {
        while (true)
        {
            SkipSpace(newLines: true);
            if (IsAtEnd) return;
            if (Peek == '}')
            {
                _at++;
                return;
            }

            if (Peek is ',' or ']')
            {
                _at++;
                continue;
            }

            int line = _line;
            string key = ReadKey();
            if (key.Length == 0)
            {
                Advance(); // nothing that is known here
                continue;
            }

            string full = Note(path, key, line);
            SkipSpace(newLines: false);
            if (Peek == '+') _at++;
            if (Peek is '=' or ':') _at++;
            ReadValue(full, depth + 1);
        }
    }

    // A dotted key sets a path.
    private string Note(string path, string key, int line)
    {
        foreach (string part in key.Split('.'))
        {
            path = path.Length == 0 ? part.Trim() : $"{path}.{part.Trim()}";
            _lines[path] = line;
        }

        return path;
    }

    private string ReadKey()
    {
        int from = _at;
        if (Peek == '"')
        {
            ReadQuoted();
            return _text[Math.Min(from + 1, _text.Length)..Math.Max(Math.Min(from + 1, _text.Length), Math.Min(_at - 1, _text.Length))];
        }

        while (!IsAtEnd && Peek is not ('=' or ':' or '{' or '}' or '[' or ']' or ',' or '\n' or '#' or '+')) _at++;
        return _text[from.._at].Trim();
    }

    private void ReadQuoted()
    {
        bool isLong = string.CompareOrdinal(_text, _at, "\"\"\"", 0, 3) == 0;
        _at += isLong ? 3 : 1;
        while (!IsAtEnd)
        {
            if (isLong ? string.CompareOrdinal(_text, _at, "\"\"\"", 0, 3) == 0 : Peek is '"' or '\n')
            {
                if (Peek == '"') _at += isLong ? 3 : 1;
                return;
            }

            if (!isLong && Peek == '\\') Advance();
            Advance();
        }
    }

    private void ReadValue(string path, int depth)
    {
        SkipSpace(newLines: true);
        if (depth > MaxDepth) return;
        switch (Peek)
        {
            case '{':
                _at++;
                ReadObject(path, depth);
                break;
            case '[':
                _at++;
                ReadList(path, depth);
                break;
            default:
                while (!IsAtEnd && Peek is not ('\n' or ',' or '}' or ']' or '#'))
                {
                    if (Peek == '"') ReadQuoted();
                    else _at++;
                }

                break;
        }
    }

    private void ReadList(string path, int depth)
    {
        for (int index = 0; ;)
        {
            SkipSpace(newLines: true);
            if (IsAtEnd) return;
            if (Peek is ',' or '}') _at++;
            else if (Peek == ']')
            {
                _at++;
                return;
            }
            else
            {
                int before = _at;
                string element = $"{path}[{index++}]";
                _lines[element] = _line;
                ReadValue(element, depth + 1);
                if (_at == before) Advance();
            }
        }
    }
}
