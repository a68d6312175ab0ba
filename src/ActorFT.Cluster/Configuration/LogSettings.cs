namespace ActorFT.Cluster.Configuration;

/// <summary>The least that a node's log has: <c>actorft.log.level</c>.</summary>
public enum LogLevelSetting
{
    /// <summary>Also what only the program's makers ask for.</summary>
    Debug = 0,
    /// <summary>What happens and needs nobody.</summary>
    Info = 1,
    /// <summary>Redundancy is less than it was.</summary>
    Warning = 2,
    /// <summary>Something does not work.</summary>
    Error = 3,
    /// <summary>A machine is, or may be, down; or this node stops at once.</summary>
    Critical = 4,
}

/// <summary>How a node's log is written: <c>actorft.log.format</c>.</summary>
public enum LogFormat
{
    /// <summary>Journal where systemd takes it, else text.</summary>
    Auto = 0,
    /// <summary>A line: time, node, level, sentence.</summary>
    Text = 1,
    /// <summary>A line of JSON.</summary>
    Json = 2,
    /// <summary>A line with the level as journald reads it, without the time, which journald adds.</summary>
    Journal = 3,
}

/// <summary><c>actorft.log</c>.</summary>
/// <param name="Level">The least that is written.</param>
/// <param name="Format">How.</param>
public sealed record LogSettings(LogLevelSetting Level = LogLevelSetting.Info, LogFormat Format = LogFormat.Auto);
