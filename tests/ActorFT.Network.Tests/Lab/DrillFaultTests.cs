using ActorFT.LabTool.Drill;

namespace ActorFT.Network.Tests.Lab;

public sealed class DrillFaultTests
{
    [Fact]
    public void FaultsByName_AreThose_AloneOrTwoAtOnce()
    {
        Fault[][] faults = Fault.Parse("handed over, leader serviced + arbiter killed");
        Assert.Equal(["handed over", "leader serviced+arbiter killed"], faults.Select(one => string.Join('+', one.Select(fault => fault.Name))));
        Assert.Empty(Fault.Parse(""));
    }

    [Theory]
    [InlineData("leader kiled", "'leader kiled' is no fault; allowed are leader killed, ")]
    [InlineData("leader killed + follower killed", "'leader killed + follower killed' is not allowed: ")]
    [InlineData("arbiter killed + link 0 cut + link 1 cut", "two faults at most")]
    public void FaultsThatCannotBe_AreRefusedBeforeALabIsBuilt(string list, string why) =>
        Assert.Contains(why, Assert.Throws<ArgumentException>(() => Fault.Parse(list)).Message);
}
