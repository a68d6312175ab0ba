using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Machines;

/// <summary>What a user of <c>actorft run</c> sees of the real guest.</summary>
public sealed class GuestBehaviourTests(ITestOutputHelper measured) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private ActorftProcess Start(int vcpus, string does, params string[] more) => ActorftProcess.Start(_folder.Root, Guest.Arguments(vcpus, $"{Guest.BootsSooner} {does}", more));

    private (int ExitCode, string Output, string Errors) Run(int vcpus, string does, params string[] more)
    {
        using ActorftProcess process = Start(vcpus, does, more);
        process.CloseInput();
        return process.WaitForEnd(Guest.BoundSeconds);
    }

    private string Disk(int bytes = 4 << 20) => _folder.Write("disk.img", new byte[bytes]);

    // Each reading of the guest's clocks lies between the host's moments before it was asked for and after its answer was seen, however late a busy host is with either.
    [Fact]
    public void The_guests_clock_runs_at_real_time_and_shows_the_hosts()
    {
        using ActorftProcess process = Start(2, "actorft.run=shell");
        process.WaitForOutput("guest# ", Guest.BoundSeconds);
        ClockReading first = ReadClock(process, 1);
        process.Type("sleep 3; echo slept-$((3*1))\n");
        process.WaitForOutput("slept-3", 60);
        ClockReading last = ReadClock(process, 2);
        const double Tick = 0.05; // the guest tells hundredths
        (double least, double most) = (Stopwatch.GetElapsedTime(first.Seen, last.Asked).TotalSeconds, Stopwatch.GetElapsedTime(first.Asked, last.Seen).TotalSeconds);
        double seconds = last.UptimeSeconds - first.UptimeSeconds;
        measured.WriteLine($"{seconds:F2} s of the guest, {least:F3} to {most:F3} s of the host");
        Assert.True(seconds >= 3 - Tick && seconds >= least - Tick && seconds <= most + Tick, $"{seconds:F2} s of the guest were {least:F3} to {most:F3} s");
        Assert.All([first, last], one => Assert.InRange(one.UnixSeconds, one.HostUnixBefore - 3, one.HostUnixAfter + 3));
        process.Type("exit\n");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
    }

    private sealed record ClockReading(double UptimeSeconds, long UnixSeconds, long Asked, long Seen, long HostUnixBefore, long HostUnixAfter);

    private static ClockReading ReadClock(ActorftProcess process, int number)
    {
        (long asked, long before) = (Stopwatch.GetTimestamp(), DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        process.Type($"echo clock-$(({number}*1)) $(cat /proc/uptime) $(date +%s) end\n"); // what is typed is shown too, and is no answer
        Match told = Match.Empty;
        Wait.Until(() => (told = Regex.Match(process.Output, $@"clock-{number} ([\d.]+) [\d.]+ (\d+) end")).Success || process.HasEnded, () => $"the guest's clock in {process.Output} {process.Errors}", 60);
        (long seen, long after) = (Stopwatch.GetTimestamp(), DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        Assert.True(told.Success, process.Output + process.Errors);
        return new ClockReading(double.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture), long.Parse(told.Groups[2].Value, CultureInfo.InvariantCulture), asked, seen, before, after);
    }

    [Fact]
    public void An_idle_guest_uses_less_than_5_percent_of_a_core_and_answers_when_typed_to() => Idle(2);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [Trait("Category", "Drill")]
    public void An_idle_guest_with_another_number_of_vcpus_does_so_too(int vcpus) => Idle(vcpus);

    private void Idle(int vcpus)
    {
        using ActorftProcess process = Start(vcpus, "actorft.run=shell");
        process.WaitForOutput("guest# ", Guest.BoundSeconds);
        // The first seconds after boot belong to the kernel's own housekeeping: idle is reached when a second costs next to nothing.
        TimeSpan last = process.ProcessorTime;
        long started = Stopwatch.GetTimestamp();
        TimeSpan used = TimeSpan.MaxValue;
        while (used > TimeSpan.FromSeconds(0.25) && Stopwatch.GetElapsedTime(started).TotalSeconds < 60)
        {
            Thread.Sleep(5000); // the time over which the use is measured
            TimeSpan now = process.ProcessorTime;
            (used, last) = (now - last, now);
        }
        Assert.True(used < TimeSpan.FromSeconds(0.25), $"{used.TotalSeconds:F2} s of processor time in 5 s");
        measured.WriteLine($"{vcpus} vCPUs: {used.TotalSeconds / 5:P1} of a core");
        process.Type("echo answer-$((6*7))\n");
        process.WaitForOutput("answer-42", 30);
        process.Type("exit\n");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
    }

    [Fact]
    public void A_reboot_comes_up_again_in_the_same_process()
    {
        (int code, string output, string errors) = Run(2, "actorft.run=reboot-once", "--disk", Disk());
        Assert.True(code == 0, errors);
        Assert.Equal(2, Count(output, "actorft-guest: ready nproc=2"));
    }

    [Fact]
    public void Blocks_that_were_stable_when_the_program_was_killed_are_there_and_right()
    {
        string disk = Disk();
        using (ActorftProcess process = Start(1, "actorft.run=diskwrite", "--disk", disk))
        {
            process.CloseInput();
            process.WaitForOutput("actorft-guest: stable 12", Guest.BoundSeconds);
            process.Signal(9);
            process.WaitForEnd();
            int stable = Count(process.Output, "actorft-guest: stable ");
            (int code, string output, string errors) = Run(1, "actorft.run=diskverify", "--disk", disk + ",ro");
            Assert.True(code == 0, errors);
            string verified = output.Split("actorft-guest: verified ")[1].Split('\r', '\n')[0];
            Assert.EndsWith(" bad 0", verified, StringComparison.Ordinal);
            Assert.True(int.Parse(verified.Split(' ')[0], CultureInfo.InvariantCulture) >= stable, $"{stable} were stable, verified are {verified}");
        }
    }

    [Fact]
    public void A_machine_that_was_saved_counts_on_without_a_gap()
    {
        string save = _folder["counter.aftsave"];
        string before;
        using (ActorftProcess process = Start(2, "actorft.run=counter actorft.pace=20000", "--save", save))
        {
            process.CloseInput();
            process.WaitForOutput("counter 20", Guest.BoundSeconds);
            process.Signal(ActorftProcess.SigTerm);
            Assert.Equal(128 + ActorftProcess.SigTerm, process.WaitForEnd().ExitCode);
            before = process.Output;
        }
        using ActorftProcess restored = Start(2, "actorft.run=counter actorft.pace=20000", "--restore", save);
        restored.CloseInput();
        Wait.Until(() => Count(restored.Output, "counter ") > 20, () => $"the restored guest to count; it wrote {restored.Output} {restored.Errors}", Guest.BoundSeconds);
        restored.Signal(ActorftProcess.SigTerm);
        restored.WaitForEnd();
        string[] lines = [.. (before + restored.Output).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r')).Where(line => line.StartsWith("counter ", StringComparison.Ordinal))];
        // The last line may have been cut by the end.
        for (int i = 0; i < lines.Length - 1; i++) Assert.Equal($"counter {i + 1}", lines[i]);
        Assert.True(lines.Length > 40);
    }

    [Fact]
    public void A_person_at_the_terminal_has_the_guests_shell_and_gets_the_window_back()
    {
        using var terminal = new PseudoTerminal();
        string before = terminal.Settings;
        string arguments = string.Join(' ', Guest.Arguments(2, "actorft.run=shell").Select(argument => $"'{argument}'"));
        using ActorftProcess process = ActorftProcess.StartShell(_folder.Root, $"exec $ACTORFT {arguments} <{terminal.Path} >{terminal.Path} 2>&1");
        Expect("guest# ", Guest.BoundSeconds);
        Assert.NotEqual(before, terminal.Settings);
        terminal.Type("nproc\r");
        Expect("\r\n2\r\n");
        // The echo of the line says nothing of the command, whose own output says that it runs. It is a process that was executed
        // already: between its fork and that, a child of the shell still has the shell's handler, which swallows an interrupt.
        terminal.Type("sh -c \"echo be''gun; exec sleep 1000\"\r");
        Expect("begun\r\n");
        terminal.Type("\u0003"); // Ctrl-C goes to the guest
        Expect("^C\r\nguest# ");
        terminal.Type("\u0001x");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
        Assert.Equal(before, terminal.Settings);

        void Expect(string text, double seconds = 60) =>
            Wait.Until(() => terminal.Shown.Contains(text, StringComparison.Ordinal) || process.HasEnded, () => $"\"{text}\" in {terminal.Shown}", seconds);
    }

    [Fact]
    public void The_virtio_console_is_written_to_and_typed_at()
    {
        // The kernel's virtio transport is a module, so that init itself runs on the UART.
        string config = _folder.Write("hvc.conf", $$"""
            machine {
              kernel = "{{Guest.Kernel}}", initrd = "{{Guest.Initrd}}", memory = 256 MiB, vcpus = 2, virtio-console = on
              append = "console=ttyS0 console=hvc0 quiet loglevel=3 {{Guest.Command("echo asked >/dev/hvc0;read a </dev/hvc0;echo got $a")}}"
            }
            """);
        using ActorftProcess process = ActorftProcess.Start(_folder.Root, "run", "--config", config, "--max-time", $"{Guest.BoundSeconds}");
        process.WaitForOutput("asked", Guest.BoundSeconds);
        process.Type("forty-two\n");
        (int code, string output, string errors) = process.WaitForEnd(Guest.BoundSeconds);
        Assert.True(code == 0, errors);
        Assert.Contains("got forty-two", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_reaches_the_guest_through_its_tap()
    {
        // In a network name space of its own; the TAP is made by the program.
        string arguments = string.Join(' ', Guest.Arguments(1, "actorft.run=idle actorft.ip=10.77.0.2/24 actorft.echo=7", "--nic", "tap:aft0", "--record", "net.aftlog").Select(argument => $"'{argument}'"));
        const string Client = "for i in $(seq 100); do if (exec 3<>/dev/tcp/10.77.0.2/7 && echo through the tap >&3 && read -t 5 answer <&3 && echo \"answer: $answer\") 2>/dev/null; then break; fi; sleep 0.2; done";
        string script = $"""
            set -e
            ip link set lo up
            $ACTORFT {arguments} --console file:console </dev/null & program=$!
            for i in $(seq 2000); do if ip link show aft0 >/dev/null 2>&1; then break; fi; sleep 0.05; done
            ip addr add 10.77.0.1/24 dev aft0
            for i in $(seq 2000); do if grep -q ready console 2>/dev/null; then break; fi; sleep 0.1; done
            bash -c '{Client}'
            kill $program
            wait $program || echo "code: $?"
            """;
        _folder.Write("client", script);
        using ActorftProcess process = ActorftProcess.StartShell(_folder.Root, "exec unshare -n /bin/sh client");
        (int code, string output, string errors) = process.WaitForEnd(Guest.BoundSeconds);
        Assert.True(code == 0, errors);
        Assert.Contains("answer: through the tap", output, StringComparison.Ordinal);
        Assert.Contains("code: 143", output, StringComparison.Ordinal);
        // The frames are in the record: the replay needs no network.
        (code, _, errors) = ActorftProcess.Run(_folder.Root, "replay", "net.aftlog");
        Assert.True(code == 0, errors);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
