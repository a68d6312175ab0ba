using System.Diagnostics;

namespace ActorFT.Node.Tests.Support;

/// <summary>Waiting for conditions, with a bound that says what it waited for.</summary>
internal static class Wait
{
    public static void Until(Func<bool> condition, string what, double seconds = 30)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > seconds) throw new TimeoutException($"Waited {seconds} s for {what}.");
            Thread.Sleep(1);
        }
    }
}
