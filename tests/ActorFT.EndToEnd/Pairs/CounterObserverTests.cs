using System.Text;
using Xunit;
using Xunit.Sdk;

namespace ActorFT.EndToEnd.Pairs;

/// <summary>The judge is judged: what it must accept, and what it must find.</summary>
public sealed class CounterObserverTests
{
    private const string Before = "boot\r\ncounter 1\r\ncounter 2\r\ncounter 3\r\ncou";

    [Theory]
    [InlineData("nter 4\r\ncounter 5\r\n", 5, 0)]                                     // goes on within a line
    [InlineData("counter 4\r\n", 4, 0)]                                              // says the unfinished line again
    [InlineData("\r\ncounter 2\r\ncounter 3\r\ncounter 4\r\ncounter 5\r\n", 5, 3)]      // repeats from within line 1
    [InlineData("ter 3\r\ncounter 4\r\n", 4, 1)]
    public void Successor_ThatGoesOnOrRepeats_IsAccepted(string after, long last, long repeated)
    {
        CounterObserver observer = Observe(after);
        Assert.Equal((last, repeated), (observer.Last, observer.Repeated));
    }

    [Theory]
    [InlineData("counter 5\r\n")]                          // 4 is lost
    [InlineData("nter 4\r\ncounter 6\r\n")]                 // 5 is lost
    [InlineData("nter 4\r\ncounter 4\r\n")]                 // 4 twice within one stream
    [InlineData("\r\ncounter 2\r\ncounter 7\r\n")]          // repeats what was not
    [InlineData("X\r\ncounter 4\r\n")]                      // another end of line 3
    public void Successor_ThatLosesOrContradicts_IsFound(string after) => Assert.ThrowsAny<XunitException>(() => Observe(after));

    private static CounterObserver Observe(string after)
    {
        Dictionary<string, string> consoles = new() { ["a"] = Before, ["b"] = "" };
        CounterObserver observer = new(server => Encoding.Latin1.GetBytes(consoles[server]), () => "");
        observer.Read("a");
        observer.Read("b");
        // A byte at a time, as a file may be read.
        for (int length = 1; length <= after.Length; length++)
        {
            consoles["b"] = after[..length];
            observer.Read("b");
        }

        return observer;
    }
}
