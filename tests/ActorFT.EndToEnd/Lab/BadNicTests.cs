using ActorFT.EndToEnd.Machines;
using ActorFT.EndToEnd.Scripts;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Lab;

/// <summary>A server whose NIC cannot be opened says so in one sentence and leaves the host's network as it was.</summary>
public sealed class BadNicTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [LabTheory]
    [InlineData("missing bridge", "bridge = nobridge", 3, "bridge = 'nobridge' does not exist on this host")]
    [InlineData("missing uplink", "uplink = nolink", 3, "uplink = 'nolink' is no interface of this host")]
    [InlineData("bad MAC", "mac = \"52:54:00:77:0a\"", 2, "nics[0].mac is 52:54:00:77:0a; allowed is six bytes such as 52:54:00:12:34:56, not a multicast address.")]
    [InlineData("multicast MAC", "mac = \"01:54:00:77:0a:01\"", 2, "not a multicast address")]
    [InlineData("MTU too small", "mtu = 67", 2, "nics[0].mtu is 67; allowed is a whole number from 68 to 65535.")]
    [InlineData("MTU too large for a TAP", "mtu = 65535", 2, "NIC lan: mtu = 65535 is not allowed: 68 to 65521 bytes for a TAP.")]
    [InlineData("not an interface's name", "back-end = \"tap:this-name-is-too-long\"", 2, "this-name-is-too-long")]
    [InlineData("no permission", "", 3, "needs the right to change this host's network (CAP_NET_ADMIN)")]
    [InlineData("TAP in use", "", 3, "is in use by another program")]
    public void Server_WithANicThatCannotBe_SaysWhy_AndLeavesNothing(string what, string keys, int code, string expected)
    {
        string config = WriteConfig(keys.StartsWith("back-end", StringComparison.Ordinal) ? keys : "back-end = \"tap:aft0\", " + keys);
        string actorft = $"dotnet {ActorftProcess.Program}";
        // Somebody else's TAP is there before and after.
        string holder = what != "TAP in use" ? "" : $"""
            {actorft} run --kernel {Guest.Kernel} --memory 256M --nic tap:aft0 --console none </dev/null >/dev/null 2>&1 & holder=$!
            for i in $(seq 600); do if ip link show aft0 >/dev/null 2>&1; then break; fi; sleep 0.1; done
            """;
        string without = what == "no permission" ? WithoutRights : "";
        string script = _folder.Write("try", $"""
            ip link set lo up
            {holder}
            ip -o link show | cut -d: -f2 >before
            {without}{actorft} node --config {config}
            code=$?
            ip -o link show | cut -d: -f2 | cmp before - || echo "the host's interfaces are not as they were"
            [ -z "$holder" ] || kill $holder
            exit $code
            """);
        CommandResult result = Script.RunCommand("unshare", ["--net", "sh", "-c", $"cd {_folder.Root} && sh {script}"], TimeSpan.FromSeconds(LabPair.BoundSeconds));
        Assert.Contains(expected, result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((code, ""), (result.ExitCode, result.Output));
    }

    [LabFact]
    public void Server_WithoutRights_UsesTheTapThatRootMadeForItsUser_AndLeavesItThere()
    {
        string config = WriteConfig("back-end = \"tap:aft0\", uplink = br0");
        string script = _folder.Write("try", $"""
            ip link set lo up
            ip link add br0 type bridge && ip link set br0 up
            ip tuntap add aft0 mode tap user 0 && ip link set aft0 up master br0
            : >log # the shell that runs in the background may not have made it when it is first looked at
            {WithoutRights}dotnet {ActorftProcess.Program} node --config {config} >>log 2>&1 & node=$!
            for i in $(seq 1200); do if grep -q 'is started' log || ! kill -0 $node; then break; fi; sleep 0.1; done
            cat log
            kill $node
            wait $node
            ip -o link show aft0
            """);
        CommandResult result = Script.RunCommand("unshare", ["--net", "sh", "-c", $"cd {_folder.Root} && sh {script}"], TimeSpan.FromSeconds(LabPair.BoundSeconds));
        Assert.Contains("server-a is started", result.Output, StringComparison.Ordinal);
        Assert.Contains("aft0", result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], StringComparison.Ordinal);
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
    }

    private const string WithoutRights = "setpriv --bounding-set -net_admin --inh-caps -net_admin ";

    private string WriteConfig(string nic) => _folder.Write("server.conf", $$"""
        actorft {
          role = server, pair = bad, name = server-a, address = "127.0.0.1:4551", arbiter = "127.0.0.1:4553", data = "{{_folder.Root}}/data"
          peer { name = server-b, address = "127.0.0.1:4552" }
          links = [ { name = ft0, local = "127.0.0.1:4561", peer = "127.0.0.1:4562" } ]
          machines = [ { name = guest, kernel = "{{Guest.Kernel}}", initrd = "{{Guest.Initrd}}", memory = 256 MiB, console = none, nics = [ { name = lan, {{nic}} } ] } ]
        }
        akka.management.http { hostname = "127.0.0.1", port = 8551 }
        """);

    public void Dispose() => _folder.Dispose();
}
