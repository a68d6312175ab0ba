using System.Globalization;
using Akka.Configuration.Hocon;

namespace ActorFT.Cluster.Configuration;

/// <summary>
/// An object of a HOCON file, read strictly: unknown keys are refused with the nearest known one named; values of the
/// wrong type, unit or range are refused with key, value and what is allowed. Every error is an <see cref="OperatorException"/>.
/// </summary>
public sealed class HoconSection
{
    private readonly HoconObject _object;
    private readonly HoconLines _lines;

    private HoconSection(HoconObject hocon, string path, string fileName, HoconLines lines)
    {
        _object = hocon;
        _lines = lines;
        Path = path;
        FileName = fileName;
    }

    /// <summary>Where the section is in the file: <c>machine.disks[0]</c>; empty for the root.</summary>
    public string Path { get; }

    /// <summary>The file's name as the operator gave it, for messages.</summary>
    public string FileName { get; }

    /// <summary>Parses a whole file's text.</summary>
    public static HoconSection Parse(string text, string fileName)
    {
        if (HoconBrackets.FindProblem(text) is { } problem) throw new OperatorException($"{fileName} is not HOCON: {problem}.");
        HoconRoot root;
        try
        {
            root = Parser.Parse(text, include =>
                throw new OperatorException($"{fileName}: include \"{include}\" is not supported; write the keys into the file."));
        }
        catch (OperatorException) { throw; }
        // Akka's HOCON parser reports errors by exceptions of several types (FormatException, IndexOutOfRangeException, …).
        catch (Exception e) { throw new OperatorException($"{fileName} is not HOCON: {FirstLine(e.Message)}", e); }
        return new HoconSection(ObjectOf(root.Value) ?? new HoconObject(), "", fileName, HoconLines.Read(text));
    }

    /// <summary>Reads and parses a file.</summary>
    public static HoconSection ReadFile(string path) => Parse(HostFile.ReadText(path, "the configuration file"), path);

    /// <summary>Refuses every key that is not among <paramref name="allowed"/>.</summary>
    public HoconSection AllowOnly(params string[] allowed)
    {
        foreach (string key in _object.Items.Keys)
        {
            if (allowed.Contains(key, StringComparer.Ordinal)) continue;
            string? nearest = NearestName.Find(key, allowed);
            throw new OperatorException(nearest is null
                ? $"{Where(key)}: unknown key {KeyPath(key)}; allowed here are {string.Join(", ", allowed)}."
                : $"{Where(key)}: unknown key {KeyPath(key)}; did you mean {KeyPath(nearest)}?");
        }
        return this;
    }

    /// <summary>Whether the key is there.</summary>
    public bool Has(string key) => _object.Items.ContainsKey(key);

    /// <summary>An error that names a key of this section, its value and what is allowed.</summary>
    public OperatorException Error(string key, string value, string allowed) =>
        new($"{Where(key)}: {KeyPath(key)} is {value}; allowed is {allowed}.");

    // The file, and the line where it is known: "server.conf:12".
    private string Where(string key) => Place(KeyPath(key));

    private string Place(string path) => _lines.Of(path) is var line and > 0 ? string.Create(CultureInfo.InvariantCulture, $"{FileName}:{line}") : FileName;

    /// <summary>A text; <paramref name="absent"/> when the key is missing.</summary>
    public string GetString(string key, string absent) => Scalar(key, "a text") ?? absent;

    /// <summary>A text that must be there.</summary>
    public string GetRequiredString(string key, string allowed)
    {
        string value = Scalar(key, allowed) ?? throw new OperatorException($"{FileName}: {KeyPath(key)} is missing; it must be {allowed}.");
        return value.Length != 0 ? value : throw Error(key, "empty", allowed);
    }

    /// <summary>A whole number within bounds.</summary>
    public int GetInt(string key, int min, int max, int absent)
    {
        string allowed = string.Create(CultureInfo.InvariantCulture, $"a whole number from {min} to {max}");
        if (Scalar(key, allowed) is not { } text) return absent;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= min && value <= max
            ? value : throw Error(key, text, allowed);
    }

    /// <summary>A size within bounds, a multiple of <paramref name="multipleBytes"/>.</summary>
    public ulong GetBytes(string key, ulong min, ulong max, ulong multipleBytes, ulong absent)
    {
        if (Scalar(key, ByteSize.Allowed) is not { } text) return absent;
        if (!ByteSize.TryParse(text, out ulong bytes)) throw Error(key, text, ByteSize.Allowed);
        return bytes >= min && bytes <= max && bytes % multipleBytes == 0 ? bytes : throw Error(key, text, DescribeRange(min, max, multipleBytes));
    }

    /// <summary>on or off (also true, false, yes, no).</summary>
    public bool GetBool(string key, bool absent) => Scalar(key, "on or off") switch
    {
        null => absent,
        "on" or "true" or "yes" => true,
        "off" or "false" or "no" => false,
        string text => throw Error(key, text, "on or off"),
    };

