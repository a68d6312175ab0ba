using ActorFT.Cluster.Wire;

namespace ActorFT.Cluster.Messages;

/// <summary>How bad a fault is.</summary>
public enum FaultSeverity
{
    /// <summary>Something to know.</summary>
    Info = 0,
    /// <summary>Redundancy is less than it was.</summary>
    Warning = 1,
    /// <summary>Something does not work.</summary>
    Error = 2,
    /// <summary>The machine is, or may be, down.</summary>
    Critical = 3,
}

/// <summary>Fault reports and their history.</summary>
public static class FaultProtocol
{
    /// <summary>A component reports a fault, an action or a recovery. Told to <c>/user/faults</c>.</summary>
    /// <param name="Kind">A fixed word, such as "peer-lost", "disk-failed", "link-down", "recovered".</param>
    /// <param name="Severity">How bad.</param>
    /// <param name="Machine">The machine; empty for none.</param>
    /// <param name="Component">The component, such as "disk-data" or "link-0".</param>
    /// <param name="Message">One sentence: what was seen.</param>
    /// <param name="Action">What was done about it; empty for nothing.</param>
    /// <param name="Evidence">Lines of evidence: digests, errors, values.</param>
    /// <param name="Clears">The kind of an earlier fault of this component that is over now; empty for none.</param>
    /// <param name="IsOwn">False: something else failed, and this component only with it; such a fault is not held against it.</param>
    public sealed record Report(
        string Kind, FaultSeverity Severity, string Machine, string Component, string Message, string Action = "", string[]? Evidence = null, string Clears = "", bool IsOwn = true)
        : IWireMessage;

    /// <summary>A fault as it stands in the history.</summary>
    public sealed record Entry : IWireMessage
    {
        /// <summary>Unique: the server's name, a dash and a rising number.</summary>
        public required string Id { get; init; }
        /// <summary>When, milliseconds since 1970 UTC.</summary>
        public long AtUnixMs { get; init; }
        /// <summary>The server that saw it.</summary>
        public required string Server { get; init; }
        /// <summary>What was reported.</summary>
        public required Report Report { get; init; }
        /// <summary>The likely cause, and how often it came lately; empty for what is no fault.</summary>
        public string Diagnosis { get; init; } = "";
        /// <summary>What became of it: "lasts", "over after …", what a policy did; empty for what is no fault.</summary>
        public string Outcome { get; init; } = "";
        /// <summary>Rises with each later word on the entry, from 0.</summary>
        public int Revision { get; init; }
        /// <summary>When it was over, milliseconds since 1970 UTC; 0 while it lasts or if it is a mere event.</summary>
        public long ClearedAtUnixMs { get; init; }
    }

    /// <summary>Asks for the latest entries. Answered by <see cref="History"/>.</summary>
    /// <param name="Limit">How many at most.</param>
    public sealed record GetHistory(int Limit) : IWireMessage;

    /// <summary>The latest entries, oldest first.</summary>
    /// <param name="Entries">The entries.</param>
    public sealed record History(Entry[] Entries) : IWireMessage;
}
