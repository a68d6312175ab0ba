using System.Net;
using ActorFT.Network.Frames;

namespace ActorFT.Network.Tests.Frames;

public sealed class ArpProbeTests
{
    private static readonly byte[] Mac = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];

    [Fact]
    public void Question_ClaimsNoAddress()
    {
        ArpProbe probe = new(IPAddress.Parse("10.0.0.1"), Mac, 1);
        Assert.Equal(
            "FFFFFFFFFFFF" + "021122334455" + "0806" + "0001" + "0800" + "06" + "04" + "0001" + "021122334455" + "00000000" + "000000000000" + "0A000001",
            Convert.ToHexString(probe.Ask())[..84]);
    }

    [Fact]
    public void Target_AnswersAgain_IsNoLongerLost()
    {
        ArpProbe probe = new(IPAddress.Parse("10.0.0.1"), Mac, 2);
        for (int i = 0; i < 2; i++) probe.Ask();
        Assert.False(probe.IsLost);
        for (int i = 0; i < 1000; i++) probe.Ask();
        Assert.True(probe.IsLost);
        Assert.True(probe.TryTake(Answer(Mac, [10, 0, 0, 9])));
        Assert.True(probe.IsLost, "another's answer is none");
        Assert.False(probe.TryTake(Answer([2, 0, 0, 0, 0, 1], [10, 0, 0, 1])), "what is not for the probe is the machine's");
        Assert.True(probe.TryTake(Answer(Mac, [10, 0, 0, 1])));
        Assert.False(probe.IsLost);
    }

    [Fact]
    public void Frames_OfAnyLength_NeverThrow()
    {
        ArpProbe probe = new(IPAddress.Parse("10.0.0.1"), Mac, 1);
        byte[] answer = Answer(Mac, [10, 0, 0, 1]);
        for (int length = 0; length <= answer.Length; length++) Assert.Equal(length >= 14, probe.TryTake(answer.AsSpan(0, length)));
    }

    private static byte[] Answer(byte[] to, byte[] address)
    {
        byte[] frame = new byte[60];
        to.CopyTo(frame, 0);
        frame[12] = 8;
        frame[13] = 6;
        frame[21] = 2;
        address.CopyTo(frame, 28);
        return frame;
    }
}
