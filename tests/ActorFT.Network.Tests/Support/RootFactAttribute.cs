namespace ActorFT.Network.Tests.Support;

/// <summary>
/// A promise that needs a network namespace of its own, thus the right to make one. Without it the test is skipped
/// and the report says how to run it.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute()
    {
        if (!NetworkNamespace.CanMake)
        {
            Skip = "needs the right to make a network namespace: run as root, or 'unshare --user --map-root-user --net --mount dotnet test tests/ActorFT.Network.Tests'";
        }
        else if (!File.Exists("/dev/net/tun"))
        {
            Skip = "needs /dev/net/tun: 'modprobe tun'";
        }
    }
}
