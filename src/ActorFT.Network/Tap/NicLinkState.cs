namespace ActorFT.Network.Tap;

/// <summary>Whether a NIC's back end can pass frames.</summary>
public enum NicCondition : byte
{
    /// <summary>Frames pass.</summary>
    Good,
    /// <summary>Frames do not pass now; they will again, by themselves, when the cause is repaired.</summary>
    NoCarrier,
    /// <summary>The back end is lost: only a new one helps.</summary>
    Failed,
}

/// <summary>A condition and its reason in words.</summary>
/// <param name="Condition">The condition.</param>
/// <param name="Reason">A sentence that names the culprit; empty when <see cref="NicCondition.Good"/>.</param>
public sealed record NicLinkState(NicCondition Condition, string Reason)
{
    /// <summary>Frames pass.</summary>
    public static NicLinkState Good { get; } = new(NicCondition.Good, "");

    internal static NicLinkState NoCarrier(string reason) => new(NicCondition.NoCarrier, reason);

    internal static NicLinkState Failed(string reason) => new(NicCondition.Failed, reason);
}
