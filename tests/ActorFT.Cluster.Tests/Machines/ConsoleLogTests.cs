using System.Text;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Tests.Support;
using Akka.Actor;
using Akka.TestKit;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>The console's file is a convenience: what happens to it ends no replica, and is told.</summary>
public sealed class ConsoleLogTests : ActorSpec
{
    [Fact]
    public void FileThatTakesNothing_IsToldOnce_AndOutputGoesOnToWatchers()
    {
        TestProbe faults = CreateTestProbe();
        using ConsoleLog log = new("/dev/full"); // every write: no space left on device
        IActorRef console = Sys.ActorOf(ConsoleActor.Props("m", TestActor, log, faults.Ref));
        console.Tell(new ConsoleActor.Watch(TestActor));
        ExpectMsg<ConsoleActor.Output>(Bound);
        log.Append("one"u8.ToArray());
        log.Append("two"u8.ToArray());
        FaultProtocol.Report report = faults.ExpectMsg<FaultProtocol.Report>(Bound);
        Assert.Equal("console-failed", report.Kind);
        Assert.Contains("No space left", report.Message, StringComparison.Ordinal);
        Assert.Equal("one", Encoding.ASCII.GetString(ExpectMsg<ConsoleActor.Output>(Bound).Bytes.Span));
        Assert.Equal("two", Encoding.ASCII.GetString(ExpectMsg<ConsoleActor.Output>(Bound).Bytes.Span));
        faults.ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void OutputAfterTheFileWasClosed_IsNoError()
    {
        string path = Path.GetTempFileName();
        try
        {
            ConsoleLog log = new(path);
            log.Append("one"u8.ToArray());
            log.Dispose(); // the console's actor stopped before the coordinator did
            log.Append("two"u8.ToArray());
            Assert.Equal("one", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
