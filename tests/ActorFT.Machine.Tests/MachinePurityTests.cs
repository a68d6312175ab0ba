using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Xunit;

namespace ActorFT.Machine.Tests;

/// <summary>
/// The machine and the lockstep protocol know no actors, sockets, files, threads, clocks, randomness or environment
/// (design.md §2 and §3): what they cannot reach cannot make two replicas differ.
/// </summary>
public sealed class MachinePurityTests
{
    /// <summary>Named exceptions, each with its reason.</summary>
    private static readonly string[] _exceptions =
    [
        // Record overrides Equals, and so GetHashCode, which differs between processes. It serves tables in memory only.
        "ActorFT.Lockstep: System.HashCode",
    ];

    [Theory]
    [InlineData("ActorFT.Machine")]
    [InlineData("ActorFT.Lockstep")]
    public void Assembly_EverythingItRefersTo_IsOnTheListOfPureThings(string assembly)
    {
        string path = Path.Combine(AppContext.BaseDirectory, assembly + ".dll");
        string[] violations = [.. PurityScanner.FindViolations(path).Where(violation => !_exceptions.Contains($"{assembly}: {violation}"))];
        Assert.True(violations.Length == 0,
            $"{assembly} refers to what is not known to be the same on every host: {string.Join(", ", violations)}. " +
            "Find another way, or, if it is pure, add it to PureSurface.");
    }

    [Fact]
    public void Scanner_AssemblyThatReachesTheOutside_NamesEachWay()
    {
        // This very assembly, through the class below.
        IReadOnlyList<string> violations = PurityScanner.FindViolations(typeof(Impure).Assembly.Location);
        foreach (string expected in (string[])
        [
            "System.DateTime", "System.Random", "System.Environment", "System.Threading.Thread", "System.IO.File",
            "System.Net.Sockets.Socket", "System.Diagnostics.Stopwatch", "System.Guid", "System.GC.CollectionCount", "System.HashCode", "System.Console",
            "System.Math.Sin", "System.MathF.Exp", "System.Object.GetHashCode",
            "System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode", "System.Globalization.CultureInfo.get_CurrentCulture",
            "System.Collections.Generic.Dictionary`2.GetEnumerator", "System.Collections.Generic.HashSet`1.GetEnumerator",
            "[DllImport] libc",
        ])
        {
            Assert.Contains(expected, violations);
        }
    }

    /// <summary>Everything that a deterministic machine must not do. Never called.</summary>
    internal static class Impure
    {
        [DllImport("libc", EntryPoint = "getpid")]
        private static extern int ProcessId();

        public static double EverythingForbidden(Dictionary<string, int> table, HashSet<int> set, object thing)
        {
            double sum = DateTime.UtcNow.Ticks + new Random().Next() + Environment.TickCount64 + Stopwatch.GetTimestamp() + ProcessId();
            Thread.Sleep(0);
            Console.Out.Flush();
            sum += File.Exists("/") ? 1 : 0;
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            sum += GC.CollectionCount(0) + Guid.NewGuid().ToByteArray()[0] + HashCode.Combine(1);
            sum += Math.Sin(1) + MathF.Exp(1) + thing.GetHashCode();
            sum += System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(thing);
            foreach ((string _, int value) in table) sum += value;
            foreach (int value in set) sum += value;
            return sum + CultureInfo.CurrentCulture.LCID;
        }
    }
}