    /// <summary>A length of time with its unit (ns, us, ms, s, m, h), within bounds.</summary>
    public TimeSpan GetDuration(string key, TimeSpan min, TimeSpan max, TimeSpan absent)
    {
        string allowed = $"a time with its unit (us, ms, s, m, h) from {Describe(min)} to {Describe(max)}";
        if (Scalar(key, allowed) is not { } text) return absent;
        return TryParseDuration(text, out TimeSpan value) && value >= min && value <= max ? value : throw Error(key, text, allowed);
    }

    /// <summary>One of a few words, in the order of <paramref name="words"/>.</summary>
    public T GetWord<T>(string key, IReadOnlyList<KeyValuePair<string, T>> words, T absent)
    {
        string allowed = "one of " + string.Join(", ", words.Select(w => w.Key));
        if (Scalar(key, allowed) is not { } text) return absent;
        foreach ((string word, T value) in words) if (word == text) return value;
        throw Error(key, text, allowed);
    }

    /// <summary>A nested object; null when the key is missing.</summary>
    public HoconSection? GetSection(string key)
    {
        if (!_object.Items.TryGetValue(key, out HoconValue? value)) return null;
        return new HoconSection(ObjectOf(value) ?? throw Error(key, Shown(value), "an object { … }"), KeyPath(key), FileName, _lines);
    }

    /// <summary>A list of objects; empty when the key is missing.</summary>
    public IReadOnlyList<HoconSection> GetSections(string key)
    {
        const string Allowed = "a list of objects [ { … }, … ]";
        var sections = new List<HoconSection>();
        foreach ((int index, HoconValue item) in Items(key, Allowed).Index())
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"{KeyPath(key)}[{index}]");
            HoconObject hocon = ObjectOf(item) ?? throw new OperatorException($"{Place(path)}: {path} is {Shown(item)}; allowed is an object {{ … }}.");
            sections.Add(new HoconSection(hocon, path, FileName, _lines));
        }
        return sections;
    }

    /// <summary>A list of texts; empty when the key is missing, or is <c>[]</c> where that is allowed.</summary>
    public IReadOnlyList<string> GetStrings(string key, bool mayBeEmpty = false)
    {
        const string Allowed = "a list of texts [ \"…\", … ]";
        // Akka's parser gives an empty list a value without elements.
        if (mayBeEmpty && _object.Items.TryGetValue(key, out HoconValue? written) && !written.IsString() && !written.IsObject() && !written.IsArray()) return [];
        var texts = new List<string>();
        foreach (HoconValue item in Items(key, Allowed)) texts.Add(item.IsString() ? item.GetString() : throw Error(key, Shown(item), Allowed));
        return texts;
    }

    /// <summary>The keys of this section, sorted.</summary>
    public IReadOnlyList<string> Keys => [.. _object.Items.Keys.Order(StringComparer.Ordinal)];

    /// <summary>A key of this section as it is written in messages.</summary>
    public string KeyPath(string key) => Path.Length == 0 ? key : $"{Path}.{key}";

    private IReadOnlyList<HoconValue> Items(string key, string allowed)
    {
        if (!_object.Items.TryGetValue(key, out HoconValue? value)) return [];
        return value.IsArray() ? [.. value.GetArray()] : throw Error(key, Shown(value), allowed);
    }

    private string? Scalar(string key, string allowed)
    {
        if (!_object.Items.TryGetValue(key, out HoconValue? value)) return null;
        if (value.IsObject() || value.IsArray() || !value.IsString()) throw Error(key, Shown(value), allowed);
        return value.GetString() ?? throw Error(key, "null", allowed);
    }

    private static HoconObject? ObjectOf(HoconValue? value) => value is not null && value.IsObject() ? value.GetObject() : null;

    private static string Shown(HoconValue value) =>
        value.IsObject() ? "an object" : value.IsArray() ? "a list" : value.IsString() && value.GetString() is { Length: > 0 } text ? text : "empty";

    private static string DescribeRange(ulong min, ulong max, ulong multiple) =>
        $"from {ByteSize.Format(min)} to {ByteSize.Format(max)}" + (multiple > 1 ? $" in steps of {ByteSize.Format(multiple)}" : "");

    private static bool TryParseDuration(string text, out TimeSpan value)
    {
        value = default;
        text = text.Trim();
        int digits = 0;
        while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.')) digits++;
        if (!decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)) return false;
        decimal? ticks = text[digits..].Trim() switch
        {
            "ns" => 0.01m, "us" => 10m, "ms" => TimeSpan.TicksPerMillisecond, "s" => TimeSpan.TicksPerSecond,
            "m" => TimeSpan.TicksPerMinute, "h" => TimeSpan.TicksPerHour, _ => null,
        };
        if (ticks is null || number > 1_000_000_000m || number * ticks.Value > long.MaxValue) return false;
        value = TimeSpan.FromTicks((long)(number * ticks.Value));
        return true;
    }

    private static string Describe(TimeSpan time) => time.TotalSeconds switch
    {
        0 => "0 s",
        < 0.001 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMicroseconds:0.###} us"),
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.###} ms"),
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.###} m"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.###} h"),
    };

    private static string FirstLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        return (end < 0 ? text : text[..end]).TrimEnd('.') + ".";
    }
}
