using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using ActorFT.EndToEnd.Machines;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Lab;

/// <summary>Large files by HTTP, into the machine and out of it, with the leader killed in the middle of each.</summary>
[Collection(Collections.Pairs)]
public sealed class TransferTests(ITestOutputHelper output)
{
    private const int FileBytes = 100_000_000, ShellPort = 7778;

    [LabFact]
    public void HundredMegabytes_InAndOutByHttp_LeaderKilledInTheMiddle_ArriveAsTheyWere()
    {
        using LabPair pair = new LabPair("512 MiB", Guest.Command($"nc -ll -p {ShellPort} -e sh")).Start();
        byte[] content = new byte[FileBytes];
        new Random(1).NextBytes(content);
        string source = pair.PathOf("source"), progress = pair.PathOf("progress"), copy = pair.PathOf("copy");
        File.WriteAllBytes(source, content);
        pair.WaitUntilProtected();
        pair.WaitUntilGood();

        using Process server = pair.Run("client", "dotnet", LabPair.LabTool, "serve", "10.77.10.1:8000", source, "--progress", progress);
        pair.Until(() => File.Exists(progress), "the client's HTTP server");
        // busybox wget in the machine, told what to do over a connection of its own, which must outlive the leader too.
        string address = $"/dev/tcp/{LabPair.MachineAddress}/{ShellPort}";
        using Process shell = pair.Run("client", "bash", "-c", $"until (exec 3<>{address}) 2>/dev/null; do sleep 0.1; done; exec 3<>{address}; "
            + "echo 'wget -q -O /srv/file http://10.77.10.1:8000/file; echo ended with $?; exit' >&3; cat <&3");
        InTheMiddle(pair, shell, server, "in", () => long.Parse(File.ReadAllText(progress), CultureInfo.InvariantCulture));
        Assert.Equal("ended with 0", shell.StandardOutput.ReadToEnd().Trim());
        server.Kill(entireProcessTree: true);

        using Process fetch = pair.Run("client", "dotnet", LabPair.LabTool, "fetch", $"http://{LabPair.MachineAddress}/file", "--output", copy);
        InTheMiddle(pair, fetch, fetch, "out", () => File.Exists(copy) ? new FileInfo(copy).Length : 0);
        Assert.True(fetch.ExitCode == 0, fetch.StandardError.ReadToEnd());
        Assert.Equal(Convert.ToHexString(SHA256.HashData(content)), Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(copy))));
    }

    // The leader dies while the transfer runs; it ends with the survivor, and the pair is whole again before the next.
    private void InTheMiddle(LabPair pair, Process transfer, Process client, string way, Func<long> bytesDone)
    {
        string leader = pair.Leader, survivor = LabPair.Other(leader); // after a start on a host that starves them, another one than was protected first
        int led = pair.CountOf(survivor, "leading"), protections = pair.CountOf(survivor, "protected");
        pair.Until(() => bytesDone() > 0 || transfer.HasExited, $"the transfer {way} to begin");
        long begun = Stopwatch.GetTimestamp();
        pair.Until(() => bytesDone() > FileBytes / 10 || transfer.HasExited, $"a tenth of the transfer {way}");
        Assert.False(transfer.HasExited, $"The transfer {way} ended after {bytesDone()} bytes.");
        long atTakeOver;
        // A fast host would be done before the survivor leads: the client works a part of the time only until then.
        using (new SlowedProcess(client))
        {
            pair.Lab("kill", leader);
            pair.WaitUntilSaid(survivor, "leading", led);
            atTakeOver = bytesDone();
        }

        Assert.True(atTakeOver < FileBytes, $"The transfer {way} had ended before the other server led: it proves nothing.");
        pair.Until(() => transfer.HasExited, $"the transfer {way} to end ({bytesDone()} bytes)");
        double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        output.WriteLine($"{way}: {FileBytes / 1e6} MB in {seconds:F1} s; the other server led after {atTakeOver / 1e6:F0} MB");
        pair.Lab("start", leader);
        pair.WaitUntilSaid(survivor, "protected", protections);
    }

    /// <summary>A process that is stopped nine tenths of the time.</summary>
    private sealed class SlowedProcess : IDisposable
    {
        private readonly Process _process;
        private readonly Thread _thread;
        private volatile bool _isEnding;

        internal SlowedProcess(Process process)
        {
            _process = process;
            _thread = new Thread(() =>
            {
                while (!_isEnding && !_process.HasExited)
                {
                    Signal.Send(_process.Id, Signal.Stop); // or it has ended
                    Thread.Sleep(90);
                    Signal.Send(_process.Id, Signal.Continue);
                    Thread.Sleep(10);
                }
            });
            _thread.Start();
        }

        public void Dispose()
        {
            _isEnding = true;
            _thread.Join();
        }
    }
}
