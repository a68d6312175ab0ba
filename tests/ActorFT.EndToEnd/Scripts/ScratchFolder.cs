namespace ActorFT.EndToEnd.Scripts;

/// <summary>A folder that a test has for itself.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("actorft-e2e-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => System.IO.Path.Combine(FullPath, name);

    /// <summary>Writes a text file, and the folders above it.</summary>
    public void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], text);
    }

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
