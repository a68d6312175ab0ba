using System.Net;
using ActorFT.Network.Frames;

namespace ActorFT.Network.Tests.Frames;

public sealed class MacAnnouncementTests
{
    private static readonly byte[] Mac = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];

    [Fact]
    public void Build_NoAddressKnown_IsOneBroadcastRarp()
    {
        byte[] frame = Assert.Single(MacAnnouncement.Build(Mac, []));
        Assert.Equal(
            "FFFFFFFFFFFF" + "021122334455" + "8035" + "0001" + "0800" + "06" + "04" + "0003" + "021122334455" + "00000000" + "021122334455" + "00000000",
            Convert.ToHexString(frame)[..84]);
        Assert.Equal(60, frame.Length);
    }

    [Fact]
    public void Build_IPv4_IsAnAnnouncementOfRfc5227()
    {
        IReadOnlyList<byte[]> frames = MacAnnouncement.Build(Mac, [new(0, IPAddress.Parse("10.1.2.3"))]);
        Assert.Equal(2, frames.Count);
        Assert.Equal(
            "FFFFFFFFFFFF" + "021122334455" + "0806" + "0001" + "0800" + "06" + "04" + "0001" + "021122334455" + "0A010203" + "000000000000" + "0A010203",
            Convert.ToHexString(frames[1])[..84]);
    }

    [Fact]
    public void Build_IPv6_IsAnUnsolicitedOverridingAdvertisement()
    {
        byte[] frame = MacAnnouncement.Build(Mac, [new(0, IPAddress.Parse("fe80::1"))])[1];
        Assert.Equal("333300000001" + "021122334455" + "86DD", Convert.ToHexString(frame)[..28]);
        Assert.Equal(255, frame[21]);
        Assert.Equal(IPAddress.Parse("fe80::1"), new IPAddress(frame.AsSpan(22, 16)));
        Assert.Equal(IPAddress.Parse("ff02::1"), new IPAddress(frame.AsSpan(38, 16)));
        Assert.Equal(136, frame[54]);
        Assert.Equal(0x20, frame[58]);
        Assert.Equal("0201021122334455", Convert.ToHexString(frame.AsSpan(78, 8)));
        // A receiver's check: the sum over pseudo-header and message, checksum included, is all ones.
        Assert.Equal(0, MacAnnouncement.IcmpV6Checksum(frame.AsSpan(22, 32), frame.AsSpan(54, 32)));
    }

    [Fact]
    public void Build_VlanAddress_IsTaggedAndAnnouncedThereToo()
    {
        IReadOnlyList<byte[]> frames = MacAnnouncement.Build(Mac, [new(7, IPAddress.Parse("10.1.2.3"))]);
        Assert.Equal(3, frames.Count);
        Assert.Equal("810000078035", Convert.ToHexString(frames[1].AsSpan(12, 6)));
        Assert.Equal("810000070806", Convert.ToHexString(frames[2].AsSpan(12, 6)));
    }

    [Fact]
    public void Learner_OwnAnnouncements_AreLearnedBack()
    {
        MachineAddress[] addresses = [new(0, IPAddress.Parse("10.1.2.3")), new(7, IPAddress.Parse("10.1.2.4")), new(0, IPAddress.Parse("fe80::5"))];
        AddressLearner learner = new(Mac);
        foreach (byte[] frame in MacAnnouncement.Build(Mac, addresses)) learner.Observe(frame);
        Assert.Equal(["10.1.2.4%7", "10.1.2.3%0", "fe80::5%0"], learner.Addresses.Select(a => $"{a.Address}%{a.VlanId}"));
        AddressLearner copy = new(Mac);
        copy.Add(learner.Addresses);
        Assert.Equal(learner.Addresses, copy.Addresses);
    }

    [Theory]
    [InlineData(64, 1)]
    [InlineData(128, 1)]
    [InlineData(63, 0)]
    [InlineData(127, 0)]
    public void Learner_IPv4Packet_IsBelievedOnlyWithAHostsFirstHopCount(byte timeToLive, int expectedCount)
    {
        AddressLearner learner = new(Mac);
        learner.Observe(IPv4Frame(Mac, [10, 0, 0, 9], timeToLive));
        Assert.Equal(expectedCount, learner.Addresses.Count);
    }

    [Fact]
    public void Learner_ForeignSourceOrNoUnicast_IsIgnored()
    {
        AddressLearner learner = new(Mac);
        learner.Observe(IPv4Frame([2, 0, 0, 0, 0, 9], [10, 0, 0, 9], 64));
        learner.Observe(IPv4Frame(Mac, [0, 0, 0, 0], 64));
        learner.Observe(IPv4Frame(Mac, [127, 0, 0, 1], 64));
        learner.Observe(IPv4Frame(Mac, [224, 0, 0, 1], 64));
        Assert.Empty(learner.Addresses);
    }

    [Fact]
    public void Learner_ManyAddresses_KeepsTheMostRecent()
    {
        AddressLearner learner = new(Mac);
        for (int i = 1; i <= 100; i++) learner.Observe(IPv4Frame(Mac, [10, 0, 0, (byte)i], 64));
        Assert.Equal(AddressLearner.MaxAddressesPerFamily, learner.Addresses.Count);
        Assert.Equal(IPAddress.Parse("10.0.0.100"), learner.Addresses[0].Address);
        Assert.Equal(IPAddress.Parse("10.0.0.85"), learner.Addresses[^1].Address);
    }

    [Fact]
    public void Learner_AnyBytes_NeverThrowAndStayBounded()
    {
        Random random = new(5);
        AddressLearner learner = new(Mac);
        ushort[] types = [0x0800, 0x0806, 0x86DD, 0x8100, 0x8035];
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = new byte[random.Next(0, 120)];
            random.NextBytes(frame);
            if (frame.Length >= 14)
            {
                Mac.CopyTo(frame, 6);
                ushort type = types[random.Next(types.Length)];
                frame[12] = (byte)(type >> 8);
                frame[13] = (byte)type;
            }

            learner.Observe(frame);
        }

        Assert.InRange(learner.Addresses.Count, 1, 2 * AddressLearner.MaxAddressesPerFamily);
    }

    private static byte[] IPv4Frame(byte[] source, byte[] address, byte timeToLive)
    {
        byte[] frame = new byte[60];
        source.CopyTo(frame, 6);
        frame[12] = 8;
        frame[14] = 0x45;
        frame[22] = timeToLive;
        address.CopyTo(frame, 26);
        return frame;
    }
}
