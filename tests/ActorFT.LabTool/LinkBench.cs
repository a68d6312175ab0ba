using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ActorFT.Network.Links;

namespace ActorFT.LabTool;

/// <summary>
/// Measures an FT link between two endpoints in this process over loopback: round trip of a small log message alone,
/// then beside bulk traffic at full speed, then bulk alone.
/// </summary>
internal static class LinkBench
{
    private const int MessageBytes = 256, PageBytes = 256 * 1024;

    internal static int Run(string[] args)
    {
        bool isTls = args.Contains("--tls");
        Arguments arguments = new([.. args.Where(arg => arg != "--tls")], "--seconds", "--address");
        double seconds = arguments.Number("--seconds", 3, 0.1, 60);
        IPAddress address = IPAddress.Parse(arguments.Text("--address") ?? "127.0.0.1");
        if (!IPAddress.IsLoopback(address)) throw new ArgumentException("--address must be a loopback address");
        Peer a = new(), b = new() { Echoes = true };
        X509Certificate2 certificate = Certificate();
        a.Link = new LinkEndpoint(Options("a", "b", address, isTls ? certificate : null), a);
        b.Link = new LinkEndpoint(Options("b", "a", address, isTls ? certificate : null), b);
        using (a.Link)
        using (b.Link)
        {
            b.Link.Start();
            a.Link.Start();
            Stopwatch wait = Stopwatch.StartNew();
            while (a.Link.Status(0).State != LinkPathState.Up || b.Link.Status(0).State != LinkPathState.Up)
            {
                if (wait.ElapsedMilliseconds > 5000) throw new IOException($"the link does not come up: {a.Link.Status(0).Reason}");
                Thread.Sleep(1);
            }

            string kind = isTls ? "TLS 1.3" : "plain";
            Print($"{kind}, echo of {MessageBytes} B alone", Echo(a, seconds));
            using CancellationTokenSource stop = new();
            Task<double> bulk = SendBulk(a, b, stop.Token);
            Print($"{kind}, echo of {MessageBytes} B beside bulk", Echo(a, seconds));
            stop.Cancel();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind}, bulk beside echo: {bulk.Result:F0} MB/s"));
            using CancellationTokenSource alone = new(TimeSpan.FromSeconds(seconds));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind}, bulk alone: {SendBulk(a, b, alone.Token).Result:F0} MB/s"));
        }

        return 0;
    }

    private static double[] Echo(Peer peer, double seconds)
    {
        List<double> timesUs = [];
        byte[] message = new byte[MessageBytes];
        Stopwatch total = Stopwatch.StartNew();
        while (total.Elapsed.TotalSeconds < seconds)
        {
            peer.Answered.Reset();
            long start = Stopwatch.GetTimestamp();
            if (peer.Link!.TrySend(0, LinkClass.Log, 0, message) != SendResult.Taken) throw new IOException("the log is full");
            if (!peer.Answered.Wait(5000)) throw new IOException("no echo within 5 s");
            timesUs.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        timesUs.Sort();
        return [.. timesUs];
    }

    private static async Task<double> SendBulk(Peer from, Peer to, CancellationToken stop)
    {
        await Task.Yield();
        byte[] page = new byte[PageBytes];
        long before = to.BulkBytes;
        Stopwatch total = Stopwatch.StartNew();
        while (!stop.IsCancellationRequested)
        {
            if (from.Link!.TrySend(0, LinkClass.Bulk, 0, page) == SendResult.Full) await from.Link.WaitForRoomAsync(0, LinkClass.Bulk, CancellationToken.None);
        }

        return (to.BulkBytes - before) / total.Elapsed.TotalSeconds / 1e6;
    }

    private static void Print(string what, double[] sortedUs) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{what}: {sortedUs.Length} round trips, p50 {At(sortedUs, 0.5):F0} us, p99 {At(sortedUs, 0.99):F0} us, p99.9 {At(sortedUs, 0.999):F0} us, max {sortedUs[^1]:F0} us"));

    private static double At(double[] sorted, double part) => sorted[(int)(part * (sorted.Length - 1))];

    private static LinkOptions Options(string name, string peer, IPAddress address, X509Certificate2? certificate)
    {
        int port = name == "b" ? 17_441 : 17_440, peerPort = name == "b" ? 17_440 : 17_441;
        return new LinkOptions
        {
            PairName = "bench",
            ServerName = name,
            PeerName = peer,
            Paths = [new LinkPathOptions { Name = "ft0", Local = new IPEndPoint(address, port), Peer = new IPEndPoint(address, peerPort) }],
            Tls = certificate is null ? null : new LinkTlsOptions(certificate, [certificate]),
        };
    }

    private static X509Certificate2 Certificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest("CN=bench", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
    }

    private sealed class Peer : ILinkSink
    {
        private long _bulkBytes;

        internal LinkEndpoint? Link { get; set; }

        internal bool Echoes { get; init; }

        internal ManualResetEventSlim Answered { get; } = new(false, spinCount: 0);

        internal long BulkBytes => Interlocked.Read(ref _bulkBytes);

        public void FrameReceived(LinkFrame frame)
        {
            if (frame.LinkClass == LinkClass.Bulk) Interlocked.Add(ref _bulkBytes, frame.Payload.Length);
            else if (Echoes) Link!.TrySend(0, LinkClass.Log, 0, frame.Payload.Span);
            else Answered.Set();
            frame.Dispose();
        }

        public void PathChanged(LinkPathStatus status)
        {
        }

        public void Refused(int pathIndex, string reason) => Console.Error.WriteLine(reason);
    }
}
