using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Tests.Support;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests;

/// <summary>A node that stops itself: nothing of it acts any more at once, it is told, and it ends whatever hangs.</summary>
public sealed class FailStopTests : ActorSpec
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-end-").FullName;

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Stop_ClosesLinks_WaitsUntilTheReportIsKept_ThenEnds_AndTheNextStartSaysSo()
    {
        IActorRef faults = Sys.ActorOf(FaultManagerActor.Props(new FaultManagerOptions { Server = "a", Directory = _folder, Log = _ => { } }));
        using ManualResetEventSlim ended = new(), closed = new();
        string said = "";
        FailStop end = new("server-a", _folder, reason =>
        {
            said = reason;
            ended.Set();
        }) { Links = new Link(closed.Set), Faults = faults };
        faults.Tell(new FaultProtocol.Report("component-failed", FaultSeverity.Critical, "m", "vcpu-1", "vcpu-1 was stopped."), TestActor);
        Assert.False(end.IsEnding);
        end.Stop("vcpu-1 failed: a drill");
        Assert.True(end.IsEnding);
        Assert.True(ended.Wait(Bound));
        Assert.True(closed.Wait(Bound));
        Assert.Equal("vcpu-1 failed: a drill", said);

        string kept = Path.Combine(_folder, "stopped-itself.txt");
        AwaitCondition(() => File.Exists(kept) && new FileInfo(kept).Length != 0, Bound);
        FailStop next = new("server-a", _folder, _ => { }) { Faults = TestActor };
        AwaitAssert(() => // the writer may hold the file still
        {
            next.ReportLast();
            Assert.Matches(@"^server-a stopped itself at \d{4}-\d\d-\d\dT[0-9:.]+Z: vcpu-1 failed: a drill\.$", ExpectMsg<FaultProtocol.Report>(TimeSpan.FromSeconds(1)).Message);
        }, Bound);
        Assert.False(File.Exists(kept));
        next.ReportLast(); // once
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void Stop_WhenNobodyAnswersAndTheLinksHang_EndsAllTheSame_Once()
    {
        using ManualResetEventSlim ended = new();
        TaskCompletionSource never = new(); // the links' thread may come to it after this test's end
        int ends = 0;
        FailStop end = new("server-a", Path.Combine(_folder, "no-such-folder"), _ =>
        {
            Interlocked.Increment(ref ends);
            ended.Set();
        }) { Links = new Link(never.Task.Wait), Faults = TestActor };
        end.Stop("first");
        end.Stop("second");
        Assert.True(ended.Wait(Bound));
        Assert.Equal(1, ends);
        never.SetResult();
    }

    private sealed class Link(Action close) : IDisposable
    {
        public void Dispose() => close();
    }
}
