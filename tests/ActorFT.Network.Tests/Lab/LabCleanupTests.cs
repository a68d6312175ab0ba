using System.Diagnostics;
using ActorFT.Network.Tests.Support;
using ActorFT.Node.Tests.Support;

namespace ActorFT.Network.Tests.Lab;

/// <summary>What the lab promises to leave behind: nothing.</summary>
public sealed class LabCleanupTests
{
    [RootFact]
    public void TwoLabs_OneCleanedUp_OtherGoesOn()
    {
        using LabScript first = new(), second = new();
        first.Do("start", "--run", "a=sleep 1000");
        second.Do("start", "--run", "a=sleep 1000");
        int[] holders = first.Holders();
        Assert.NotEmpty(first.Leftovers());
        first.Do("cut", "ft0");
        first.Do("kill", "a");
        second.AssertReaches("a", "10.77.1.2");
        first.Do("cleanup");
        AssertNothingLeft(first, holders);
        Assert.Matches("a +running", second.Do("status"));
        second.AssertReaches("a", "10.77.1.2");
    }

    [RootFact]
    public void Run_CommandFailsOrIsInterrupted_LeavesNothing()
    {
        using LabScript lab = new();
        (int code, string output, _) = lab.Try("run", "--run", "a=sleep 1000", "--", "bash", "-c", "echo $ACTORFT_LAB; cat $ACTORFT_LAB/cmd/a; exit 7");
        Assert.Equal(7, code);
        Assert.Equal($"{lab.Folder}\nsleep 1000\n", output);
        AssertNothingLeft(lab, []);

        using Process process = lab.Start("run", "--run", "a=sleep 1000", "--", "bash", "-c", "echo started; sleep 1000");
        Assert.Equal("started", process.StandardOutput.ReadLine());
        int[] holders = lab.Holders();
        Signal.Send(process.Id, Signal.Terminate);
        Assert.True(process.WaitForExit(30_000), "the script ends");
        AssertNothingLeft(lab, holders);
    }

    [RootTheory]
    [InlineData("ns/fabric", Signal.Interrupt, false)]
    [InlineData("ns/a", Signal.Interrupt, true)]
    [InlineData("ns/client", Signal.Terminate, false)]
    [InlineData("ns/arbiter", Signal.Terminate, true)]
    [InlineData("proc/a", Signal.Interrupt, true)]
    public void Start_InterruptedInBetween_LeavesNothing(string untilFile, int signal, bool isForAll)
    {
        using LabScript lab = new();
        string programs = Directory.CreateTempSubdirectory("actorft-lab-programs-").FullName, half = Path.Combine(lab.Folder, untilFile), isSent = Path.Combine(programs, "sent");
        // The script looks with find(1) for what runs in a role before it starts the role's command: it gets no further than that until the signal is
        // sent, however fast it is and however late this test looks.
        File.WriteAllText(Path.Combine(programs, "find"), $"#!/bin/sh\nwhile [ -e '{half}' ] && [ ! -e '{isSent}' ]; do sleep 0.01; done\nexec /usr/bin/find \"$@\"\n");
        NetworkNamespace.Run("chmod", $"u+x {Path.Combine(programs, "find")}");
        // A session of its own, as a terminal gives: Ctrl-C goes to every process in it.
        using Process process = lab.StartSession(programs, ["start", "--run", "a=sleep 1000", "--run", "b=sleep 1000"]);
        Eventually.Holds(() => File.Exists(half), "the lab is half built");
        Assert.Equal(0, Signal.Send(isForAll ? -process.Id : process.Id, signal));
        File.WriteAllText(isSent, "");
        Assert.True(process.WaitForExit(30_000), "the script ends");
        Assert.Equal(128 + signal, process.ExitCode);
        AssertNothingLeft(lab, []);
        Directory.Delete(programs, recursive: true);
    }

    [RootFact]
    public void Owner_Killed_LabCleansItselfUp()
    {
        using LabScript lab = new();
        using Process owner = Process.Start("sleep", "1000");
        lab.Do("start", "--run", "a=sleep 1000", "--owner", owner.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        int[] holders = lab.Holders();
        owner.Kill();
        Eventually.Holds(() => !Directory.Exists(lab.Folder), "the lab is gone", withinMs: 30_000);
        AssertNothingLeft(lab, holders);
    }

    [Theory]
    [InlineData("'x' is not a role", "start", "--run", "x=true")]
    [InlineData("--run needs ROLE=COMMAND, not 'a='", "start", "--run", "a=")]
    [InlineData("start does not know '--frob'", "start", "--frob")]
    [InlineData("--owner 4194999: no such process", "start", "--owner", "4194999")]
    [InlineData("'frob' is not a command", "frob")]
    [InlineData("no lab is running in", "cut", "ft0")]
    [InlineData("no lab is running in", "kill", "a")]
    [InlineData("run needs -- COMMAND", "run", "true")]
    public void BadCommand_IsRefusedInOneSentence(string expected, params string[] arguments)
    {
        using LabScript lab = new();
        (int code, string output, string error) = lab.Try(arguments);
        Assert.Equal(2, code);
        Assert.StartsWith($"scripts/lab: {expected}", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.Empty(output);
        AssertNothingLeft(lab, []);
    }

    [RootFact]
    public void BadTarget_IsRefusedAndTheLabUnharmed()
    {
        using LabScript lab = new();
        lab.Do("start");
        foreach (string target in (string[])["ft9", "a.ft9", "arbiter.ft0", "x.lan"])
        {
            (int code, _, string error) = lab.Try("cut", target);
            Assert.Equal(2, code);
            Assert.Contains("is no", error, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("cut", lab.Do("status").Replace(lab.Folder, "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(2, lab.Try("start").Code);
        lab.AssertReaches("a", "10.77.1.2");
    }

    [Fact]
    public void Help_NamesEveryCommand()
    {
        using LabScript lab = new();
        string help = lab.Do("--help");
        Assert.All(
            (string[])["start", "stop", "kill", "freeze", "cut", "degrade", "heal", "status", "exec", "sniff", "run", "cleanup"],
            command => Assert.Contains($"  {command} ", help, StringComparison.Ordinal));
    }

    private static void AssertNothingLeft(LabScript lab, int[] holders)
    {
        Eventually.Holds(() => lab.Leftovers().Count == 0, $"no process is left of {lab.Folder}");
        Assert.All(holders, pid => Assert.False(IsAlive(pid), $"process {pid} still holds a namespace"));
        Assert.False(Directory.Exists(lab.Folder));
        Assert.False(File.Exists(lab.Folder + ".lock"));
    }

    private static bool IsAlive(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1][0] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
