using ActorFT.Cluster.Tests.Support;
using Akka.Event;
using Xunit;

namespace ActorFT.Cluster.Tests;

public sealed class OperatorLoggerTests
{
    [Fact]
    public void Error_WithACauseOfManyLines_IsOneLine()
    {
        string line = OperatorLogger.Line(new Error(new InvalidOperationException("first\nsecond"), "akka://actorft/user/host", typeof(ActorSpec), "It failed\r\nbadly"));
        Assert.Contains("akka error: It failed badly (InvalidOperationException: first second)", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line);
    }

    [Theory]
    [InlineData("akka.tcp://actorft@127.0.0.1:1/system/endpointManager/reliableEndpointWriter-2/endpointWriter", true)]
    [InlineData("remoting (akka://actorft)", true)]
    [InlineData("akka.tcp://actorft@127.0.0.1:1/system/cluster/core/daemon", true)]
    [InlineData("akka://actorft/user/host/machine-m/lockstep", false)]
    public void OnlyAbsentNodes_AreLeftOut(string source, bool isLeftOut) =>
        Assert.Equal(isLeftOut, OperatorLogger.IsAboutAnAbsentNode(new Warning(source, typeof(ActorSpec), "text")));
}
