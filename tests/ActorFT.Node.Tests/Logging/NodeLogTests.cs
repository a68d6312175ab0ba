using System.Text.Json;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Messages;
using ActorFT.Node.Logging;
using Xunit;

namespace ActorFT.Node.Tests.Logging;

/// <summary>A node's log: levels mean what docs/operations.md says, each event is one line in each format.</summary>
public sealed class NodeLogTests
{
    private static readonly FaultProtocol.Entry s_fault = new()
    {
        Id = "a-7", Server = "a", AtUnixMs = 1, Diagnosis = "The cable.",
        Report = new FaultProtocol.Report("nic-down", FaultSeverity.Warning, "m", "nic-lan", "NIC \"lan\"\nis down.", "none needed"),
    };

    private static List<string> Write(LogSettings settings, Action<NodeLog> what)
    {
        List<string> lines = [];
        using NodeLog log = new("a", settings, lines.Add);
        what(log);
        return lines;
    }

    [Fact]
    public void WhatIsRepeated_IsSaidOnceAPeriod_WithTheCountOfTheOthers()
    {
        Seldom seldom = new(periodMs: 60_000);
        (bool, int)[] told = [.. new long[] { 5, 6, 60_004, 60_005, 60_006, 500_000 }.Select(nowMs => (seldom.IsDue(nowMs, out int left), left))];
        Assert.Equal([(true, 0), (false, 0), (false, 0), (true, 2), (false, 0), (true, 1)], told);
    }

    [Fact]
    public void A_fault_is_one_line_with_time_node_level_kind_sentence_and_action()
    {
        string line = Assert.Single(Write(new LogSettings(Format: LogFormat.Text), log => log.Write(s_fault)));
        Assert.Matches("^20[0-9-]+T[0-9:.]+Z a warning: \\[nic-down\\] NIC \"lan\" is down. -> none needed$", line);
    }

    [Fact]
    public void Json_has_the_same_and_more_by_name()
    {
        JsonElement line = JsonDocument.Parse(Assert.Single(Write(new LogSettings(Format: LogFormat.Json), log => log.Write(s_fault)))).RootElement;
        Assert.Equal("warning a nic-down a-7 m nic-lan The cable.", string.Join(' ', new[] { "level", "node", "kind", "id", "machine", "component", "diagnosis" }.Select(name => line.GetProperty(name).GetString())));
        Assert.StartsWith("[nic-down] ", line.GetProperty("sentence").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Journald_gets_the_level_in_its_own_form_and_no_second_time()
    {
        List<string> lines = Write(new LogSettings(LogLevelSetting.Debug, LogFormat.Journal), log =>
        {
            log.Debug("d");
            log.Info("i");
            log.Write(s_fault);
            log.Error("e");
            log.Critical("c");
        });
        Assert.Equal(["<7>d", "<6>i", "<4>[nic-down] NIC \"lan\" is down. -> none needed", "<3>e", "<2>c"], lines);
    }

    [Theory]
    [InlineData(LogLevelSetting.Debug, 5)]
    [InlineData(LogLevelSetting.Info, 4)]
    [InlineData(LogLevelSetting.Warning, 3)]
    [InlineData(LogLevelSetting.Error, 2)]
    [InlineData(LogLevelSetting.Critical, 1)]
    public void What_is_below_the_level_is_not_written(LogLevelSetting level, int expected) => Assert.Equal(expected, Write(new LogSettings(level), log =>
    {
        log.Debug("d");
        log.Info("i");
        log.Write(s_fault);
        log.Error("e");
        log.Critical("c");
    }).Count);
}
