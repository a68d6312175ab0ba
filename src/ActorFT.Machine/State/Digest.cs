using System.Globalization;

namespace ActorFT.Machine.State;

/// <summary>
/// A 128-bit hash of a machine's whole architectural state, or of one component of it.
/// Digests of disjoint components combine with <see cref="Combine"/> in any order, so that the digest of
/// memory costs what changed since the last one: subtract a page's old part, add its new one.
/// </summary>
/// <param name="High">The upper 64 bits.</param>
/// <param name="Low">The lower 64 bits.</param>
public readonly record struct Digest(ulong High, ulong Low)
{
    /// <summary>The digest of nothing: the neutral element of <see cref="Combine"/>.</summary>
    public static Digest Zero => default;

    private UInt128 Value => new(High, Low);

    private static Digest From(UInt128 value) => new((ulong)(value >> 64), (ulong)value);

    /// <summary>Adds a component's digest (modulo 2^128; commutative and associative).</summary>
    public Digest Combine(Digest other) => From(unchecked(Value + other.Value));

    /// <summary>Takes a component's digest out again: the inverse of <see cref="Combine"/>.</summary>
    public Digest Remove(Digest other) => From(unchecked(Value - other.Value));

    /// <summary>32 lower-case hexadecimal digits, most significant first.</summary>
    public override string ToString() =>
        High.ToString("x16", CultureInfo.InvariantCulture) + Low.ToString("x16", CultureInfo.InvariantCulture);
}
