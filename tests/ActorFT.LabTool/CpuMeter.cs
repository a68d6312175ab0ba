using System.Diagnostics;
using System.Globalization;

namespace ActorFT.LabTool;

/// <summary>Processor time since it was made, in cores: of the whole host, and of some processes together (proc_stat(5), proc_pid_stat(5)).</summary>
internal sealed class CpuMeter
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on
    private const int IdleField = 3, WaitField = 4, CountedFields = 8; // after "cpu": guest time is in user time already
    private const int UserField = 11, SystemField = 12; // of a process, after its name

    private readonly string[] _processes;
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly double _hostTicks, _processTicks;

    internal CpuMeter(string[] processes)
    {
        _processes = processes;
        (_hostTicks, _processTicks) = (HostTicks(), ProcessTicks());
    }

    /// <summary>Cores busy since then, on average.</summary>
    internal (double Host, double Processes) Cores
    {
        get
        {
            double ticks = Stopwatch.GetElapsedTime(_begun).TotalSeconds * TicksPerSecond;
            return ((HostTicks() - _hostTicks) / ticks, (ProcessTicks() - _processTicks) / ticks);
        }
    }

    private static double HostTicks()
    {
        double[] fields = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(CountedFields).Select(Number)];
        return fields.Sum() - fields[IdleField] - fields[WaitField];
    }

    private double ProcessTicks() => _processes.Sum(process =>
    {
        string text = File.ReadAllText($"/proc/{process}/stat");
        string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return Number(fields[UserField]) + Number(fields[SystemField]);
    });

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
