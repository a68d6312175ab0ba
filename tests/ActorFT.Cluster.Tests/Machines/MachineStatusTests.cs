using ActorFT.Cluster.Status;
using Xunit;

namespace ActorFT.Cluster.Tests.Machines;

/// <summary>What a server says of its replica when one of its parts is not good.</summary>
public sealed class MachineStatusTests
{
    private static readonly MachineStatus s_good = new() { Name = "m", State = ComponentState.Good };
    private static readonly DiskStatus s_disk = new() { Name = "root", State = ComponentState.Good };
    private static readonly NicStatus s_nic = new() { Name = "lan", State = ComponentState.Good };

    [Fact]
    public void GoodParts_LeaveItGood() => Assert.Equal(ComponentState.Good, s_good.WithParts([s_disk], [s_nic]).State);

    [Fact]
    public void FailedNic_MakesItDegraded_WithTheNicsReason()
    {
        MachineStatus status = s_good.WithParts([s_disk], [s_nic with { State = ComponentState.Failed, Reason = "no carrier" }]);
        Assert.Equal((ComponentState.Degraded, "NIC lan: Failed, no carrier"), (status.State, status.Reason));
        Assert.Single(status.Nics);
    }

    [Fact]
    public void WorseState_StaysWithItsOwnReason()
    {
        MachineStatus exposed = s_good with { State = ComponentState.Rebuilding, Reason = "receives memory" };
        MachineStatus status = exposed.WithParts([s_disk with { State = ComponentState.Failed, Reason = "gone" }], [s_nic]);
        Assert.Equal((ComponentState.Rebuilding, "receives memory"), (status.State, status.Reason));
    }
}
