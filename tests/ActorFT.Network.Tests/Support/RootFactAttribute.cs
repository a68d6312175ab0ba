namespace ActorFT.Network.Tests.Support;

/// <summary>
/// Why a promise that needs a network namespace of its own cannot be kept here; null when it can. Such tests are then
/// skipped and the report says how to run them.
/// </summary>
internal static class NamespaceNeeds
{
    internal static string? Missing { get; } = !NetworkNamespace.CanMake
        ? "needs the right to make a network namespace: run as root, or \"unshare --user --map-root-user --net --mount sh -c 'ip link set lo up && dotnet test tests/ActorFT.Network.Tests'\""
        : File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun: 'modprobe tun'";
}

/// <summary>A fact that needs a network namespace of its own.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = NamespaceNeeds.Missing;
}

/// <summary>A theory that needs a network namespace of its own.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute() => Skip = NamespaceNeeds.Missing;
}
