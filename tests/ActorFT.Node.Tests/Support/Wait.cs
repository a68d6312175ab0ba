using System.Diagnostics;

namespace ActorFT.Node.Tests.Support;

/// <summary>Waiting for conditions, with a bound that says what it waited for.</summary>
internal static class Wait
{
    public static void Until(Func<bool> condition, string what, double seconds = 30) => Until(condition, () => what, seconds);

    /// <summary>The same with words that are made when the time is over: logs in them are those of the end, not of the beginning.</summary>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="what">What is waited for, and what is known.</param>
    /// <param name="seconds">The bound.</param>
    /// <param name="everyMs">Time between two questions: more for one that gives whoever is asked work to do.</param>
    public static void Until(Func<bool> condition, Func<string> what, double seconds = 30, int everyMs = 1)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(started).TotalSeconds > seconds) throw new TimeoutException($"Waited {seconds} s for {what()}.");
            Thread.Sleep(everyMs);
        }
    }
}
