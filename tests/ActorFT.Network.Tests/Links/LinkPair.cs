using System.Net;
using ActorFT.Network.Links;
using ActorFT.Network.Tests.Support;

namespace ActorFT.Network.Tests.Links;

/// <summary>Two endpoints, "a" and "b", on loopback addresses that no other test uses. "a" dials.</summary>
internal sealed class LinkPair : IDisposable
{
    private static int s_next = Random.Shared.Next(1 << 20);

    internal LinkPair(int pathCount = 1, Func<LinkOptions, LinkOptions>? changeA = null, Func<LinkOptions, LinkOptions>? changeB = null)
    {
        int[] bases = [.. Enumerable.Range(0, pathCount).Select(_ => Interlocked.Increment(ref s_next))];
        LinkOptions a = Options("a", "b", [.. bases.Select(n => Path(n, 1, 2))]);
        LinkOptions b = Options("b", "a", [.. bases.Select(n => Path(n, 2, 1))]);
        OptionsA = changeA is null ? a : changeA(a);
        OptionsB = changeB is null ? b : changeB(b);
        A = new LinkEndpoint(OptionsA, SinkA);
        B = new LinkEndpoint(OptionsB, SinkB);
    }

    internal RecordingSink SinkA { get; } = new();

    internal RecordingSink SinkB { get; } = new();

    internal LinkOptions OptionsA { get; }

    internal LinkOptions OptionsB { get; }

    internal LinkEndpoint A { get; }

    internal LinkEndpoint B { get; }

    internal static LinkPair Connected(int pathCount = 1, Func<LinkOptions, LinkOptions>? change = null)
    {
        LinkPair pair = new(pathCount, change, change);
        pair.StartBoth();
        pair.WaitUp();
        return pair;
    }

    internal LinkPair StartBoth()
    {
        B.Start();
        A.Start();
        return this;
    }

    internal void WaitUp()
    {
        for (int i = 0; i < A.PathCount; i++)
        {
            int path = i;
            Eventually.Holds(() => IsUp(A, SinkA, path) && IsUp(B, SinkB, path), $"path {path} is up on both sides, and both sinks were told");
        }
    }

    // A state is looked at by the pump now and then, so it may be of before; and it changes a moment before its sink is told.
    private static bool IsUp(LinkEndpoint end, RecordingSink sink, int path) => end.Status(path).State == LinkPathState.Up
        && sink.Changes.LastOrDefault(change => change.PathIndex == path)?.State == LinkPathState.Up
        && Enum.GetValues<LinkClass>().All(linkClass => end.Connection(path, linkClass) is not null);

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
        while (SinkA.Held.TryDequeue(out LinkFrame? frame)) frame.Dispose();
        while (SinkB.Held.TryDequeue(out LinkFrame? frame)) frame.Dispose();
    }

    private static LinkPathOptions Path(int number, byte mine, byte peers) => new()
    {
        Name = $"ft{number}",
        Local = new IPEndPoint(Address(number, mine), 7400),
        Peer = new IPEndPoint(Address(number, peers), 7400),
    };

    private static IPAddress Address(int number, byte side) => new([127, (byte)(100 + (number >> 14 & 63)), (byte)(number >> 6), (byte)((number << 2) | side)]);

    private static LinkOptions Options(string name, string peer, LinkPathOptions[] paths) => new()
    {
        PairName = "pair",
        ServerName = name,
        PeerName = peer,
        Paths = [.. paths],
    };
}
