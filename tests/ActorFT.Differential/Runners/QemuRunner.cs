using System.ComponentModel;
using System.Diagnostics;
using ActorFT.Differential.Guest;

namespace ActorFT.Differential.Runners;

/// <summary>The environment lacks something: QEMU, space, time.</summary>
internal sealed class EnvironmentFaultException(string message) : Exception(message);

/// <summary>
/// Runs a program on QEMU's whole-machine emulator (TCG), whose RAM is a file that both sides see: no loader, no console, no
/// firmware takes part.
/// </summary>
internal static class QemuRunner
{
    private const string Emulator = "qemu-system-riscv64";
    private const int TimeoutMs = 120_000;

    // What the machine under test has. Everything else that QEMU's generic CPU would switch on is switched off, so that
    // encodings reserved in RV64GC trap in both.
    private static readonly HashSet<string> WantedProperties = new(StringComparer.OrdinalIgnoreCase)
    {
        "i", "m", "a", "f", "d", "c", "s", "u", "mmu", "pmp", "zicsr", "zifencei", "start-powered-off", "zicntr", "zihpm", "debug",
    };

    private static readonly Lazy<string> s_cpu = new(DescribeCpu);

    /// <summary>Contents of RAM after the program ended.</summary>
    public static byte[] Run(ProgramImage image)
    {
        string file = Path.Combine(Path.GetTempPath(), $"actorft-differential-{Environment.ProcessId}-{Guid.NewGuid():n}.ram");
        try
        {
            using (FileStream ram = File.Create(file))
            {
                ram.Write(image.Bytes);
                ram.SetLength((long)image.RamBytes);
            }

            ulong megabytes = image.RamBytes >> 20;
            (int exitCode, string output) = Execute(
                "-machine", "virt,memory-backend=ram", "-object", $"memory-backend-file,id=ram,size={megabytes}M,mem-path={file},share=on",
                "-m", $"{megabytes}M",
                // The second hart sleeps. With one alone, QEMU makes atomics of a load and a store, with a load's exceptions.
                "-smp", "2", "-cpu", s_cpu.Value, "-bios", "none", "-nodefaults", "-display", "none", "-serial", "none", "-monitor", "none");
            if (exitCode != 0) throw new EnvironmentFaultException($"{Emulator} ended with code {exitCode}: {output.Trim()}");
            byte[] result = new byte[image.Bytes.Length];
            using FileStream after = File.OpenRead(file);
            after.ReadExactly(result);
            return result;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string DescribeCpu()
    {
        (int exitCode, string help) = Execute("-device", "rv64-riscv-cpu,help");
        if (exitCode != 0) throw new EnvironmentFaultException($"{Emulator} does not know the CPU rv64: {help.Trim()}");
        IEnumerable<string> off = help.Split('\n')
            .Where(line => line.Contains("=<bool>", StringComparison.Ordinal) && line.Contains("(default: true)", StringComparison.Ordinal))
            .Select(line => line.Trim().Split('=')[0])
            .Where(name => !WantedProperties.Contains(name))
            .Select(name => name + "=off");
        return string.Join(',', off.Prepend("rv64"));
    }

    private static (int ExitCode, string Output) Execute(params string[] arguments)
    {
        var start = new ProcessStartInfo(Emulator, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            throw new EnvironmentFaultException($"{Emulator} is not installed; it comes with Debian's package qemu-system-misc.");
        }

        using (process)
        {
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(TimeoutMs))
            {
                process.Kill();
                process.WaitForExit();
                throw new EnvironmentFaultException($"{Emulator} did not end the program within {TimeoutMs / 1000} s.");
            }

            return (process.ExitCode, output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult());
        }
    }
}
