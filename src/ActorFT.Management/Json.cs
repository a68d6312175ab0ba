using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ActorFT.Management;

/// <summary>How the endpoint writes JSON, and the command line reads it.</summary>
public static class Json
{
    /// <summary>/ft/… and /cluster/…: camelCase, states as words.</summary>
    public static JsonSerializerOptions Ft { get; } = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // served as application/json only, never into a page
    };

    /// <summary>Akka.Management's own three routes: names as they are (akka.md, part A).</summary>
    public static JsonSerializerOptions Akka { get; } = new() { PropertyNamingPolicy = null };
}
