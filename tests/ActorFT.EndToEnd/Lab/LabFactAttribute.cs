using ActorFT.EndToEnd.Scripts;
using Xunit;

namespace ActorFT.EndToEnd.Lab;

/// <summary>A fact that needs the lab: namespaces and TAPs. Skipped with a note where they cannot be made.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LabFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> s_missing = new(Find);

    public LabFactAttribute() => Skip = Missing;

    /// <summary>What this host lacks; null for nothing.</summary>
    internal static string? Missing => s_missing.Value;

    private static string? Find()
    {
        if (!File.Exists("/dev/net/tun")) return "needs /dev/net/tun: 'modprobe tun'";
        try
        {
            CommandResult tried = Script.RunCommand("unshare", ["--net", "true"], TimeSpan.FromSeconds(20));
            return tried.ExitCode == 0 ? null : "needs the right to make network namespaces: run as root, or inside 'unshare --user --map-root-user --net --mount'";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "needs the command 'unshare' (package util-linux)";
        }
    }
}

/// <summary>A theory that needs the lab.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LabTheoryAttribute : TheoryAttribute
{
    public LabTheoryAttribute() => Skip = LabFactAttribute.Missing;
}
