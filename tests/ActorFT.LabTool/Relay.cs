using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ActorFT.LabTool;

/// <summary>
/// Passes frames between two ports, late and with losses: a bad cable. Both directions alike, each with its own dice
/// from one seed. Bounded: what is under way and does not fit is lost, as in a real queue.
/// </summary>
internal static class Relay
{
    private const int MaxQueuedFrames = 20_000;
    private const long MaxQueuedBytes = 64 << 20;

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--ready", "--delay-ms", "--jitter-ms", "--loss-percent", "--seed");
        if (arguments.Words.Count != 2) throw new ArgumentException("relay needs two ports");
        double delayMs = arguments.Number("--delay-ms", 0, 0, 1000), jitterMs = arguments.Number("--jitter-ms", 0, 0, 1000);
        double loss = arguments.Number("--loss-percent", 0, 0, 100) / 100;
        int seed = (int)arguments.Number("--seed", 1, 0, int.MaxValue);
        using PacketSocket left = PacketSocket.Open(PacketSocket.IndexOf(arguments.Words[0]), withVirtioHeader: true);
        using PacketSocket right = PacketSocket.Open(PacketSocket.IndexOf(arguments.Words[1]), withVirtioHeader: true);
        Direction there = new(left, right, delayMs, jitterMs, loss, new Random(seed));
        Direction back = new(right, left, delayMs, jitterMs, loss, new Random(unchecked(seed + 1)));
        there.Start();
        back.Start();
        File.WriteAllText(arguments.Required("--ready"), "ready\n");
        using ManualResetEvent stopped = new(false);
        using PosixSignalRegistration signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stopped.Set();
        });
        stopped.WaitOne();
        Console.WriteLine($"passed {there.Passed}+{back.Passed} frames, lost {there.Lost}+{back.Lost}, overflowed {there.Overflowed}+{back.Overflowed}");
        return 0;
    }

    /// <summary>One way: a thread that takes frames in, and one that lets them out when their time has come.</summary>
    private sealed class Direction(PacketSocket from, PacketSocket to, double delayMs, double jitterMs, double loss, Random dice)
    {
        private readonly Queue<(long DueAt, byte[] Frame)> _queue = [];
        private long _queuedBytes;
        private long _lastDueAt;

        internal long Passed { get; private set; }

        internal long Lost { get; private set; }

        internal long Overflowed { get; private set; }

        internal void Start()
        {
            new Thread(TakeIn) { IsBackground = true }.Start();
            if (delayMs > 0 || jitterMs > 0) new Thread(LetOut) { IsBackground = true }.Start();
        }

        private void TakeIn()
        {
            byte[] buffer = new byte[PacketSocket.MaxFrameBytes];
            while (true)
            {
                int length = from.Receive(buffer, out _, out _);
                if (length < 0)
                {
                    // The port is down (ENETDOWN) or gone: a cut cable. It may come back.
                    Thread.Sleep(1);
                    continue;
                }

                if (dice.NextDouble() < loss) Lost++;
                else if (delayMs > 0 || jitterMs > 0) Enqueue(buffer.AsSpan(0, length).ToArray());
                else if (to.TrySend(buffer.AsSpan(0, length))) Passed++;
                else Overflowed++;
            }
        }

        private void Enqueue(byte[] frame)
        {
            long due = Stopwatch.GetTimestamp() + (long)((delayMs + (dice.NextDouble() * jitterMs)) * Stopwatch.Frequency / 1000);
            // A cable keeps the order.
            _lastDueAt = Math.Max(_lastDueAt, due);
            lock (_queue)
            {
                if (_queue.Count >= MaxQueuedFrames || _queuedBytes + frame.Length > MaxQueuedBytes)
                {
                    Overflowed++;
                    return;
                }

                _queue.Enqueue((_lastDueAt, frame));
                _queuedBytes += frame.Length;
                Monitor.Pulse(_queue);
            }
        }

        private void LetOut()
        {
            while (true)
            {
                byte[] frame;
                lock (_queue)
                {
                    while (_queue.Count == 0) Monitor.Wait(_queue);
                    double leftMs = (_queue.Peek().DueAt - Stopwatch.GetTimestamp()) * 1000.0 / Stopwatch.Frequency;
                    if (leftMs > 0)
                    {
                        Monitor.Wait(_queue, Math.Max(1, (int)leftMs));
                        continue;
                    }

                    frame = _queue.Dequeue().Frame;
                    _queuedBytes -= frame.Length;
                }

                if (to.TrySend(frame)) Passed++;
                else Overflowed++;
            }
        }
    }
}
