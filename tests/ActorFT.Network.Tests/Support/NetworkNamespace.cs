using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace ActorFT.Network.Tests.Support;

/// <summary>
/// A network namespace that lives as long as one thread (and what was opened or started from it). The test's body runs
/// on that thread; nothing of it can touch this host's own network.
/// </summary>
internal static partial class NetworkNamespace
{
    private const int CloneNewNet = 0x40000000, CloneNewMounts = 0x00020000;

    /// <summary>Whether this process may make one.</summary>
    internal static bool CanMake { get; } = Probe();

    /// <summary>Runs a body in a new namespace whose loopback is up; what it throws is thrown here.</summary>
    internal static void Run(Action body)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                if (Unshare(CloneNewNet) != 0) throw new InvalidOperationException($"unshare: errno {Marshal.GetLastPInvokeError()}");
                Ip("link set lo up");
                body();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        if (!thread.Join(TimeSpan.FromSeconds(30))) throw new TimeoutException("the test's body did not end within 30 s");
        failure?.Throw();
    }

    /// <summary>Runs ip(8) in the calling thread's namespace and returns what it printed.</summary>
    internal static string Ip(string arguments) => Run("ip", arguments);

    /// <summary>Runs a program in the calling thread's namespace: a child inherits the namespace of the thread that made it.</summary>
    internal static string Run(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {arguments}: exit {process.ExitCode}: {error}");
    }

    /// <summary>Hides a folder from the calling thread alone, under an empty one (mount_namespaces(7)).</summary>
    internal static void Hide(string folder)
    {
        const ulong Recursive = 16384, Private = 1 << 18;
        bool isDone = Unshare(CloneNewMounts) == 0 && Mount("none", "/", null, Recursive | Private, 0) == 0 && Mount("tmpfs", folder, "tmpfs", 0, 0) == 0;
        if (!isDone) throw new InvalidOperationException($"hiding {folder}: errno {Marshal.GetLastPInvokeError()}");
    }

    private static bool Probe()
    {
        bool isAllowed = false;
        Thread thread = new(() => isAllowed = Unshare(CloneNewNet) == 0);
        thread.Start();
        thread.Join();
        return isAllowed;
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string? type, ulong flags, nint data);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);
}
