using System.Globalization;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Lockstep.Records;
using ActorFT.Node.Commands;
using ActorFT.Node.Replaying;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Commands;

/// <summary>The real program in a process of its own, with guests of a few instructions.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private (int ExitCode, string Output, string Errors) Run(params string[] arguments) => ActorftProcess.Run(_folder.Root, arguments);

    private void Kernel(byte[] image) => _folder.Write("kernel", image);

    [Theory]
    [InlineData(false, 0, "shutdown")]
    [InlineData(true, 1, "failed")]
    public void The_guests_shutdown_is_the_exit_code(bool failure, int expected, string end)
    {
        Kernel(TinyGuest.PrintAndShutDown("hello from the guest\n", failure));
        (int code, string output, string errors) = Run("run", "--kernel", "kernel", "--memory", "16M", "--vcpus", "2", "--stats", "--output", "json");
        Assert.Equal(expected, code);
        Assert.StartsWith("hello from the guest\n", output, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(output.Split('\n')[1]);
        Assert.Equal(end, json.RootElement.GetProperty("end").GetString());
        Assert.Equal(expected, json.RootElement.GetProperty("exitCode").GetInt32());
        Assert.Equal(2, json.RootElement.GetProperty("retired").GetArrayLength());
        Assert.Equal(32, json.RootElement.GetProperty("digest").GetString()!.Length);
        Assert.Contains("instructions of vCPU 1", errors, StringComparison.Ordinal);
        Assert.Contains("MIPS", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Max_time_ends_a_guest_that_does_not_with_124()
    {
        Kernel(TinyGuest.CountForEver());
        Assert.Equal(124, Run("run", "--kernel", "kernel", "--memory", "16M", "--max-time", "0.5").ExitCode);
        Kernel(TinyGuest.WaitForEver(""));
        Assert.Equal(124, Run("run", "--kernel", "kernel", "--memory", "16M", "--max-time", "0.5").ExitCode);
    }

    [Fact]
    public void A_reboot_goes_on_in_the_same_process()
    {
        Kernel(TinyGuest.PrintAndReboot("again "));
        using ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--kernel", "kernel", "--memory", "16M");
        process.WaitForOutput("again again again again");
        process.Signal(ActorftProcess.SigTerm);
        Assert.Equal(128 + ActorftProcess.SigTerm, process.WaitForEnd().ExitCode);
    }

    [Fact]
    public void What_is_piped_in_is_typed_and_its_end_does_not_stop_the_machine()
    {
        Kernel(TinyGuest.Echo("ready "));
        using (ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--kernel", "kernel", "--memory", "16M"))
        {
            process.Type("one \u0001x two q");
            process.CloseInput();
            (int code, string output, _) = process.WaitForEnd();
            Assert.Equal((0, "ready one \u0001x two q"), (code, output));
        }
        using (ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--kernel", "kernel", "--memory", "16M"))
        {
            process.CloseInput();
            process.WaitForOutput("ready ");
            process.Signal(ActorftProcess.SigInt);
            Assert.Equal(128 + ActorftProcess.SigInt, process.WaitForEnd().ExitCode);
        }
    }

    [Fact]
    public void A_pipe_longer_than_every_buffer_arrives_whole()
    {
        Kernel(TinyGuest.Echo(""));
        string text = string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i:d5}"));
        using ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--kernel", "kernel", "--memory", "16M");
        process.Type(text + "q");
        process.CloseInput();
        (int code, string output, _) = process.WaitForEnd();
        Assert.Equal(0, code);
        Assert.Equal(text + "q", output);
    }

    [Fact]
    public void The_console_goes_to_a_file_or_nowhere()
    {
        Kernel(TinyGuest.PrintAndShutDown("into the file\n"));
        Assert.Equal((0, ""), Run("run", "--kernel", "kernel", "--memory", "16M", "--console", "file:out.txt") is var (code, output, _) ? (code, output) : default);
        Assert.Equal("into the file\n", File.ReadAllText(_folder["out.txt"]));
        Assert.Equal("", Run("run", "--kernel", "kernel", "--memory", "16M", "--console", "none").Output);
    }

    [Fact]
    public void A_slow_reader_of_standard_output_gets_everything_and_holds_no_stop_up()
    {
        string text = string.Concat(Enumerable.Range(0, 30).Select(i => $"line {i}\n"));
        Kernel(TinyGuest.PrintAndShutDown(text));
        using (ActorftProcess slow = ActorftProcess.StartShell(_folder.Root, "$ACTORFT run --kernel kernel --memory 16M | (sleep 4; cat)"))
            Assert.Equal(text, slow.WaitForEnd().Output);
        Kernel(TinyGuest.PrintAndReboot(text));
        // A reader that never reads: more than every buffer takes waits, the machine stands, and a signal still ends it.
        using ActorftProcess never = ActorftProcess.StartShell(_folder.Root, "{ $ACTORFT run --kernel kernel --memory 16M --max-time 110 & echo $! >pid; wait $!; echo $? >code; } | sleep 120");
        Wait.Until(() => File.Exists(_folder["pid"]) && File.ReadAllText(_folder["pid"]).EndsWith('\n'), "the program to start");
        int id = int.Parse(File.ReadAllText(_folder["pid"]), CultureInfo.InvariantCulture);
        Wait.Until(() => ActorftProcess.WaitingOutputBytes(id) > 48 << 10, () => $"the pipe to be full; it holds {ActorftProcess.WaitingOutputBytes(id)} bytes", seconds: 60);
        // However fast the host: until the program does next to nothing (its own buffers are full too).
        for (long before = -100, now; (now = ActorftProcess.Ticks(id)) - before > 5; before = now) Thread.Sleep(500);
        Assert.Equal("", ActorftProcess.RunShell(_folder.Root, "kill $(cat pid)").Errors);
        Wait.Until(() => File.Exists(_folder["code"]) && File.ReadAllText(_folder["code"]).EndsWith('\n'), "the end", seconds: 15);
        Assert.Equal("143\n", File.ReadAllText(_folder["code"]));
    }

    [Fact]
    public void A_closed_standard_output_ends_the_run_with_3()
    {
        Kernel(TinyGuest.PrintAndReboot("line\n"));
        using ActorftProcess process = ActorftProcess.StartShell(_folder.Root, "{ $ACTORFT run --kernel kernel --memory 16M; echo $? > code; } | head -n 1");
        Assert.Equal("line\n", process.WaitForEnd().Output);
        Assert.Equal("3\n", File.ReadAllText(_folder["code"]));
    }

    [Fact]
    public void A_machine_saved_when_it_is_stopped_goes_on_where_it_was()
    {
        // Seconds of work on the fastest host, so that the 0.3 s end in the middle of it.
        Kernel(TinyGuest.CountAndShutDown(150_000_000, "counted\n"));
        (int code, _, string errors) = Run("run", "--kernel", "kernel", "--memory", "16M", "--max-time", "0.3", "--save", "m.aftsave", "--stats");
        Assert.True(code == 124, errors);
        (code, string output, errors) = Run("run", "--restore", "m.aftsave", "--memory", "16M");
        Assert.True(code == 0, errors);
        Assert.Equal("counted\n", output);
    }

    [Fact]
    public void A_record_of_a_restored_machine_replays_from_the_same_save_and_from_no_other_start()
    {
        Kernel(TinyGuest.CountAndShutDown(150_000_000, "counted\n"));
        Assert.Equal(124, Run("run", "--kernel", "kernel", "--memory", "16M", "--max-time", "0.3", "--save", "m.aftsave").ExitCode);
        Assert.Equal(0, Run("run", "--restore", "m.aftsave", "--memory", "16M", "--record", "rest.aftlog").ExitCode);
        (int code, _, string errors) = Run("replay", "rest.aftlog", "--restore", "m.aftsave");
        Assert.True(code == 0, errors);
        Assert.Contains("restore a save of that run at round", OneSentence(2, Run("replay", "rest.aftlog")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_signal_saves_a_running_machine_and_it_goes_on()
    {
        Kernel(TinyGuest.Echo("ready "));
        using ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--kernel", "kernel", "--memory", "16M", "--save", "m.aftsave");
        process.WaitForOutput("ready ");
        process.Signal(ActorftProcess.SigUsr1);
        Wait.Until(() => File.Exists(_folder["m.aftsave"]), "the save file");
        process.Type("q");
        (int code, string output, string errors) = process.WaitForEnd();
        Assert.Equal((0, "ready q"), (code, output));
        Assert.Contains("saved at round", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recorded_run_replays_equal_in_another_process_and_in_two_halves()
    {
        Kernel(TinyGuest.CountAndShutDown(5_000_000, "counted\n"));
        (int code, string output, string errors) = Run("run", "--kernel", "kernel", "--memory", "16M", "--vcpus", "2", "--console", "none", "--record", "r.aftlog", "--output", "json");
        Assert.True(code == 0, errors);
        string digest = Digest(output);
        (code, output, errors) = Run("replay", "r.aftlog", "--output", "json", "--stats");
        Assert.True(code == 0, errors);
        Assert.Equal(digest, Digest(output));
        ulong rounds = JsonDocument.Parse(output).RootElement.GetProperty("endRound").GetUInt64();
        Assert.Equal(0, Run("replay", "r.aftlog", "--until-round", $"{rounds / 2}", "--save", "half.aftsave").ExitCode);
        (code, output, errors) = Run("replay", "r.aftlog", "--restore", "half.aftsave", "--output", "json");
        Assert.True(code == 0, errors);
        Assert.Equal(digest, Digest(output));
        Assert.Equal("counted\n", Run("replay", "r.aftlog", "--console", "stdio").Output);
    }

    [Fact]
    public void A_record_that_is_torn_foreign_or_of_another_kernel_has_its_exit_code_and_sentence()
    {
        Kernel(TinyGuest.CountAndShutDown(1_000_000, "counted\n"));
        Assert.Equal(0, Run("run", "--kernel", "kernel", "--memory", "16M", "--console", "none", "--record", "r.aftlog").ExitCode);
        byte[] record = File.ReadAllBytes(_folder["r.aftlog"]);
        _folder.Write("torn", record[..^20]);
        (int code, _, string errors) = Run("replay", "torn");
        Assert.True(code == 3 && errors.Contains("actorft: torn: The record log cannot be read from offset", StringComparison.Ordinal), errors);
        byte[] changed = [.. record];
        changed[^30] ^= 4;
        _folder.Write("changed", changed);
        Assert.Equal(2, Run("replay", "changed").ExitCode);
        _folder.Write("header", record[..50]);
        OneSentence(2, Run("replay", "header"));
        OneSentence(2, Run("replay", "kernel"));
        OneSentence(2, Run("replay", "no-such-file"));
        _folder.Write("other", TinyGuest.CountForEver());
        Assert.Contains("kernel", OneSentence(2, Run("replay", "r.aftlog", "--kernel", "other")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run", "No kernel is named")]
    [InlineData("run --kernel missing", "The kernel missing does not exist.")]
    [InlineData("run --kernel .", "is a folder")]
    [InlineData("run --kernel junk", "unknown format")]
    [InlineData("run --kernel kernel --vcpus 0", "--vcpus is 0; allowed is a whole number from 1 to 8.")]
    [InlineData("run --kernel kernel --vcpus 9", "--vcpus is 9; allowed is a whole number from 1 to 8.")]
    [InlineData("run --kernel kernel --vcpus two", "--vcpus is two; allowed is a whole number from 1 to 8.")]
    [InlineData("run --kernel kernel --memory 3M", "--memory is 3M; allowed is from 2 MiB to 1 TiB in steps of 2 MiB.")]
    [InlineData("run --kernel kernel --memory lots", "--memory is lots; allowed is a size such as 512 MiB")]
    [InlineData("run --kernel kernel --memory 2M", "memory")]
    [InlineData("run --kernel kernel --initrd missing", "The initrd missing does not exist.")]
    [InlineData("run --kernel kernel --console tty", "--console is tty; allowed is stdio, none or file:PATH.")]
    [InlineData("run --kernel kernel --console file:no/such/folder", "does not exist")]
    [InlineData("run --kernel kernel --disk missing.img", "missing.img does not exist")]
    [InlineData("run --kernel kernel --disk junk", "multiple of 512")]
    [InlineData("run --kernel kernel --nic eth0", "--nic is eth0; allowed is tap:NAME")]
    [InlineData("run --kernel kernel --nic tap:a-name-that-is-too-long", "1 to 15 characters")]
    [InlineData("run --kernel kernel --max-time 0", "--max-time is 0; allowed is a number of seconds above 0")]
    [InlineData("run --kernel kernel --max-time soon", "--max-time is soon")]
    [InlineData("run --kernel kernel --output xml", "--output is xml; allowed is text or json.")]
    [InlineData("run --kernel kernel --restore junk", "is not an ActorFT save file")]
    [InlineData("run --kernel kernel --restore missing", "The save file missing does not exist.")]
    [InlineData("run --kernel kernel --save no/such/folder", "is in a folder that does not exist")]
    [InlineData("run --kernel kernel --record no/such/folder", "is in a folder that does not exist")]
    [InlineData("run --config missing.conf", "The configuration file missing.conf does not exist.")]
    [InlineData("run --config bad.conf", "bad.conf:1: unknown key machine.vcpu; did you mean machine.vcpus?")]
    [InlineData("run --kernl kernel", "did you mean --kernel?")]
    [InlineData("rum", "did you mean run?")]
    [InlineData("replay", "Required argument 'FILE' missing")]
    [InlineData("replay r --until-round minus", "--until-round is minus; allowed is a round's number.")]
    public void An_operators_mistake_is_one_sentence_and_2(string commandLine, string sentence)
    {
        Kernel(TinyGuest.PrintAndShutDown("must not run"));
        _folder.Write("junk", new byte[1000]);
        _folder.Write("bad.conf", "machine { vcpu = 2 }");
        (int, string Output, string) result = Run(commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(sentence, OneSentence(2, result), StringComparison.Ordinal);
        Assert.Equal("", result.Output);
    }

    [Fact]
    public void Memory_that_the_host_refuses_is_the_environments_fault()
    {
        Kernel(TinyGuest.PrintAndShutDown("must not run"));
        // The shell's limit on address space makes the host refuse, however much it has.
        using ActorftProcess process = ActorftProcess.StartShell(_folder.Root, "ulimit -v 300000000; $ACTORFT run --kernel kernel --memory 1T");
        string sentence = OneSentence(3, process.WaitForEnd());
        Assert.Contains("needs 1 TiB of memory", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net_admin", "--nic tap:aft0", "NIC nic0: ")]
    [InlineData("dac_override,-dac_read_search", "--disk disk", "The image of disk disk0, disk cannot be opened: no permission.")]
    [InlineData("dac_override,-dac_read_search", "--record locked/file", "The record locked/file cannot be written: no permission.")]
    [InlineData("dac_override,-dac_read_search", "--save locked/file", "The save file locked/file cannot be written: no permission.")]
    public void What_the_user_may_not_do_is_the_environments_fault(string dropped, string options, string sentence)
    {
        Kernel(TinyGuest.PrintAndShutDown("must not run"));
        _folder.Write("disk", new byte[4096]);
        // Root without the capability is as anyone else; another user would need a home and the right to read the program.
        using ActorftProcess process = ActorftProcess.StartShell(_folder.Root,
            $"chmod 000 disk; mkdir locked; chmod 500 locked; exec setpriv --bounding-set=-{dropped} $ACTORFT run --kernel kernel --memory 16M {options}");
        (int, string Output, string) result = process.WaitForEnd();
        Assert.Contains(sentence, OneSentence(3, result), StringComparison.Ordinal);
        Assert.Equal("", result.Output);
    }

    [Fact]
    public void A_replay_that_diverges_is_4_and_names_the_round_and_the_components()
    {
        // Longer than it takes to a digest (a record has one at least every 10 ms), also on a fast host.
        Kernel(TinyGuest.CountAndShutDown(40_000_000, "counted\n"));
        Assert.Equal(0, Run("run", "--kernel", "kernel", "--memory", "16M", "--console", "none", "--record", "r.aftlog").ExitCode);
        using (RecordLogFile log = RecordLogFile.Open(File.OpenRead(_folder["r.aftlog"])))
        using (FileStream changed = File.Create(_folder["changed"]))
        {
            var writer = new RecordLogWriter(log.Header);
            changed.Write(writer.Start.Span);
            while (log.Read() is { Record: { } record })
                changed.Write(writer.Append(record with { DigestAtEnd = record.DigestAtEnd is { } digest ? digest with { High = ~digest.High } : null }).Span);
        }
        (int code, _, string errors) = Run("replay", "changed");
        Assert.True(code == 4, $"exit code {code}: {errors}");
        Assert.Contains("actorft: changed: the replay diverged at round ", errors, StringComparison.Ordinal); // on a slow host its progress is told before
        Assert.Contains("\n  vcpu-0 ", errors, StringComparison.Ordinal);
        Assert.Contains("\n  memory ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broken_invariant_is_4_with_a_dump_that_holds_the_stack_and_the_round()
    {
        Kernel([1]);
        var machine = new FakeMachine { OnRound = (time, _) => time > 0 ? throw new InvalidOperationException("the rule that broke") : [] };
        BrokenInvariantException error = Assert.Throws<BrokenInvariantException>(() =>
        {
            var config = new MachineConfig { KernelPath = _folder["kernel"], Console = ConsoleBackEnd.None };
            using RunSession session = RunSession.Open(new RunRequest { Config = config }, _ => machine);
            session.Run();
        });
        string path = error.Message.Split("the dump is ")[1];
        string dump = File.ReadAllText(path);
        File.Delete(path);
        Assert.Contains("the rule that broke", error.Message, StringComparison.Ordinal);
        Assert.Contains("   at ", dump, StringComparison.Ordinal);
        Assert.Contains("round 0", dump, StringComparison.Ordinal);
        Assert.Equal(4, CommandBoundary.Run(isDebug: false, () => throw error));
    }

    [Fact]
    public void An_image_that_another_machine_uses_is_the_environments_fault()
    {
        Kernel(TinyGuest.Echo("ready "));
        _folder.Write("disk", new byte[4096]);
        using ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--kernel", "kernel", "--memory", "16M", "--disk", "disk");
        process.WaitForOutput("ready ");
        OneSentence(3, Run("run", "--kernel", "kernel", "--memory", "16M", "--disk", "disk"));
        process.Type("q");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
    }

    [Fact]
    public void A_save_of_another_machine_is_refused_with_what_differs()
    {
        Kernel(TinyGuest.CountForEver());
        Assert.Equal(124, Run("run", "--kernel", "kernel", "--memory", "16M", "--max-time", "0.2", "--save", "m.aftsave").ExitCode);
        Assert.Contains("vcpus was 1 when it was saved, and is 2", OneSentence(2, Run("run", "--kernel", "kernel", "--memory", "16M", "--vcpus", "2", "--restore", "m.aftsave")), StringComparison.Ordinal);
        _folder.Write("other", TinyGuest.PrintAndShutDown(""));
        Assert.Contains("kernel", OneSentence(2, Run("run", "--kernel", "other", "--memory", "16M", "--restore", "m.aftsave")), StringComparison.Ordinal);
        byte[] save = File.ReadAllBytes(_folder["m.aftsave"]);
        _folder.Write("torn", save[..(save.Length / 2)]);
        Assert.Contains("torn", OneSentence(2, Run("run", "--kernel", "kernel", "--memory", "16M", "--restore", "torn")), StringComparison.Ordinal);
    }

    [Fact]
    public void Help_has_examples_and_exit_codes()
    {
        (int code, string output, _) = Run("run", "--help");
        Assert.Equal(0, code);
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", output, StringComparison.Ordinal);
        Assert.Contains("--max-time", output, StringComparison.Ordinal);
    }

    private static string OneSentence(int expectedCode, (int ExitCode, string Output, string Errors) result)
    {
        Assert.True(result.ExitCode == expectedCode, $"exit code {result.ExitCode}: {result.Errors}");
        Assert.StartsWith("actorft: ", result.Errors, StringComparison.Ordinal);
        Assert.Equal(1, result.Errors.Count(c => c == '\n'));
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
        return result.Errors;
    }

    private static string Digest(string json) => JsonDocument.Parse(json).RootElement.GetProperty("digest").GetString()!;
}
