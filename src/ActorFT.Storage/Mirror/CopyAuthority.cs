using System.Globalization;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Mirror;

/// <summary>Which of two copies holds the disk's content.</summary>
public enum AuthorityVerdict : byte
{
    /// <summary>Both were current when last written; only dirty regions may differ. Either may lead; the leader's side is copied.</summary>
    Both = 0,
    /// <summary>The first is current; the second is to be filled from it.</summary>
    First = 1,
    /// <summary>The second is current; the first is to be filled from it.</summary>
    Second = 2,
    /// <summary>No copy may be used without an operator's word.</summary>
    None = 3,
}

/// <summary>A verdict with its reason in words.</summary>
public sealed record Authority(AuthorityVerdict Verdict, string Reason);

/// <summary>
/// Says who is current. Rules: identity first, then completeness, then version. A copy that missed writes has a lower version
/// than the one that took them, because going on without a copy is a new version, durable before the first write under it is
/// acknowledged. So a stale copy never wins against its peer, and alone it is refused by the version the arbiter holds.
/// </summary>
public static class CopyAuthority
{
    /// <summary>
    /// Why a copy that was opened is not current; "" if it is. Both say who is current: the copy's own metadata, and the mark that this server keeps beside its
    /// terms (design.md §3 rule 5). An image that was put back from a backup is older than the mark; a mark of 0 says that the disks missed writes.
    /// </summary>
    public static string WhyNotCurrent(CopyDescription copy, ulong mark)
    {
        if (copy.State is not (CopyState.Good or CopyState.Degraded)) return copy.Reason.Length == 0 ? $"it was {copy.State}" : copy.Reason;
        if (mark == 0 && copy.Version != default) return "this server's mark says that it missed writes";
        return copy.Version.Term < mark ? $"its version is {copy.Version}, but this server's mark says term {mark}: it was put back from an older copy" : "";
    }

    /// <summary>Compares two copies that can both be read.</summary>
    public static Authority Decide(CopyDescription first, CopyDescription second)
    {
        if (first.Name != second.Name || first.CapacityBytes != second.CapacityBytes)
            return new Authority(AuthorityVerdict.None, $"{first.Name} of {first.CapacityBytes} bytes and {second.Name} of {second.CapacityBytes} bytes are not copies of one disk");
        bool isFirstUsable = IsUsable(first), isSecondUsable = IsUsable(second);
        if (!isFirstUsable && !isSecondUsable) return new Authority(AuthorityVerdict.None, $"neither copy is complete: one is {Words(first)}, the other {Words(second)}");
        if (!isSecondUsable) return OnlyUsable(AuthorityVerdict.First, first, second);
        if (!isFirstUsable) return OnlyUsable(AuthorityVerdict.Second, second, first);
        if (first.DiskId != second.DiskId)
            return new Authority(AuthorityVerdict.None, $"two unrelated disks carry the name {first.Name}: identities {first.DiskId} and {second.DiskId}");
        int order = first.Version.CompareTo(second.Version);
        if (order != 0)
            return order > 0
                ? new Authority(AuthorityVerdict.First, $"version {first.Version} is newer than {second.Version}")
                : new Authority(AuthorityVerdict.Second, $"version {second.Version} is newer than {first.Version}");
        return (first.IsAlone, second.IsAlone) switch
        {
            (true, true) => new Authority(AuthorityVerdict.None, $"both copies went on alone at version {first.Version}: each may hold writes that the other lacks"),
            (true, false) => new Authority(AuthorityVerdict.First, $"it went on alone at version {first.Version}"),
            (false, true) => new Authority(AuthorityVerdict.Second, $"it went on alone at version {second.Version}"),
            _ => new Authority(AuthorityVerdict.Both, $"both were current at version {first.Version}"),
        };
    }

    // A copy under repair carries the version it had before. If that is newer than the complete one's, the complete one is
    // stale and what is newer lies in a copy that is not whole: an operator must choose.
    private static Authority OnlyUsable(AuthorityVerdict verdict, CopyDescription usable, CopyDescription other) => usable.Version < other.Version
        ? new Authority(AuthorityVerdict.None, $"the complete copy has version {usable.Version}, but the other, {Words(other)}, had {other.Version}: the complete one is stale")
        : new Authority(verdict, $"the other copy is {Words(other)}");

    private static bool IsUsable(CopyDescription copy) => copy.State is not (CopyState.Rebuilding or CopyState.Failed or CopyState.Isolated);

    private static string Words(CopyDescription copy) => copy.Reason.Length == 0 ? copy.State.ToString() : $"{copy.State} ({copy.Reason})";

    /// <summary>
    /// Whether a machine may start from this copy while the other cannot be asked. The arbiter holds the latest version that any
    /// copy went on with; not knowing it means no.
    /// </summary>
    /// <param name="copy">The copy at hand.</param>
    /// <param name="latest">The latest version as the arbiter holds it; null if it cannot be asked.</param>
    public static Authority MayServeAlone(CopyDescription copy, MirrorVersion? latest)
    {
        if (!IsUsable(copy)) return new Authority(AuthorityVerdict.None, $"this copy of {copy.Name} is {Words(copy)}");
        if (latest is not { } version) return new Authority(AuthorityVerdict.None, $"neither the other copy of {copy.Name} nor the arbiter can be asked whether version {copy.Version} is the latest");
        return copy.Version < version
            ? new Authority(AuthorityVerdict.None, $"this copy of {copy.Name} is stale: it has version {copy.Version}, the latest is {version}")
            : new Authority(AuthorityVerdict.First, $"version {copy.Version} is the latest");
    }

    /// <summary>
    /// What `--force` would destroy: one sentence to show before it is done. The other copy, if it can be described, is overwritten
    /// by the chosen one.
    /// </summary>
    /// <param name="chosen">The copy that is to be current by the operator's word.</param>
    /// <param name="chosenServer">Its server.</param>
    /// <param name="other">The other copy; null if nothing is known of it.</param>
    /// <param name="otherServer">Its server.</param>
    /// <param name="regionBytes">Bytes of a region.</param>
    public static string WhatForceDestroys(CopyDescription chosen, string chosenServer, CopyDescription? other, string otherServer, int regionBytes)
    {
        string take = $"Taking the copy of {chosen.Name} on {chosenServer} (version {chosen.Version}, {Words(chosen)}) for current";
        if (other is null) return $"{take} destroys every write since version {chosen.Version} that only the copy on {otherServer}, which cannot be asked, may hold.";
        if (Decide(chosen, other).Verdict is AuthorityVerdict.First) return $"{take} destroys nothing: it is current already.";
        string extent = other.NeedsFullCompare ? "anywhere on the disk"
            : string.Create(CultureInfo.InvariantCulture, $"in {other.DirtyRegionCount} regions (up to {(long)other.DirtyRegionCount * regionBytes} bytes)");
        return $"{take} destroys what only the copy on {otherServer} (version {other.Version}, {Words(other)}{(other.IsAlone ? ", alone" : "")}) holds: writes {extent}.";
    }
}
