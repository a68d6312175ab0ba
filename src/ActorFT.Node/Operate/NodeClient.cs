using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Management;
using ActorFT.Management.Ft;
using ActorFT.Management.Pair;

namespace ActorFT.Node.Operate;

/// <summary>
/// Asks the nodes of a pair. All are asked at once and none is waited for beyond <see cref="AnswerLimit"/>: a node that hangs costs
/// no more than one that is off.
/// </summary>
internal sealed class NodeClient : IDisposable
{
    /// <summary>How long an answer may take.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromMilliseconds(1_500);

    private static readonly TimeSpan s_actionLimit = TimeSpan.FromSeconds(8), s_longActionLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_floodPause = TimeSpan.FromMilliseconds(20);
    private const int MaxAnswerBytes = 8 << 20;

    private readonly HttpClient _http;
    private readonly string? _tokenFile;

    public NodeClient(IReadOnlyList<Uri> urls, string? tokenFile)
    {
        Urls = urls;
        _tokenFile = tokenFile;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(1) })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
    }

    /// <summary>Once one has answered, the others get so much longer: whoever knows most is shown.</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>The nodes.</summary>
    public IReadOnlyList<Uri> Urls { get; }

    /// <summary>Whether a token file was named.</summary>
    public bool HasToken => _tokenFile is not null;

    /// <summary>The pair's status, from whoever knows most.</summary>
    /// <param name="withFaults">How many of the latest faults to fetch with it; 0 for none.</param>
    /// <exception cref="PairUnreachableException">Nobody answers.</exception>
    public async Task<PairAnswer> GetPairAsync(int withFaults = 0)
    {
        using CancellationTokenSource limit = new(AnswerLimit);
        List<Task<(Uri Url, NodeAnswer? Answer, string Why)>> asked = [.. Urls.Select(url => AskAsync(url, limit.Token))];
        Dictionary<Uri, Task<FaultProtocol.Entry[]?>> faults = withFaults == 0 ? [] : Urls.ToDictionary(url => url, url => FaultsAsync(url, withFaults, limit.Token));
        List<Task<(Uri Url, NodeAnswer? Answer, string Why)>> open = [.. asked];
        while (open.Count != 0)
        {
            Task<(Uri, NodeAnswer? Answer, string)> done = await Task.WhenAny(open).ConfigureAwait(false);
            open.Remove((Task<(Uri, NodeAnswer?, string)>)done);
            if ((await done.ConfigureAwait(false)).Answer is null) continue;
            await Task.WhenAny(Task.WhenAll(open), Task.Delay(Grace)).ConfigureAwait(false);
            break;
        }

        (Uri Url, NodeAnswer? Answer, string Why)[] ended = [.. asked.Where(one => one.IsCompletedSuccessfully).Select(one => one.Result)];
        NodeAnswer[] answers = [.. ended.Where(one => one.Answer is not null).Select(one => one.Answer!)];
        if (answers.Length == 0) throw new PairUnreachableException($"No node answers: {string.Join("; ", ended.Select(one => $"{Shown(one.Url)} {one.Why}"))}.");
        NodeAnswer best = answers.OrderByDescending(Knowledge).First();
        FaultProtocol.Entry[]? history = faults.TryGetValue(best.Url, out Task<FaultProtocol.Entry[]?>? asking) ? await asking.ConfigureAwait(false) : null;
        return new PairAnswer(best, answers, [.. Urls.Except(answers.Select(answer => answer.Url))], history);
    }

    // Who hears from most nodes knows most; a server knows more than the arbiter.
    private static int Knowledge(NodeAnswer answer) => 2 * answer.Status.Nodes.Count(node => node.IsCurrent)
        + (answer.Status.Nodes.Any(node => node.Name == answer.Status.AnsweredBy && node.Role == "server") ? 1 : 0);

    private static string Shown(Uri url) => url.ToString().TrimEnd('/');

    private async Task<(Uri, NodeAnswer?, string)> AskAsync(Uri url, CancellationToken limit)
    {
        try
        {
            string json = await ReadAsync(new Uri(url, "ft/status"), limit).ConfigureAwait(false);
            return JsonSerializer.Deserialize<PairStatus>(json, Json.Ft) is { Nodes: not null, Machines: not null, Problems: not null, NextSteps: not null } status ? (url, new NodeAnswer(url, status, json), "") : (url, null, "is no ActorFT node");
        }
        catch (OperationCanceledException) { return (url, null, "does not answer in time"); }
        catch (JsonException) { return (url, null, "is no ActorFT node"); }
        catch (HttpRequestException e)
        {
            return (url, null, e.StatusCode is { } code ? $"answers with code {(int)code}" : e.HttpRequestError == HttpRequestError.ConnectionError ? "takes no connection" : "breaks off");
        }
    }

    // A node that is flooded refuses at once (503); it has room again within a second.
    private async Task<string> ReadAsync(Uri url, CancellationToken end)
    {
        while (true)
        {
            try
            {
                return await _http.GetStringAsync(url, end).ConfigureAwait(false);
            }
            catch (HttpRequestException e) when (e.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                await Task.Delay(s_floodPause, end).ConfigureAwait(false);
            }
        }
    }

    private async Task<FaultProtocol.Entry[]?> FaultsAsync(Uri url, int limit, CancellationToken end)
    {
        try
        {
            string json = await ReadAsync(new Uri(url, $"ft/events?limit={limit}"), end).ConfigureAwait(false);
            return JsonSerializer.Deserialize<EventHistory>(json, Json.Ft)?.Entries;
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The history as one node knows it.</summary>
    /// <exception cref="PairUnreachableException">Nobody answers.</exception>
    public async Task<(EventHistory History, string Json)> GetHistoryAsync(int limit)
    {
        PairAnswer pair = await GetPairAsync().ConfigureAwait(false);
        foreach (NodeAnswer answer in pair.All.OrderByDescending(Knowledge))
        {
            try
            {
                using CancellationTokenSource end = new(s_actionLimit);
                string json = await _http.GetStringAsync(new Uri(answer.Url, $"ft/events?limit={limit}"), end.Token).ConfigureAwait(false);
                if (JsonSerializer.Deserialize<EventHistory>(json, Json.Ft) is { } history) return (history, json);
            }
            catch (Exception e) when (e is OperationCanceledException or HttpRequestException or JsonException)
            {
                // the next one
            }
        }

        throw new PairUnreachableException("The nodes answer, but none gives its history of events.");
    }

    /// <summary>Opens a stream; null when this node does not give it.</summary>
    public async Task<HttpResponseMessage?> OpenAsync(Uri url, string path, CancellationToken end)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(end);
        limit.CancelAfter(AnswerLimit);
        try
        {
            HttpResponseMessage answer = await _http.GetAsync(new Uri(url, path), HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            if (answer.StatusCode == HttpStatusCode.OK) return answer;
            answer.Dispose();
            return null;
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !end.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Has something changed, by a server, preferably the one named.</summary>
    /// <param name="path">The route.</param>
    /// <param name="body">The request's body, or null.</param>
    /// <param name="preferred">Picks the server to ask from the status; empty for any.</param>
    /// <returns>The code, and the answer's sentence.</returns>
    /// <exception cref="PairUnreachableException">No server answers.</exception>
    public async Task<(HttpStatusCode Code, string Sentence)> ChangeAsync(string path, ActionRequest? body, Func<PairStatus, string> preferred)
    {
        string token = ReadToken();
        PairAnswer pair = await GetPairAsync().ConfigureAwait(false);
        string wanted = preferred(pair.Best.Status);
        NodeAnswer server = pair.All.Where(answer => answer.Status.Nodes.Any(node => node.Name == answer.Status.AnsweredBy && node.Role == "server"))
            .OrderByDescending(answer => answer.Status.AnsweredBy == wanted).FirstOrDefault()
            ?? throw new PairUnreachableException("No server answers; the arbiter alone can change nothing.");
        HttpContent content = new ByteArrayContent(body is null ? [] : JsonSerializer.SerializeToUtf8Bytes(body, Json.Ft));
        if (body is not null) content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await PostAsync(server.Url, path, content, token).ConfigureAwait(false);
    }

    /// <summary>Has every node that answers do something of its own; gives each one's code and sentence.</summary>
    /// <exception cref="PairUnreachableException">Nobody answers.</exception>
    public async Task<IReadOnlyList<(HttpStatusCode Code, string Sentence)>> ChangeEachAsync(string path)
    {
        string token = ReadToken();
        PairAnswer pair = await GetPairAsync().ConfigureAwait(false);
        return await Task.WhenAll(pair.All.Select(answer => PostAsync(answer.Url, path, new ByteArrayContent([]), token))).ConfigureAwait(false);
    }

    /// <summary>Posts with the token.</summary>
    public async Task<(HttpStatusCode Code, string Sentence)> PostAsync(Uri url, string path, HttpContent content, string token)
    {
        TimeSpan most = path.EndsWith("alerts/test", StringComparison.Ordinal) ? s_longActionLimit : s_actionLimit;
        using CancellationTokenSource limit = new(most);
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri(url, path)) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            using HttpResponseMessage answer = await _http.SendAsync(request, limit.Token).ConfigureAwait(false);
            return (answer.StatusCode, Sentence(await answer.Content.ReadAsStringAsync(limit.Token).ConfigureAwait(false)));
        }
        catch (OperationCanceledException)
        {
            throw new PairUnreachableException($"{Shown(url)} did not answer in {most.TotalSeconds:0} s; it is not known whether it was done. Look at the status before asking again.");
        }
        catch (HttpRequestException e)
        {
            throw new PairUnreachableException($"{Shown(url)} broke off: {e.Message.TrimEnd('.')}. Look at the status before asking again.");
        }
    }

    private static string Sentence(string json)
    {
        if (json.Length == 0) return "";
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            foreach (string name in new[] { "sentence", "error" })
                if (document.RootElement.TryGetProperty(name, out JsonElement text)) return text.GetString() ?? "";
        }
        catch (JsonException) { }

        return "The node's answer makes no sense.";
    }

    /// <summary>The token, from the file that was named.</summary>
    /// <exception cref="OperatorException">No file was named, or it cannot be read.</exception>
    public string ReadToken() => _tokenFile is null
        ? throw new OperatorException("A change needs the token: name its file with --token-file FILE or ACTORFT_TOKEN_FILE (the file of akka.management.http.token-file).")
        : HostFile.ReadText(_tokenFile, "the token's file").Trim() is { Length: > 0 } token && token.All(c => c is > ' ' and < '\u007f')
            ? token : throw new OperatorException($"The token's file {_tokenFile} holds no token: it must be one line of printable characters.");

    public void Dispose() => _http.Dispose();
}
