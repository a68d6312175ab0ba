using System.Diagnostics;

namespace ActorFT.Network.Tests.Support;

/// <summary>Waits for a condition with a bound, and says what it waited for.</summary>
internal static class Eventually
{
    internal static void Holds(Func<bool> condition, string what, int withinMs = 10_000)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start).TotalMilliseconds > withinMs) Assert.Fail($"within {withinMs} ms: {what}");
            Thread.Yield();
            Thread.Sleep(1);
        }
    }

    internal static async Task HoldsAsync(Func<bool> condition, string what, int withinMs = 10_000)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start).TotalMilliseconds > withinMs) Assert.Fail($"within {withinMs} ms: {what}");
            await Task.Delay(1);
        }
    }
}
