using ActorFT.Network.Native;

namespace ActorFT.Network.Tests.Links;

/// <summary>What the host's scheduler is told of the threads that others wait for.</summary>
public sealed class HostThreadTests
{
    private const int NiceField = 16; // of /proc/PID/task/TID/stat after the name (proc_pid_stat(5))

    [Fact]
    public void Threads_that_others_wait_for_come_first_where_the_host_allows_it_and_never_after()
    {
        (int before, int machine) = Measure(HostThread.PreferMachine);
        (_, int waiting) = Measure(() => { HostThread.Prefer(); HostThread.Prefer(); });
        if (Environment.UserName == "root") Assert.Equal((before - 5, before - 10), (machine, waiting));
        else Assert.True(machine <= before && waiting <= machine);
    }

    [Fact]
    public void A_thread_that_runs_a_machine_takes_short_turns_on_a_kernel_that_knows_them()
    {
        string slice = "";
        On(() =>
        {
            HostThread.PreferMachine();
            slice = File.ReadLines("/proc/thread-self/sched").FirstOrDefault(line => line.StartsWith("se.slice", StringComparison.Ordinal)) ?? "";
        });
        if (slice.Length != 0) Assert.EndsWith(" 100000", slice, StringComparison.Ordinal); // ns; older kernels do not tell
    }

    [Fact]
    public void A_thread_that_such_a_one_makes_starts_as_any_other()
    {
        int before = 0, made = 0;
        On(() =>
        {
            before = Nice;
            HostThread.Prefer();
            On(() => made = Nice);
        });
        if (before >= 0 && Environment.UserName == "root") Assert.Equal(Math.Max(0, before - 10), made); // sched(7), SCHED_RESET_ON_FORK: negative values are reset
    }

    private static (int Before, int After) Measure(Action prefer)
    {
        int before = 0, after = 0;
        On(() =>
        {
            before = Nice;
            prefer();
            after = Nice;
        });
        return (before, after);
    }

    private static int Nice => int.Parse(File.ReadAllText("/proc/thread-self/stat").Split(") ")[^1].Split(' ')[NiceField], System.Globalization.CultureInfo.InvariantCulture);

    private static void On(Action action)
    {
        Thread thread = new(() => action());
        thread.Start();
        thread.Join();
    }
}
