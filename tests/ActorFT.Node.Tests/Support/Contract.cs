namespace ActorFT.Node.Tests.Support;

/// <summary>
/// Holds what a build says to another one, or writes for a later one, against what builds of the same version said and wrote: a file in
/// tests/contracts for each. What differs must have another version, so that the two refuse each other in a sentence instead of misreading.
/// </summary>
internal static class Contract
{
    private const string WriteVariable = "ACTORFT_WRITE_CONTRACTS";

    /// <summary>Fails with what to do when this build differs from the file.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="versionMember">What a change must raise.</param>
    /// <param name="version">Its value.</param>
    /// <param name="lines">Shapes and bytes, as text.</param>
    internal static void Hold(string name, string versionMember, int version, IEnumerable<string> lines)
    {
        string path = Path.Combine(Repository.Root, "tests", "contracts", name + ".txt"), now = Text(version, lines);
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
        {
            File.WriteAllText(path, now);
            Xunit.Assert.Fail($"{path} was written: look at what changed in it, and run the test again without {WriteVariable}.");
        }

        if (Difference(name, versionMember, File.Exists(path) ? File.ReadAllText(path) : "", now) is { } sentence) Xunit.Assert.Fail(sentence);
    }

    /// <summary>A contract's text.</summary>
    internal static string Text(int version, IEnumerable<string> lines) => string.Join('\n', [$"version {version}", .. lines, ""]);

    /// <summary>What differs and what to do about it; null when nothing does.</summary>
    internal static string? Difference(string name, string versionMember, string kept, string now)
    {
        if (kept == now) return null;
        string[] before = kept.Split('\n'), after = now.Split('\n');
        string rewrite = $"write tests/contracts/{name}.txt anew ({WriteVariable}=1, then look at its diff)";
        if (before[0] != after[0]) return $"{versionMember} is another than tests/contracts/{name}.txt has (\"{before[0]}\" there, \"{after[0]}\" here): {rewrite}.";
        int at = 1;
        while (at < Math.Min(before.Length, after.Length) && before[at] == after[at]) at++;
        return $"{name}: line {at + 1} of tests/contracts/{name}.txt is \"{Line(before, at)}\", and this build says \"{Line(after, at)}\", but {versionMember} is as before: " +
            $"two builds would misread each other. Raise {versionMember}, say in docs/operations.md (\"Which builds work together\") what that means for an upgrade, and {rewrite}.";
    }

    /// <summary>Bytes as lines of text; trailing zeros, of which some formats are full, are counted.</summary>
    internal static IEnumerable<string> Bytes(string what, ReadOnlySpan<byte> bytes)
    {
        int length = bytes.LastIndexOfAnyExcept((byte)0) + 1;
        List<string> lines = [length == bytes.Length ? $"{what}, {length} bytes" : $"{what}, {bytes.Length} bytes, of which the last {bytes.Length - length} are zero"];
        for (int at = 0; at < length; at += 48) lines.Add("    " + Convert.ToHexStringLower(bytes[at..Math.Min(length, at + 48)]));
        return lines;
    }

    private static string Line(string[] lines, int at) => at < lines.Length ? lines[at].Trim() : "";
}
