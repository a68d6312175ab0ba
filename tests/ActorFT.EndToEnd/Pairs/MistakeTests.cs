using System.Net.Sockets;
using System.Text.RegularExpressions;
using ActorFT.EndToEnd.Machines;
using ActorFT.Network.Links;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>What operators and strangers get wrong, with real processes: one sentence on each side, nothing half-started, a running machine unharmed.</summary>
[Collection(Collections.Pairs)]
public sealed class MistakeTests
{
    [Fact]
    public void Strangers_AndAServerWithAnotherMachine_AreRefusedInASentence_AndTheMachineRunsOn()
    {
        using Pair pair = new Pair(2, "actorft.run=counter").StartAll();
        CounterObserver counter = new(pair);
        string leader = pair.WaitUntilProtected(), other = Pair.Other(leader);
        counter.WaitUntilItRises(leader);

        int exposed = pair.CountOf(leader, "exposed");
        SayToLink(pair, "GET / HTTP/1.1\r\nHost: link\r\n\r\n"u8.ToArray());
        WaitForRefusal(pair, Pair.ServerB, "another protocol");
        SayToLink(pair, LinkHello.Encode(LinkHelloKind.Hello, 999, []));
        WaitForRefusal(pair, Pair.ServerB, "version 999");
        counter.WaitUntilItRises(leader);
        Assert.Equal(exposed, pair.CountOf(leader, "exposed"));

        string right = File.ReadAllText(pair.ConfigurationPath(other));
        (string What, Func<string, string> Change)[] mistakes =
        [
            ("one vCPU more", text => text.Replace("vcpus = 2", "vcpus = 3", StringComparison.Ordinal)),
            ("another kernel", text => text.Replace(Guest.Kernel, OtherCopy(pair, Guest.Kernel, "kernel"), StringComparison.Ordinal)),
            ("another initrd", text => text.Replace(Guest.Initrd, OtherCopy(pair, Guest.Initrd, "initrd"), StringComparison.Ordinal)),
        ];
        foreach ((string what, Func<string, string> change) in mistakes)
        {
            pair.Kill(other);
            int before = pair.CountOf(leader, "peer-refused");
            string wrong = change(right);
            Assert.NotEqual(right, wrong);
            File.WriteAllText(pair.ConfigurationPath(other), wrong);
            pair.Start(other);
            Wait.Until(() => pair.CountOf(leader, "peer-refused") > before && pair.LogOfThisRun(other).Contains("define machine guest differently", StringComparison.Ordinal),
                () => $"both servers to say that they differ ({what}); {pair.Describe()}", 120);
            counter.WaitUntilItRises(leader);
            Assert.Equal(1, pair.LogOfThisRun(other).Split("define machine guest differently").Length - 1); // said once, not with every hello
        }

        (int, int) protectedBefore = pair.ProtectedCounts;
        pair.Kill(other);
        File.WriteAllText(pair.ConfigurationPath(other), right);
        pair.Start(other);
        pair.WaitUntilProtectedBy(leader, protectedBefore);
        counter.WaitUntilItRises(leader);
        Assert.Equal(0, counter.Repeated);
    }

    [Theory]
    [InlineData("peer \\{[^}]*\\}", "", "actorft.peer is missing; a pair has two servers")]
    [InlineData("commit", "comit", "unknown key actorft.lockstep.comit")]
    [InlineData("(local = \"127.0.0.1:)\\d+(\", peer = \"127.0.0.1:)(\\d+)", "${1}4999${2}4999", "actorft.links[0].local and actorft.links[1].local are both 127.0.0.1:4999")]
    [InlineData("arbiter = \"127.0.0.1:\\d+\"", "arbiter = \"judge\"", "judge")]
    public void Mistake_InTheFile_EndsTheProgramWithOneSentence(string pattern, string replacement, string said)
    {
        using Pair pair = new(2, "actorft.run=idle", "commit = received");
        string path = pair.ConfigurationPath(Pair.ServerA);
        string text = File.ReadAllText(path), wrong = Regex.Replace(text, pattern, replacement);
        Assert.NotEqual(text, wrong);
        File.WriteAllText(path, wrong);
        (int code, string output, string errors) = ActorftProcess.Run(pair.Folder, "node", "--config", "server-a.conf");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(said, errors, StringComparison.Ordinal);
        Assert.Single(errors.Trim().Split('\n'));
        Assert.False(Directory.Exists(Path.Combine(pair.Folder, "server-a"))); // nothing was begun
    }

    [Theory]
    [InlineData("console = \"file:", "console = \"file:no-such-folder/", "Machine guest: the file ")]
    [InlineData("http \\{ hostname = \"127.0.0.1\"", "http { hostname = \"192.0.2.1\"", "The HTTP endpoint cannot listen at akka.management.http 192.0.2.1:")]
    public void WhatTheHostDoesNotHave_EndsTheProgramWithOneSentence(string pattern, string replacement, string said)
    {
        using Pair pair = new(1, "actorft.run=idle");
        string path = pair.ConfigurationPath(Pair.ServerA);
        string text = File.ReadAllText(path), wrong = Regex.Replace(text, pattern, replacement);
        Assert.NotEqual(text, wrong);
        File.WriteAllText(path, wrong);
        (int code, _, string errors) = ActorftProcess.Run(pair.Folder, "node", "--config", "server-a.conf");
        Assert.True(code == 3, $"ended with {code}: {errors}");
        Assert.Contains("actorft: " + said, errors, StringComparison.Ordinal);
    }

    private static void SayToLink(Pair pair, byte[] words)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(pair.ListeningLink);
        socket.Send(words);
        socket.ReceiveTimeout = 10_000;
        byte[] answer = new byte[1024];
        Assert.NotEqual(0, socket.Receive(answer)); // it is told why, too
    }

    private static void WaitForRefusal(Pair pair, string server, string why) => Wait.Until(
        () => pair.Log(server).Split('\n').Any(line => line.Contains("[peer-refused]", StringComparison.Ordinal) && line.Contains(why, StringComparison.Ordinal)),
        () => $"{server} to refuse a stranger because of {why}; {pair.Describe()}", 60);

    // The same file with four more bytes at its end: nothing that a boot would notice.
    private static string OtherCopy(Pair pair, string path, string name)
    {
        string copy = Path.Combine(pair.Folder, "other-" + name);
        File.WriteAllBytes(copy, [.. File.ReadAllBytes(path), 0, 0, 0, 0]);
        return copy;
    }
}
