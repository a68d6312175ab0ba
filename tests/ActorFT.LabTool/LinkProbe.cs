using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using ActorFT.Network.Links;

namespace ActorFT.LabTool;

/// <summary>
/// One end of an FT link as the lockstep log uses it: a numbered message on every path each few ms; the other end takes
/// the first copy of each. Tells every change of a path, and at the end (SIGTERM) what was missed and the longest pause.
/// </summary>
internal static class LinkProbe
{
    private const int PeriodMs = 5, MeasureEvery = 200;

    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--name", "--peer", "--silent-after-ms", "--dead-after-ms");
        LinkPathOptions[] paths = [.. arguments.Words.Select((word, i) => ParsePath(i, word))];
        Receiver receiver = new();
        using LinkEndpoint link = new(
            new LinkOptions
            {
                PairName = "probe",
                ServerName = arguments.Required("--name"),
                PeerName = arguments.Required("--peer"),
                Paths = [.. paths],
                SilentAfterMs = (int)arguments.Number("--silent-after-ms", 200, 100, 10_000),
                DeadAfterMs = (int)arguments.Number("--dead-after-ms", 1000, 200, 60_000),
            },
            receiver);
        using ManualResetEventSlim stopped = new(false);
        using PosixSignalRegistration signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stopped.Set();
        });
        link.Start();
        byte[] message = new byte[64];
        long sent = 0;
        while (!stopped.Wait(PeriodMs))
        {
            BinaryPrimitives.WriteInt64LittleEndian(message, sent);
            // Numbered only from the first that was taken: before, there is nobody to miss it.
            if (link.TrySendAll(LinkClass.Log, 0, message) > 0 || sent > 0) sent++;
            if (sent % MeasureEvery == 1) SayMeasurements(link);
        }

        SayMeasurements(link);
        Say($"sent {sent} received {receiver.Received} missing {receiver.Missing} longest-pause-ms {receiver.LongestPauseMs:F0}");
        return 0;
    }

    private static void SayMeasurements(LinkEndpoint link)
    {
        foreach (LinkPathSnapshot path in link.Snapshot())
        {
            Say(string.Create(
                CultureInfo.InvariantCulture,
                $"measured {path.Name} {path.Status.State} rtt-p50-ms {path.RoundTripP50Ms:F2} rtt-max-ms {path.RoundTripMaxMs:F2} loss {path.LossRatio:F3}"));
        }
    }

    private static LinkPathOptions ParsePath(int index, string text)
    {
        string[] ends = text.Split('=');
        if (ends.Length == 2 && IPEndPoint.TryParse(ends[0], out IPEndPoint? local) && IPEndPoint.TryParse(ends[1], out IPEndPoint? peer))
        {
            return new LinkPathOptions { Name = $"ft{index}", Local = local, Peer = peer };
        }

        throw new ArgumentException($"'{text}' is not a path: ADDRESS:PORT=ADDRESS:PORT, this end's first");
    }

    private static void Say(string text)
    {
        Console.WriteLine(text);
        Console.Out.Flush();
    }

    private sealed class Receiver : ILinkSink
    {
        private readonly Lock _gate = new();
        private readonly HashSet<long> _ahead = [];
        private long _expected = -1;
        private long _lastAt;

        internal long Received { get; private set; }

        internal double LongestPauseMs { get; private set; }

        /// <summary>Numbers that later ones have overtaken and that never came.</summary>
        internal long Missing => _ahead.Count == 0 ? 0 : _ahead.Max() - _expected + 1 - _ahead.Count;

        public void FrameReceived(LinkFrame frame)
        {
            long number = BinaryPrimitives.ReadInt64LittleEndian(frame.Payload.Span);
            frame.Dispose();
            lock (_gate)
            {
                if (_expected < 0) _expected = number;
                if (number < _expected || !_ahead.Add(number)) return;
                Received++;
                if (_lastAt != 0) LongestPauseMs = Math.Max(LongestPauseMs, Stopwatch.GetElapsedTime(_lastAt).TotalMilliseconds);
                _lastAt = Stopwatch.GetTimestamp();
                while (_ahead.Remove(_expected)) _expected++;
            }
        }

        public void PathChanged(LinkPathStatus status) =>
            Say(string.Create(CultureInfo.InvariantCulture, $"path {status.PathIndex} {status.State} {status.Cause} {status.Reason}"));

        public void Refused(int pathIndex, string reason) => Say($"refused {reason}");
    }
}
