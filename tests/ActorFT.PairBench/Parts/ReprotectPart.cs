using System.Diagnostics;
using ActorFT.Cluster.Status;

namespace ActorFT.PairBench.Parts;

/// <summary>
/// A guest of 512 MiB fills its memory and then prints a line every few milliseconds. Its follower is killed and comes back, again and
/// again: how long the transfer of its state takes, how long the machine stands still for its last step, and the longest time
/// between two outputs meanwhile.
/// </summary>
internal static class ReprotectPart
{
    private const string Fill = "mount -o remount,size=90% /tmp; yes actorft-fills-its-memory | head -c 400000000 >/tmp/fill; n=0; "
        + "while :; do n=$((n+1)); echo counter $n; usleep 5000; done";

    public static IEnumerable<Measurement> Measure(Options options, Action<string> say)
    {
        using BenchPair pair = new(ActorFT.EndToEnd.Machines.Guest.Command(Fill), "512 MiB", 5000);
        ConsoleTail tail = new(pair.Pair.ConsolePath(pair.Leader));
        tail.WaitForNew(Stopwatch.GetTimestamp(), () => 1, 240, pair.Pair.Describe);
        List<double> took = [], pause = [], gap = [], bytes = [], holdP50 = [], holdP99 = [];
        for (int run = 0; run < options.Runs; run++)
        {
            (_, NodeStatus began) = pair.NextStatus(pair.Leader);
            MachineStatus calm = pair.StatusOf(pair.Leader, began.AtUnixMs + 1).Machine;
            holdP50.Add(calm.HoldP50Ms);
            holdP99.Add(calm.HoldP99Ms);
            using GapWatch watch = new(pair.Pair.ConsolePath(pair.Leader));
            pair.KillAndRestart(pair.Follower, () => { });
            gap.Add(watch.LongestMs);
            MachineStatus status = pair.NextStatus(pair.Leader).Machine;
            took.Add(status.LastResyncMs / 1e3);
            pause.Add(status.LastResyncPauseMs);
            bytes.Add(status.LastResyncBytes / 1048576.0);
            say($"re-protection {run + 1} of {options.Runs}: {bytes[^1]:F0} MiB in {took[^1]:F1} s, pause {pause[^1]:F0} ms");
        }

        return
        [
            new("re-protection of a 512 MiB guest: duration", "s", took),
            new("re-protection: state sent", "MiB", bytes),
            new("re-protection: the machine stands still", "ms", pause, 100),
            new("re-protection: longest time between two outputs, peer's death and return included", "ms", gap),
            new("output held, a line every 5 ms, p50 of 5 s", "ms", holdP50, 2),
            new("output held, a line every 5 ms, p99 of 5 s", "ms", holdP99, 10),
        ];
    }

    /// <summary>Looks at a file's length every millisecond and keeps the longest time in which it did not grow.</summary>
    private sealed class GapWatch : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _isStopping;
        private long _longestTicks;

        public GapWatch(string path)
        {
            _thread = new Thread(() => Run(path)) { IsBackground = true };
            _thread.Start();
        }

        public double LongestMs => Interlocked.Read(ref _longestTicks) * 1e3 / Stopwatch.Frequency;

        private void Run(string path)
        {
            long length = new FileInfo(path).Length, grew = Stopwatch.GetTimestamp();
            while (!_isStopping)
            {
                Thread.Sleep(1);
                long now = Stopwatch.GetTimestamp(), present = new FileInfo(path).Length;
                if (now - grew > Interlocked.Read(ref _longestTicks)) Interlocked.Exchange(ref _longestTicks, now - grew);
                if (present != length) (length, grew) = (present, now);
            }
        }

        public void Dispose()
        {
            _isStopping = true;
            _thread.Join();
        }
    }
}
