using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using ActorFT.Cluster.Configuration;

namespace ActorFT.Cluster.Faults;

/// <summary>
/// Takes alerts out of the node: to a program, a webhook, syslog. One at a time, each with a bound, on the pool: nothing waits for it. When
/// too many wait, new ones are dropped and that is told.
/// </summary>
public sealed class AlertSender : IDisposable
{
    private const int MaxWaiting = 64, MaxOutput = 400;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private readonly AlertSettings _settings;
    private readonly Channel<Alert> _waiting = Channel.CreateBounded<Alert>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });
    private readonly CancellationTokenSource _end = new();
    private readonly HttpClient _http;
    private readonly Action<Alert, string> _failed;

    /// <summary>Creates it.</summary>
    /// <param name="settings">The ways.</param>
    /// <param name="failed">Told of an alert that did not leave, and why, on the pool.</param>
    public AlertSender(AlertSettings settings, Action<Alert, string> failed)
    {
        (_settings, _failed, _http) = (settings, failed, NewClient(settings.WebhookAuthority));
        _ = Task.Run(RunAsync);
    }

    /// <summary>The certificates that a webhook's may come from.</summary>
    /// <exception cref="OperatorException">The file has none.</exception>
    public static X509Certificate2Collection ReadAuthority(string path)
    {
        string text = HostFile.ReadText(path, "the file of actorft.faults.alerts.webhook-ca");
        X509Certificate2Collection authority = [];
        try
        {
            authority.ImportFromPem(text);
        }
        catch (CryptographicException e)
        {
            throw new OperatorException($"The file of actorft.faults.alerts.webhook-ca, {path}, has a certificate that cannot be read: {HostFile.OneLine(e.Message)}", e);
        }

        return authority.Count != 0 ? authority : throw new OperatorException($"The file of actorft.faults.alerts.webhook-ca, {path}, has no certificate (PEM).");
    }

    private static HttpClient NewClient(string authority)
    {
        SocketsHttpHandler handler = new() { AllowAutoRedirect = false };
        if (authority.Length != 0)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(ReadAuthority(authority));
        }

        return new HttpClient(handler);
    }

    /// <summary>Sends an alert when its turn comes.</summary>
    public void Send(Alert alert)
    {
        if (!_waiting.Writer.TryWrite(alert)) _failed(alert, $"{MaxWaiting} alerts wait already");
    }

    /// <summary>Sends at once on every way; gives a line for each.</summary>
    public async Task<IReadOnlyList<(bool IsGood, string Line)>> TryAllAsync(Alert alert)
    {
        List<(bool, string)> lines = [];
        foreach ((string way, Func<Alert, CancellationToken, Task> deliver) in Ways)
        {
            string? why = await TryAsync(deliver, alert).ConfigureAwait(false);
            lines.Add((why is null, why is null ? $"{way}: delivered" : $"{way}: {why}"));
        }

        return lines;
    }

    private IEnumerable<(string Way, Func<Alert, CancellationToken, Task> Deliver)> Ways
    {
        get
        {
            if (_settings.Command.Count != 0) yield return ($"command {_settings.Command[0]}", RunCommandAsync);
            if (_settings.Webhook is { } webhook) yield return ($"webhook {webhook.GetLeftPart(UriPartial.Path)}", PostAsync);
            if (_settings.Syslog.Length != 0) yield return ($"syslog {_settings.Syslog}", LogAsync);
        }
    }

    private async Task RunAsync()
    {
        try
        {
            await foreach (Alert alert in _waiting.Reader.ReadAllAsync(_end.Token).ConfigureAwait(false))
            {
                foreach ((string way, Func<Alert, CancellationToken, Task> deliver) in Ways)
                    if (await TryAsync(deliver, alert).ConfigureAwait(false) is { } why) _failed(alert, $"{way}: {why}");
            }
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    // Null: delivered. What hangs is given up; a second attempt follows for what failed at once.
    private async Task<string?> TryAsync(Func<Alert, CancellationToken, Task> deliver, Alert alert)
    {
        string? why = null;
        for (int attempt = 0; attempt < 2; attempt++)
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
            limit.CancelAfter(_settings.Timeout);
            try
            {
                await deliver(alert, limit.Token).ConfigureAwait(false);
                return null;
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested) { throw; }
            catch (OperationCanceledException) { return string.Create(CultureInfo.InvariantCulture, $"not done within {_settings.Timeout.TotalSeconds} s"); }
            catch (Exception e) when (e is HttpRequestException or SocketException or IOException or Win32Exception or InvalidOperationException)
            {
                // A connection's own reason ("the remote certificate …") is in the inner one.
                why = (e is HttpRequestException { InnerException: AuthenticationException inner } ? inner.Message : e.Message).ReplaceLineEndings(" ").TrimEnd('.');
            }
        }

        return why;
    }

    private async Task RunCommandAsync(Alert alert, CancellationToken end)
    {
        ProcessStartInfo start = new(_settings.Command[0], [.. _settings.Command.Skip(1), alert.Severity, alert.Sentence])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
        };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("it was not started");
        try
        {
            Task<string> output = ReadAsync(process.StandardOutput, end), errors = ReadAsync(process.StandardError, end);
            try
            {
                await process.StandardInput.WriteAsync(JsonSerializer.Serialize(alert, s_json).AsMemory(), end).ConfigureAwait(false);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It does not read its input; its exit code tells whether it worked.
            }

            await process.WaitForExitAsync(end).ConfigureAwait(false);
            if (process.ExitCode != 0) throw new InvalidOperationException($"it ended with {process.ExitCode}: {(await errors.ConfigureAwait(false) + " " + await output.ConfigureAwait(false)).ReplaceLineEndings(" ").Trim()}");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    // All of it, so that the program does not block; only the beginning is kept.
    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken end)
    {
        StringBuilder kept = new();
        char[] buffer = new char[1024];
        int count;
        while ((count = await reader.ReadAsync(buffer, end).ConfigureAwait(false)) != 0)
            if (kept.Length < MaxOutput) kept.Append(buffer, 0, Math.Min(count, MaxOutput - kept.Length));
        return kept.ToString();
    }

    private async Task PostAsync(Alert alert, CancellationToken end)
    {
        // With its length: small servers take nothing chunked.
        using ByteArrayContent content = new(JsonSerializer.SerializeToUtf8Bytes(alert, s_json));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage answer = await _http.PostAsync(_settings.Webhook, content, end).ConfigureAwait(false);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"it answered with code {(int)answer.StatusCode}");
    }

    // RFC 5424 over UDP (RFC 5426); /dev/log takes the older RFC 3164 form.
    private async Task LogAsync(Alert alert, CancellationToken end)
    {
        const int Daemon = 3;
        int severity = alert.State != "raised" ? 5 : alert.Severity switch { "critical" => 2, "error" => 3, "warning" => 4, _ => 6 };
        string text = alert.Sentence.ReplaceLineEndings(" ");
        if (_settings.Syslog == "local")
        {
            using Socket local = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            await local.ConnectAsync(new UnixDomainSocketEndPoint("/dev/log"), end).ConfigureAwait(false);
            await local.SendAsync(Encoding.UTF8.GetBytes($"<{Daemon * 8 + severity}>actorft: {text}"), end).ConfigureAwait(false);
            return;
        }

        string at = DateTimeOffset.FromUnixTimeMilliseconds(alert.AtUnixMs).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        int colon = _settings.Syslog.LastIndexOf(':');
        using UdpClient udp = new(_settings.Syslog[..colon].Trim('[', ']'), int.Parse(_settings.Syslog[(colon + 1)..], CultureInfo.InvariantCulture));
        await udp.SendAsync(Encoding.UTF8.GetBytes($"<{Daemon * 8 + severity}>1 {at} {alert.Server} actorft - {alert.Kind} - {text}"), end).ConfigureAwait(false);
    }

    /// <summary>Gives up what waits.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _waiting.Writer.TryComplete();
        _http.Dispose();
    }
}
