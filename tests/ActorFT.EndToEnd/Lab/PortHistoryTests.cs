using Xunit;

namespace ActorFT.EndToEnd.Lab;

/// <summary>The check for "never two leaders" can fail.</summary>
public sealed class PortHistoryTests
{
    // a leads, is cut off (its own last word of a way), b takes over; b's NIC is cut and healed.
    private static readonly Dictionary<string, string> s_logs = new()
    {
        ["a"] = """
            2026-01-01T10:00:00.000Z server-a info: [leading] server-a leads machine guest (term 1: server-a leads, nobody follows).
            2026-01-01T10:00:05.000Z server-a warning: [nic-rerouted] Frames of NIC lan of machine guest pass through server-b. -> back to server-a when its NIC is good again
            2026-01-01T10:00:07.000Z server-a info: [nic-back] Frames of NIC lan of machine guest pass through server-a again.
            """,
        ["b"] = """
            2026-01-01T10:00:05.500Z server-b info: [leading] server-b leads machine guest (term 3: server-b leads, nobody follows).
            2026-01-01T10:00:20.000Z server-b warning: [nic-rerouted] Frames of NIC lan of machine guest pass through server-a. -> back to server-b when its NIC is good again
            2026-01-01T10:00:25.000Z server-b info: [nic-back] Frames of NIC lan of machine guest pass through server-b again.
            """,
    };

    [Fact]
    public void Logs_AllowOnePortAfterTheOther() => Assert.Equal(["sw-a", "sw-b", "sw-a", "sw-b"], PortHistory.Allowed(s_logs));

    [Theory]
    [InlineData("sw-a sw-b sw-a sw-b", "")]
    [InlineData("sw-a sw-b", "")]
    [InlineData("sw-b", "")]
    [InlineData("sw-a sw-b sw-a sw-b sw-a", "sw-a")]
    [InlineData("sw-b sw-a sw-b sw-a", "sw-a")]
    public void Sniffer_SawMoreThanTheLogsAllow_IsFound(string seen, string excess) =>
        Assert.Equal(excess, PortHistory.Excess(PortHistory.Allowed(s_logs), seen.Split(' ')));
}
