using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace ActorFT.Node.Tests.Support;

/// <summary>The real program as a process of its own.</summary>
internal sealed partial class ActorftProcess : IDisposable
{
    public const int SigInt = Support.Signal.Interrupt, SigTerm = Support.Signal.Terminate, SigUsr1 = Support.Signal.User1;

    private readonly Process _process;
    private readonly StringBuilder _output = new(), _errors = new();
    private readonly TaskCompletionSource _outputEnd = new(), _errorEnd = new();

    private ActorftProcess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        Collect(_process.StandardOutput.BaseStream, _output, _outputEnd);
        Collect(_process.StandardError.BaseStream, _errors, _errorEnd);
    }

    /// <summary>Path of the program under test.</summary>
    public static string Program => Path.Combine(AppContext.BaseDirectory, "actorft.dll");

    /// <summary>Starts the program.</summary>
    public static ActorftProcess Start(string workingFolder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = workingFolder };
        start.ArgumentList.Add(Program);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        return new ActorftProcess(start);
    }

    /// <summary>Starts a shell command, in which "$ACTORFT" starts the program.</summary>
    public static ActorftProcess StartShell(string workingFolder, string command)
    {
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = workingFolder };
        start.Environment["ACTORFT"] = $"dotnet {Program}";
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(command);
        return new ActorftProcess(start);
    }

    /// <summary>Runs a shell command to its end.</summary>
    public static (int ExitCode, string Output, string Errors) RunShell(string workingFolder, string command)
    {
        using ActorftProcess process = StartShell(workingFolder, command);
        return process.WaitForEnd();
    }

    /// <summary>Runs the program to its end, without standard input.</summary>
    public static (int ExitCode, string Output, string Errors) Run(string workingFolder, params string[] arguments)
    {
        using ActorftProcess process = Start(workingFolder, arguments);
        process.CloseInput();
        return process.WaitForEnd();
    }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    public string Errors
    {
        get { lock (_errors) return _errors.ToString(); }
    }

    public void Type(string text)
    {
        _process.StandardInput.BaseStream.Write(Encoding.Latin1.GetBytes(text));
        _process.StandardInput.BaseStream.Flush();
    }

    public void CloseInput() => _process.StandardInput.Close();

    public void Signal(int number) => Assert.Equal(0, Support.Signal.Send(_process.Id, number));

    public void WaitForOutput(string text, double seconds = 60) =>
        Support.Wait.Until(() => Output.Contains(text, StringComparison.Ordinal) || HasEnded, () => $"\"{text}\" in {Output} {Errors}", seconds);

    public (int ExitCode, string Output, string Errors) WaitForEnd(double seconds = 60)
    {
        if (!_process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            _process.Kill(entireProcessTree: true);
            throw new TimeoutException($"Waited {seconds} s for the program's end; it wrote {Output} and {Errors}");
        }
        Task.WaitAll([_outputEnd.Task, _errorEnd.Task], TimeSpan.FromSeconds(10));
        return (_process.ExitCode, Output, Errors);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    /// <summary>The processor time of a process, in hundredths of a second (proc(5)).</summary>
    public static long Ticks(int id) => File.ReadAllText($"/proc/{id}/stat").Split(") ")[^1].Split(' ').Skip(11).Take(2).Sum(long.Parse);

    /// <summary>Bytes that a process wrote to its standard output, a pipe, and nobody has read.</summary>
    public static int WaitingOutputBytes(int id)
    {
        const nuint WaitingBytes = 0x541B; // FIONREAD, ioctl_tty(2)
        using SafeFileHandle pipe = File.OpenHandle($"/proc/{id}/fd/1", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        Assert.Equal(0, Ioctl(pipe, WaitingBytes, out int bytes));
        return bytes;
    }

    private static void Collect(Stream stream, StringBuilder text, TaskCompletionSource end)
    {
        new Thread(() =>
        {
            byte[] buffer = new byte[4096];
            try
            {
                for (int count; (count = stream.Read(buffer)) > 0;)
                    lock (text) text.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException) { /* the process is gone */ }
            end.SetResult();
        }) { IsBackground = true }.Start();
    }

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Ioctl(SafeFileHandle file, nuint request, out int value);
}
