namespace ActorFT.Network.Native;

/// <summary>What the kernel tells about one network interface of this host (rtnetlink, RTM_NEWLINK).</summary>
/// <param name="Index">The kernel's number of the interface.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsUp">Whether it is administratively up (IFF_UP).</param>
/// <param name="HasCarrier">Whether its lower layer is ready (IFF_LOWER_UP): a cable in, a peer up.</param>
/// <param name="MasterIndex">The bridge it belongs to; 0 for none.</param>
/// <param name="MtuBytes">Its MTU.</param>
/// <param name="Kind">The driver's kind, e.g. "bridge", "tun", "veth"; empty when the kernel gives none.</param>
internal readonly record struct HostLink(int Index, string Name, bool IsUp, bool HasCarrier, int MasterIndex, int MtuBytes, string Kind);
