using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using ActorFT.EndToEnd.Machines;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;

namespace ActorFT.PairBench;

/// <summary>One load once: requests a second, MB/s, latencies in microseconds, and cores that its machine's processes used.</summary>
internal readonly record struct DiskSample(double Iops, double MegabytesPerSecond, double P50Us, double P99Us, double Cores);

/// <summary>A running guest that does one load of scripts/guest/disk-bench when it is told to on its console, and else nothing.</summary>
/// <param name="name">What messages call it.</param>
/// <param name="consolePath">The file of its console's output.</param>
/// <param name="type">Types at its console.</param>
/// <param name="processorSeconds">Processor time that its machine's processes have used.</param>
internal sealed class BenchGuest(string name, string consolePath, Action<string> type, Func<double> processorSeconds)
{
    private static readonly HttpClient s_http = new();
    private readonly ConsoleTail _console = new(consolePath);
    private (string Load, double Cpu, long At) _began;

    public double ProcessorSeconds => processorSeconds();

    /// <summary>The guest of a pair, by the console of the server that leads it.</summary>
    public static BenchGuest Of(string name, Pair pair, string leader)
    {
        string url = $"{pair.Url(leader)}/ft/machines/guest/console", token = File.ReadAllText(Path.Combine(pair.Folder, "token"));
        return new BenchGuest(name, pair.ConsolePath(leader), text =>
        {
            using HttpRequestMessage request = new(HttpMethod.Post, url) { Content = new ByteArrayContent(Encoding.ASCII.GetBytes(text)) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using HttpResponseMessage response = s_http.Send(request);
            response.EnsureSuccessStatusCode();
        }, () => pair.ProcessorSeconds(Pair.ServerA) + pair.ProcessorSeconds(Pair.ServerB));
    }

    public void WaitUntilBooted() => Read(line => line == "actorft-bench: waits");

    /// <summary>Has it do a load.</summary>
    public void Begin(string load, int seconds)
    {
        type($"{load} {seconds}\n");
        Read(line => line == $"actorft-bench: begin {load}");
        _began = (load, ProcessorSeconds, Stopwatch.GetTimestamp());
    }

    /// <summary>Waits for the end of the load.</summary>
    /// <exception cref="TimeoutException">It failed, or took too long.</exception>
    public DiskSample End()
    {
        string[] words = Read(line => line.StartsWith($"actorft-bench: end {_began.Load} ", StringComparison.Ordinal)).Split(' ');
        double cores = (ProcessorSeconds - _began.Cpu) / Stopwatch.GetElapsedTime(_began.At).TotalSeconds;
        double[] numbers = [.. words[3..7].Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        (double requests, double seconds) = (numbers[0], numbers[1] / 1e9);
        double bytes = _began.Load.StartsWith("seq", StringComparison.Ordinal) ? 1 << 20 : 4096;
        return new DiskSample(requests / seconds, requests * bytes / seconds / 1e6, numbers[2] / 1e3, numbers[3] / 1e3, cores);
    }

    private string Read(Func<string, bool> isIt)
    {
        string? found = null;
        Wait.Until(() =>
        {
            foreach (string line in _console.ReadLines())
            {
                if (line.StartsWith("actorft-bench: failed", StringComparison.Ordinal)) throw new TimeoutException($"{name}: {line}");
                if (isIt(line)) found = line;
            }

            return found is not null;
        }, () => $"the loads of {name}", Guest.BoundSeconds, everyMs: 20); // it shares the servers' cores
        return found!;
    }
}
