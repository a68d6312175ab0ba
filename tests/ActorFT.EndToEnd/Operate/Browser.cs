using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ActorFT.Node.Tests.Support;

namespace ActorFT.EndToEnd.Operate;

/// <summary>A real Chromium without a window, driven by its DevTools protocol: one page.</summary>
internal sealed partial class Browser : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _profile = new();
    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private readonly ClientWebSocket _socket = new();
    private readonly List<string> _requested = [], _complaints = [];
    private int _lastId;

    public Browser()
    {
        _process = Process.Start(new ProcessStartInfo(Path, ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--no-proxy-server", "--remote-debugging-port=0", $"--user-data-dir={_profile.Root}", "about:blank"])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, line) => { lock (_errors) _errors.AppendLine(line.Data); };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        string? address = null;
        Wait.Until(() =>
        {
            lock (_errors) address = Listening().Match(_errors.ToString()) is { Success: true } match ? match.Groups[1].Value : null;
            return address is not null || _process.HasExited;
        }, () => $"Chromium to listen; it wrote {_errors}", 60);
        if (address is null) throw new InvalidOperationException($"Chromium ended: {_errors}");
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        string? page = null;
        Wait.Until(() =>
        {
            JsonNode? target = JsonNode.Parse(http.GetStringAsync($"http://{address}/json/list").GetAwaiter().GetResult())!.AsArray().FirstOrDefault(one => (string?)one!["type"] == "page");
            page = (string?)target?["webSocketDebuggerUrl"];
            return page is not null;
        }, "Chromium's page", 60);
        _socket.ConnectAsync(new Uri(page!), CancellationToken.None).GetAwaiter().GetResult();
        foreach (string domain in new[] { "Page", "Runtime", "Network", "Log" }) Send(domain + ".enable");
    }

    /// <summary>Where Debian's package has it.</summary>
    public static string Path => new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser" }.FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("Chromium is not installed: apt-get install chromium (scripts/test does it).");

    [GeneratedRegex(@"DevTools listening on ws://([^/]+)/")]
    private static partial Regex Listening();

    /// <summary>What the page asked for so far.</summary>
    public IReadOnlyList<string> Requested => _requested;

    /// <summary>Exceptions and errors of the page so far.</summary>
    public IReadOnlyList<string> Complaints => _complaints;

    public void Open(string url) => Send("Page.navigate", new JsonObject { ["url"] = url });

    /// <summary>The value of an expression in the page.</summary>
    public JsonNode? Evaluate(string expression)
    {
        JsonNode answer = Send("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true });
        return answer["exceptionDetails"] is { } thrown ? throw new InvalidOperationException($"{expression}: {thrown}") : answer["result"]!["value"];
    }

    public void WaitFor(string expression, string what)
    {
        long began = Stopwatch.GetTimestamp();
        while (!IsTrue(expression))
        {
            if (Stopwatch.GetElapsedTime(began) < s_limit)
            {
                Thread.Sleep(10); // the page and the pair have use for the processor, too
                continue;
            }

            throw new TimeoutException($"Waited {s_limit.TotalSeconds} s for {what}; the page says: {Evaluate("document.body?.innerText ?? ''")}; it complains: {string.Join("; ", _complaints)}");
        }
    }

    // A page that is on its way has nothing of what is asked for.
    private bool IsTrue(string expression)
    {
        try { return (bool?)Evaluate(expression) == true; }
        catch (InvalidOperationException) { return false; }
    }

    /// <summary>Another size; the page has it when this returns.</summary>
    public void SetScreen(int width, int height, bool isMobile)
    {
        Send("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = isMobile });
        WaitFor($"innerWidth === {width}", $"the width of {width}");
    }

    public void SetDark(bool isDark) =>
        Send("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = isDark ? "dark" : "light" }) });

    public void Press(string key, int code, string text = "")
    {
        Send("Input.dispatchKeyEvent", new JsonObject { ["type"] = text.Length != 0 ? "keyDown" : "rawKeyDown", ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code, ["text"] = text });
        Send("Input.dispatchKeyEvent", new JsonObject { ["type"] = "keyUp", ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code });
    }

    public void Type(string text) => Send("Input.insertText", new JsonObject { ["text"] = text });

    /// <summary>What a screen reader is given: role and name of each thing.</summary>
    public IReadOnlyList<(string Role, string Name)> Accessible() =>
        [.. Send("Accessibility.getFullAXTree")["nodes"]!.AsArray().Where(node => (bool?)node!["ignored"] != true)
            .Select(node => ((string?)node!["role"]?["value"] ?? "", (string?)node["name"]?["value"] ?? ""))];

    /// <summary>A picture of the page, kept when ACTORFT_SCREENSHOTS names a folder.</summary>
    public byte[] Picture(string name)
    {
        byte[] png = Convert.FromBase64String((string)Send("Page.captureScreenshot", new JsonObject { ["format"] = "png", ["captureBeyondViewport"] = true })["data"]!);
        if (Environment.GetEnvironmentVariable("ACTORFT_SCREENSHOTS") is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(System.IO.Path.Combine(folder, name + ".png"), png);
        }

        return png;
    }

    /// <summary>Answers the page's question (confirm) with yes, or not.</summary>
    public void AnswerQuestions(bool yes) => Evaluate($"window.confirm = () => {(yes ? "true" : "false")}; true");

    private JsonNode Send(string method, JsonObject? parameters = null)
    {
        int id = ++_lastId;
        using CancellationTokenSource limit = new(s_limit);
        string request = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters }.ToJsonString();
        _socket.SendAsync(Encoding.UTF8.GetBytes(request), WebSocketMessageType.Text, true, limit.Token).GetAwaiter().GetResult();
        while (true)
        {
            JsonNode message = Receive(limit.Token);
            if ((int?)message["id"] == id) return message["error"] is { } error ? throw new InvalidOperationException($"{method}: {error}") : message["result"]!;
            Note(message);
        }
    }

    private void Note(JsonNode message)
    {
        switch ((string?)message["method"])
        {
            case "Network.requestWillBeSent": _requested.Add((string)message["params"]!["request"]!["url"]!); break;
            case "Runtime.exceptionThrown": _complaints.Add(message["params"]!.ToJsonString()); break;
            case "Log.entryAdded" when (string?)message["params"]!["entry"]!["level"] == "error" && (string?)message["params"]!["entry"]!["source"] != "network": _complaints.Add(message["params"]!.ToJsonString()); break;
        }
    }

    private JsonNode Receive(CancellationToken end)
    {
        using MemoryStream whole = new();
        byte[] buffer = new byte[64 * 1024];
        WebSocketReceiveResult part;
        do
        {
            part = _socket.ReceiveAsync(buffer, end).GetAwaiter().GetResult();
            whole.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(whole.ToArray())!;
    }

    public void Dispose()
    {
        _socket.Dispose();
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _profile.Dispose();
    }
}
