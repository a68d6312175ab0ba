using System.Text.Json;

namespace ActorFT.Management;

/// <summary>The JSON of what many ask for: written once for the same object. Thread-safe.</summary>
internal sealed class Rendering<T> where T : class
{
    private volatile Tuple<T, byte[]>? _last;

    /// <summary>The JSON of a value that does not change.</summary>
    public byte[] Of(T value)
    {
        if (_last is { } last && ReferenceEquals(last.Item1, value)) return last.Item2;
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(value, Json.Ft);
        _last = Tuple.Create(value, json);
        return json;
    }
}
