using ActorFT.Network.Native;

namespace ActorFT.Network.Tap;

/// <summary>The checks and changes around opening a TAP, and the sentences for what the host refuses.</summary>
internal static class TapSetup
{
    /// <summary>What can be known before anything is made.</summary>
    internal static void CheckBefore(TapOptions options, RouteSocket requests)
    {
        if (options.Bridge is not null) FindBridge(options.Bridge, requests);
        if (options.Uplink is not null && requests.Find(options.Uplink) is null)
        {
            throw new NetworkConfigurationException($"uplink = '{options.Uplink}' is no interface of this host: see 'ip link'.");
        }

        if (requests.Find(options.Name) is { } existing && existing.Kind != "tun")
        {
            throw new NetworkConfigurationException(
                $"tap = '{options.Name}' is already an interface of another kind ({(existing.Kind.Length == 0 ? "a device" : existing.Kind)}): choose a free name or an existing TAP.");
        }
    }

    /// <summary>Sets MTU and bridge, and sets the interface up; changes only what differs, since the user may own the TAP without more rights.</summary>
    internal static TapWatch Configure(TapOptions options, string name, RouteSocket requests)
    {
        HostLink link = requests.Find(name) ?? throw new IOException($"the interface '{name}' vanished");
        if (options.MtuBytes is { } mtu && mtu != link.MtuBytes)
        {
            int error = requests.SetMtu(link.Index, mtu);
            if (error != 0) throw Refused("mtu", mtu.ToString(System.Globalization.CultureInfo.InvariantCulture), error);
        }

        int bridgeIndex = 0;
        if (options.Bridge is not null)
        {
            bridgeIndex = FindBridge(options.Bridge, requests).Index;
            if (link.MasterIndex != bridgeIndex)
            {
                int error = requests.SetMaster(link.Index, bridgeIndex);
                if (error != 0) throw Refused("bridge", options.Bridge, error);
            }
        }

        if (!link.IsUp)
        {
            int error = requests.SetUp(link.Index, true);
            if (error != 0) throw Refused("tap", name, error);
        }

        return new TapWatch(name, link.Index, options.MtuBytes ?? link.MtuBytes, options.Bridge, bridgeIndex, options.Uplink);
    }

    /// <summary>One sentence for an error number.</summary>
    internal static NetworkConfigurationException Refused(string key, string value, int errno) => new(errno switch
    {
        Libc.EPERM or Libc.EACCES =>
            $"{key} = '{value}' needs the right to change this host's network (CAP_NET_ADMIN): run as root, or give the program that capability, "
            + "or make the TAP beforehand for this user ('ip tuntap add NAME mode tap user USER', set up and put into its bridge).",
        Libc.EBUSY => $"{key} = '{value}' is in use by another program: one TAP serves one NIC of one machine; choose another name.",
        Libc.EINVAL when key == "tap" => $"tap = '{value}' cannot be opened as a TAP: an interface of that name is of another kind; choose a free name or an existing TAP.",
        Libc.EINVAL or Libc.ERANGE when key == "mtu" => $"mtu = {value} is refused by the host: {TapOptions.MinMtuBytes} to {TapOptions.MaxMtuBytes} bytes for a TAP.",
        _ => $"{key} = '{value}' is refused by the host: {Libc.Describe(errno)}.",
    });

    private static HostLink FindBridge(string name, RouteSocket requests)
    {
        HostLink bridge = requests.Find(name) ?? throw new NetworkConfigurationException(
            $"bridge = '{name}' does not exist on this host: make it first ('ip link add {name} type bridge', 'ip link set {name} up') or leave the key out.");
        return bridge.Kind is "bridge" or "openvswitch"
            ? bridge
            : throw new NetworkConfigurationException($"bridge = '{name}' is not a bridge but {(bridge.Kind.Length == 0 ? "a device" : $"of kind {bridge.Kind}")}: name a bridge.");
    }
}
