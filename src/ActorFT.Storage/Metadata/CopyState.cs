namespace ActorFT.Storage.Metadata;

/// <summary>A component's state, the same words everywhere in the product (design.md §1).</summary>
public enum CopyState : byte
{
    /// <summary>It serves and lacks nothing.</summary>
    Good = 0,
    /// <summary>It serves, with something an operator should see to.</summary>
    Degraded = 1,
    /// <summary>It failed; it may be restarted by policy.</summary>
    Failed = 2,
    /// <summary>It is left out of service until an operator says otherwise.</summary>
    Isolated = 3,
    /// <summary>It is being filled from the other copy and must not be taken for current.</summary>
    Rebuilding = 4,
    /// <summary>Its server is away.</summary>
    Offline = 5,
    /// <summary>It is on its way between two of the others.</summary>
    Transitioning = 6,
}

/// <summary>
/// How new a copy is. Rises with every change of who has a current copy: the term of the machine's configuration first, then
/// the changes of the mirror within the term. Durable on every copy that goes on, before a write made under it is acknowledged.
/// </summary>
/// <param name="Term">The machine's term.</param>
/// <param name="Change">Changes of this mirror within the term.</param>
public readonly record struct MirrorVersion(ulong Term, ulong Change) : IComparable<MirrorVersion>
{
    /// <inheritdoc/>
    public int CompareTo(MirrorVersion other) => Term != other.Term ? Term.CompareTo(other.Term) : Change.CompareTo(other.Change);

    /// <summary>Older than.</summary>
    public static bool operator <(MirrorVersion left, MirrorVersion right) => left.CompareTo(right) < 0;

    /// <summary>Newer than.</summary>
    public static bool operator >(MirrorVersion left, MirrorVersion right) => left.CompareTo(right) > 0;

    /// <summary>Not newer than.</summary>
    public static bool operator <=(MirrorVersion left, MirrorVersion right) => left.CompareTo(right) <= 0;

    /// <summary>Not older than.</summary>
    public static bool operator >=(MirrorVersion left, MirrorVersion right) => left.CompareTo(right) >= 0;

    /// <summary>"term.change".</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Term}.{Change}");
}

/// <summary>Which disk this is.</summary>
/// <param name="Machine">The machine's name.</param>
/// <param name="Disk">The disk's name within it.</param>
public sealed record DiskName(string Machine, string Disk)
{
    /// <summary>"machine/disk".</summary>
    public override string ToString() => Machine + "/" + Disk;
}
