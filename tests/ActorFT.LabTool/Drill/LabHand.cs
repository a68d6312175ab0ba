using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace ActorFT.LabTool.Drill;

/// <summary>The drill's hands and eyes: commands of scripts/lab, and what the servers' endpoints say.</summary>
/// <param name="script">Path of scripts/lab.</param>
/// <param name="folder">The lab's folder.</param>
/// <param name="machine">The machine's name.</param>
/// <param name="tokenFile">Holds the endpoints' token.</param>
internal sealed class LabHand(string script, string folder, string machine, string tokenFile) : IDisposable
{
    private static readonly (string Role, string Url)[] s_servers = [("a", "http://10.77.0.1:8551"), ("b", "http://10.77.0.2:8551")];

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(3) };

    internal static string Other(string role) => role == "a" ? "b" : "a";

    /// <summary>A command of the lab.</summary>
    /// <exception cref="IOException">It failed, or did not end.</exception>
    internal void Do(params string[] arguments)
    {
        ProcessStartInfo start = new(script, ["--lab", folder, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
        string command = $"scripts/lab {string.Join(' ', arguments)}";
        if (!process.WaitForExit(60_000)) throw new IOException($"{command} does not end");
        if (process.ExitCode != 0) throw new IOException($"{command}: exit code {process.ExitCode}: {errors.Result}{output.Result}");
    }

    /// <summary>Asks the leader to hand the machine over. That it refuses, because it may not just now, is an answer too.</summary>
    internal void HandOver(string leader) => Post(leader, "failover", "{}");

    /// <summary>Breaks a server's copy of the disk, or ends that.</summary>
    internal void Ask(string verb, string role, params string[] arguments) =>
        Post(role, verb, JsonSerializer.Serialize(new { server = "server-" + role, component = "disk-data", arguments }));

    /// <summary>What a role was started with last.</summary>
    internal string CommandOf(string role) => File.ReadAllText(Path.Combine(folder, "cmd", role)).Trim();

    /// <summary>The same with another build of the program.</summary>
    internal string CommandWith(string role, string build) => System.Text.RegularExpressions.Regex.Replace(CommandOf(role), @"\S+/actorft\.dll", build.Replace("$", "$$", StringComparison.Ordinal));

    /// <summary>The version that a server says it is.</summary>
    internal string VersionOf(string role) => Read(role, "/ft/status", status =>
        status.GetProperty("nodes").EnumerateArray().First(node => node.GetProperty("name").GetString() == "server-" + role).GetProperty("version").GetString()) ?? "an unknown version";

    /// <summary>Whether a server's history has an event of a kind with some words in it.</summary>
    internal bool HasEvent(string role, string kind, string words) => Read(role, "/ft/events?limit=200", events =>
        events.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("report"))
            .Any(report => report.GetProperty("kind").GetString() == kind && report.GetProperty("message").GetString()!.Contains(words, StringComparison.Ordinal)));

    private T? Read<T>(string role, string path, Func<JsonElement, T> read)
    {
        try
        {
            using HttpResponseMessage response = _http.Send(new HttpRequestMessage(HttpMethod.Get, s_servers.First(server => server.Role == role).Url + path));
            using JsonDocument document = JsonDocument.Parse(response.Content.ReadAsStream());
            return read(document.RootElement);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException or IOException)
        {
            return default;
        }
    }

    private void Post(string role, string verb, string body)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"{s_servers.First(server => server.Role == role).Url}/ft/machines/{machine}/{verb}")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(tokenFile).Trim());
        try
        {
            using HttpResponseMessage response = _http.Send(request);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // The drill goes by what the pair becomes, not by what it says of it.
        }
    }

    /// <summary>Which server leads and finds the whole pair good; null, and why, while none does.</summary>
    internal (string? Leader, string Why) Look()
    {
        string why = "";
        foreach ((string role, string url) in s_servers)
        {
            try
            {
                using HttpResponseMessage response = _http.Send(new HttpRequestMessage(HttpMethod.Get, url + "/ft/status"));
                using JsonDocument status = JsonDocument.Parse(response.Content.ReadAsStream());
                JsonElement root = status.RootElement;
                string leader = root.GetProperty("machines").EnumerateArray().First(one => one.GetProperty("name").GetString() == machine).GetProperty("leader").GetString()!;
                if (leader != "server-" + role) why += $"server-{role}: {root.GetProperty("summary").GetString()} ";
                else if (root.GetProperty("health").GetString() is "good" or "Good") return (role, "");
                else why += $"server-{role}, which leads: {root.GetProperty("summary").GetString()} ";
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException or IOException or InvalidOperationException)
            {
                why += $"server-{role} does not answer ";
            }
        }

        return (null, why.TrimEnd());
    }

    public void Dispose() => _http.Dispose();
}
