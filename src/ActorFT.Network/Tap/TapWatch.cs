using ActorFT.Network.Native;

namespace ActorFT.Network.Tap;

/// <summary>
/// Judges from the kernel's view of the interfaces whether a TAP's frames reach anything. Puts the TAP back into a
/// bridge that vanished and was made anew; leaves it where an operator's hand has put it.
/// </summary>
internal sealed class TapWatch(string tapName, int tapIndex, int mtuBytes, string? bridgeName, int bridgeIndex, string? uplinkName)
{
    private int _bridgeIndex = bridgeIndex;

    internal string TapName => tapName;

    internal int MtuBytes => mtuBytes;

    /// <summary>The state now.</summary>
    internal NicLinkState Look(RouteSocket requests)
    {
        if (requests.Find(tapIndex) is not { } tap) return NicLinkState.Failed($"TAP '{tapName}' has vanished from this host.");
        if (!tap.IsUp) return NicLinkState.NoCarrier($"TAP '{tapName}' is set down.");
        if (!tap.HasCarrier) return NicLinkState.NoCarrier($"TAP '{tapName}' has its carrier set off.");
        if (bridgeName is not null && LookAtBridge(requests, tap) is { } reason) return NicLinkState.NoCarrier(reason);
        return uplinkName is not null && LookAtUplink(requests) is { } uplinkReason ? NicLinkState.NoCarrier(uplinkReason) : NicLinkState.Good;
    }

    private string? LookAtBridge(RouteSocket requests, HostLink tap)
    {
        if (requests.Find(bridgeName!) is not { } bridge) return $"Bridge '{bridgeName}' has vanished from this host.";
        if (bridge.Index != _bridgeIndex && requests.SetMaster(tapIndex, bridge.Index) == 0) _bridgeIndex = bridge.Index;
        else if (tap.MasterIndex != bridge.Index) return $"TAP '{tapName}' is no longer in bridge '{bridgeName}'.";
        return bridge.IsUp ? null : $"Bridge '{bridgeName}' is set down.";
    }

    private string? LookAtUplink(RouteSocket requests)
    {
        if (requests.Find(uplinkName!) is not { } uplink) return $"Uplink '{uplinkName}' has vanished from this host.";
        if (!uplink.IsUp) return $"Uplink '{uplinkName}' is set down.";
        return uplink.HasCarrier ? null : $"Uplink '{uplinkName}' has no carrier.";
    }
}
