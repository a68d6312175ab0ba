namespace ActorFT.Network.Frames;

/// <summary>The EtherTypes and sizes that this folder reads and writes (IEEE 802, IANA).</summary>
internal static class EtherType
{
    internal const ushort IPv4 = 0x0800, Arp = 0x0806, Rarp = 0x8035, Vlan = 0x8100, IPv6 = 0x86DD;

    internal const int MacBytes = 6, HeaderBytes = 14, VlanTagBytes = 4, ArpBytes = 28, IPv4HeaderBytes = 20, IPv6HeaderBytes = 40;

    /// <summary>Shortest frame without FCS (IEEE 802.3 §4A.2.3.2.4).</summary>
    internal const int MinFrameBytes = 60;
}
