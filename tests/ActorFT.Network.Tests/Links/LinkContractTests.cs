using ActorFT.Network.Links;
using ActorFT.Node.Tests.Support;

namespace ActorFT.Network.Tests.Links;

public sealed class LinkContractTests
{
    [Fact]
    public void HelloAndFrames_AreAsTheirVersionSays()
    {
        LinkIdentity identity = new("pair", "a", "b", 1, LinkClass.Log, 0x0123_4567_89AB_CDEF);
        byte[] message = new byte[LinkFraming.HeaderBytes + 5], heartbeat = new byte[LinkFraming.HeaderBytes + LinkFraming.HeartbeatBytes];
        LinkFraming.Write(message, LinkFrameKind.Message, 0x1234, [1, 2], [3, 4, 5], number: 7);
        LinkFraming.Write(heartbeat, LinkFrameKind.Ping, 0, [], new byte[LinkFraming.HeartbeatBytes], number: 8);
        Contract.Hold("link-frames", "LinkHello.Version", LinkHello.Version,
        [
            .. Enum.GetValues<LinkClass>().Select(one => $"class {one} = {(int)one}"),
            .. Enum.GetValues<LinkFrameKind>().Select(one => $"frame {one} = {(int)one}"),
            .. Contract.Bytes("hello", LinkHello.Encode(LinkHelloKind.Hello, identity)),
            .. Contract.Bytes("welcome", LinkHello.Encode(LinkHelloKind.Welcome, identity)),
            .. Contract.Bytes("refusal", LinkHello.EncodeRefusal("why")),
            .. Contract.Bytes("message", message),
            .. Contract.Bytes("heartbeat", heartbeat),
        ]);
    }
}
