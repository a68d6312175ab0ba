using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace ActorFT.Management.Streams;

/// <summary>Writes server-sent events (HTML standard §9.2): one line of JSON each.</summary>
internal sealed class EventStream(HttpContext context, CancellationToken end)
{
    /// <summary>A comment goes out after so much silence, so that both ends notice a dead connection.</summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(10);

    /// <summary>Sends the head.</summary>
    public Task BeginAsync()
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        return WriteAsync(": actorft\n\n"u8.ToArray());
    }

    /// <summary>Sends an event.</summary>
    public Task SendAsync<T>(string type, T data) => SendAsync(type, JsonSerializer.SerializeToUtf8Bytes(data, Json.Ft));

    /// <summary>Sends an event whose JSON is written already.</summary>
    public Task SendAsync(string type, byte[] json) => WriteAsync([.. Encoding.UTF8.GetBytes($"event:{type}\ndata:"), .. json, .. "\n\n"u8]);

    /// <summary>Sends a comment.</summary>
    public Task SendKeepAliveAsync() => WriteAsync(":\n\n"u8.ToArray());

    private async Task WriteAsync(byte[] bytes)
    {
        await context.Response.Body.WriteAsync(bytes, end).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(end).ConfigureAwait(false);
    }
}
