namespace ActorFT.Node.Tests.Support;

/// <summary>The working copy that the tests were built in.</summary>
internal static class Repository
{
    /// <summary>Its root folder.</summary>
    internal static string Root { get; } = Find();

    private static string Find()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "ActorFT.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("No folder above the tests holds ActorFT.sln.");
    }
}
