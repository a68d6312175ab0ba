using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>What an operator is told of a disk that lies: each time, and held against it once an episode.</summary>
public sealed class MirrorReportsTests
{
    private readonly MirrorReports _reports = new("m", "disk-data");

    private FaultProtocol.Report BadBlocksAt(long nowMs) => _reports.Of(MirrorNote.BadBlocks, "scrub found 1 bad block(s) in region 5.", nowMs);

    [Fact]
    public void Each_lie_of_a_device_is_a_fault_with_a_diagnosis_and_those_of_one_episode_count_once()
    {
        FaultJudge judge = new(new FaultSettings());
        FaultProtocol.Report[] told = [BadBlocksAt(0), BadBlocksAt(5_000), BadBlocksAt(5_000 + MirrorReports.EpisodeMs - 1), BadBlocksAt(5_000 + 2 * MirrorReports.EpisodeMs)];
        Assert.All(told, report => Assert.Equal(("disk-bad-blocks", FaultSeverity.Warning), (report.Kind, report.Severity)));
        Assert.Equal([true, false, false, true], told.Select(report => report.IsOwn));
        string[] diagnoses = [.. told.Select((report, i) => judge.Judge(report, i).Diagnosis)];
        Assert.All(diagnoses, diagnosis => Assert.StartsWith("The device gave back other bytes than were written", diagnosis, StringComparison.Ordinal));
        Assert.Equal([false, false, false, true], diagnoses.Select(diagnosis => diagnosis.Contains("It is the 2nd fault of disk-data", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_bad_area_that_is_found_block_by_block_does_not_use_the_policy_up()
    {
        FaultJudge judge = new(new FaultSettings());
        Assert.All(Enumerable.Range(0, 200), i => Assert.Null(judge.Judge(BadBlocksAt(i * 100), i * 100).Policy));
    }

    [Fact]
    public void Every_other_note_has_its_kind_and_a_copy_that_is_equal_again_ends_its_failure()
    {
        foreach (MirrorNote note in Enum.GetValues<MirrorNote>())
        {
            FaultProtocol.Report report = _reports.Of(note, "what.", 0);
            Assert.Equal(("m", "disk-data", "what.", note == MirrorNote.ResyncEnded ? "disk-failed" : ""), (report.Machine, report.Component, report.Message, report.Clears));
            Assert.Contains(FaultCatalog.All, kind => kind.Kind == report.Kind);
            Assert.True(report.IsOwn);
        }
    }
}
