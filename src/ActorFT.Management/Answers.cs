using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace ActorFT.Management;

/// <summary>Why something was not done: one sentence.</summary>
/// <param name="Error">The sentence.</param>
public sealed record Refusal(string Error);

/// <summary>How answers are written.</summary>
internal static class Answers
{
    /// <summary>An answer of /ft/… or /cluster/….</summary>
    public static IResult Ok<T>(T value) => Results.Json(value, Json.Ft);

    /// <summary>The same, of JSON that is written already.</summary>
    public static IResult Rendered(byte[] json) => Results.Bytes(json, "application/json; charset=utf-8");

    /// <summary>A refusal: one sentence.</summary>
    public static IResult Refuse(int code, string sentence) => Results.Json(new Refusal(sentence), Json.Ft, statusCode: code);

    /// <summary>Fills in the sentence of an error that the framework answered without one (unknown path, wrong method, malformed request).</summary>
    public static async Task CompleteAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        if (response.HasStarted || response.StatusCode < 400 || response.ContentType is not null) return;
        string sentence = response.StatusCode switch
        {
            404 => "There is nothing here; /openapi.json lists what there is.",
            405 => "This method is not allowed here; /openapi.json lists what is.",
            413 => "The request's body is too large.",
            415 => "The request's body must be application/json, or application/octet-stream where bytes are typed at a console.",
            _ => $"The request was refused with code {response.StatusCode}.",
        };
        response.ContentType = "application/json; charset=utf-8";
        await response.WriteAsync(JsonSerializer.Serialize(new Refusal(sentence), Json.Ft)).ConfigureAwait(false);
    }
}
