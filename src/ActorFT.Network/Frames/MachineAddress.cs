using System.Net;

namespace ActorFT.Network.Frames;

/// <summary>An IP address that a machine's NIC answers to.</summary>
/// <param name="VlanId">The 802.1Q VLAN in which it was seen; 0 for untagged.</param>
/// <param name="Address">IPv4 or IPv6, unicast.</param>
public readonly record struct MachineAddress(ushort VlanId, IPAddress Address);
