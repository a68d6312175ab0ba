using System.Globalization;

namespace ActorFT.LabTool.Drill;

/// <summary>
/// Two builds of the program in one pair, under load: every node is stopped (a leader hands over first) and started as another build, one
/// at a time; then one server as a build that may not execute the machine, which must be refused in a sentence while the machine runs on.
/// </summary>
/// <param name="lab">The lab.</param>
/// <param name="whole">Waits until the pair is whole; gives who leads.</param>
/// <param name="goesOn">Waits for so many transactions.</param>
internal sealed class RollingUpgrade(LabHand lab, Func<string> whole, Action<int> goesOn)
{
    private const int RefusedSeconds = 120;

    /// <summary>The follower, then the server that led, then the arbiter; gives who leads at the end.</summary>
    /// <param name="build">Path of the other build's actorft.dll.</param>
    internal string To(string build)
    {
        string leader = whole();
        foreach (string role in (string[])[LabHand.Other(leader), leader])
        {
            Replace(role, build);
            goesOn(5); // with one server of each build, or alone
            leader = whole();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  server-{role} runs {lab.VersionOf(role)} now; server-{leader} leads, and the pair is whole"));
        }

        Replace("arbiter", build);
        return whole();
    }

    /// <summary>A server of another execution revision is not taken in, says why, and the machine runs on without it.</summary>
    internal void IsRefused(string build)
    {
        string leader = whole(), other = LabHand.Other(leader), before = lab.CommandOf(other);
        Replace(other, build);
        const string Why = "builds of one revision only run a machine in lockstep";
        long until = Environment.TickCount64 + RefusedSeconds * 1_000L;
        while (!lab.HasEvent(leader, "peer-refused", Why))
        {
            if (Environment.TickCount64 > until) throw new IOException($"server-{leader} did not say within {RefusedSeconds} s that it refuses server-{other}: {lab.Look().Why}");
            Thread.Sleep(200);
        }

        goesOn(10);
        if (lab.Look().Leader is not null) throw new IOException("a pair with a server that was refused is called whole");
        Console.WriteLine($"  server-{other} as a build of another execution revision is refused (\"{Why}\"), and the machine runs on");
        lab.Do("stop", other);
        lab.Do("start", other, before);
    }

    private void Replace(string role, string build)
    {
        lab.Do("stop", role);
        lab.Do("start", role, lab.CommandWith(role, build));
    }
}
