using System.Globalization;

namespace ActorFT.Cluster.Configuration;

/// <summary>Sizes as people write them: <c>512 MiB</c>, <c>4G</c>, <c>1048576</c>.</summary>
public static class ByteSize
{
    /// <summary>What may be written, for messages.</summary>
    public const string Allowed = "a size such as 512 MiB (units B, KiB, MiB, GiB, TiB, or K, M, G, T for the same; kB, MB, GB, TB for powers of ten)";

    private static readonly Dictionary<string, ulong> s_units = new(StringComparer.Ordinal)
    {
        [""] = 1, ["B"] = 1, ["b"] = 1,
        ["KiB"] = 1UL << 10, ["K"] = 1UL << 10, ["k"] = 1UL << 10, ["Ki"] = 1UL << 10, ["kB"] = 1_000,
        ["MiB"] = 1UL << 20, ["M"] = 1UL << 20, ["m"] = 1UL << 20, ["Mi"] = 1UL << 20, ["MB"] = 1_000_000,
        ["GiB"] = 1UL << 30, ["G"] = 1UL << 30, ["g"] = 1UL << 30, ["Gi"] = 1UL << 30, ["GB"] = 1_000_000_000,
        ["TiB"] = 1UL << 40, ["T"] = 1UL << 40, ["t"] = 1UL << 40, ["Ti"] = 1UL << 40, ["TB"] = 1_000_000_000_000,
    };

    /// <summary>Reads a size; false when it is not one or does not fit 64 bits.</summary>
    public static bool TryParse(string text, out ulong bytes)
    {
        bytes = 0;
        text = text.Trim();
        int digits = 0;
        while (digits < text.Length && char.IsAsciiDigit(text[digits])) digits++;
        if (digits == 0 || !ulong.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)) return false;
        if (!s_units.TryGetValue(text[digits..].Trim(), out ulong unit)) return false;
        UInt128 product = (UInt128)number * unit;
        if (product > ulong.MaxValue) return false;
        bytes = (ulong)product;
        return true;
    }

    /// <summary>The size in the largest binary unit that divides it: <c>512 MiB</c>.</summary>
    public static string Format(ulong bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        int unit = 0;
        while (unit < units.Length - 1 && bytes != 0 && bytes % 1024 == 0) { bytes /= 1024; unit++; }
        return string.Create(CultureInfo.InvariantCulture, $"{bytes} {units[unit]}");
    }
}
