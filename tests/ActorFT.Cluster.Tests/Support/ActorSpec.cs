using Akka.Configuration;
using Akka.TestKit.Xunit2;

namespace ActorFT.Cluster.Tests.Support;

/// <summary>An actor system with the product's own dispatchers and settings, but for the network.</summary>
public abstract class ActorSpec : TestKit
{
    protected ActorSpec()
        : base(ConfigurationFactory.ParseString("akka { loglevel = OFF, stdout-loglevel = OFF, actor.provider = local, test.startup-timeout = 30s }").WithFallback(NodeRuntime.ReferenceConfig))
    {
    }

    /// <summary>Bound of what is waited for, on a busy host.</summary>
    protected static TimeSpan Bound { get; } = TimeSpan.FromSeconds(30);
}
