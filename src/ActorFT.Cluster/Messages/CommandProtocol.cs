using ActorFT.Cluster.Wire;

namespace ActorFT.Cluster.Messages;

/// <summary>What an operator can ask of a node, through the HTTP endpoint and the command line.</summary>
public static class CommandProtocol
{
    /// <summary>A command. It is carried out by the server it concerns; any server passes it on.</summary>
    /// <param name="Verb">One of <see cref="Verbs"/>.</param>
    /// <param name="Machine">The machine; empty where the command concerns the server.</param>
    /// <param name="Server">The server that is to do it or that it is about; empty: whichever leads.</param>
    /// <param name="Component">A component, such as "disk-data", "nic-lan", "link-0", "vcpu-1"; empty for none.</param>
    /// <param name="Arguments">More, such as a fault's kind; each "key=value".</param>
    public sealed record Command(string Verb, string Machine, string Server, string Component, string[] Arguments) : IWireMessage;

    /// <summary>What became of it.</summary>
    /// <param name="Succeeded">Whether it was done or begun.</param>
    /// <param name="Sentence">One sentence for the operator.</param>
    public sealed record Outcome(bool Succeeded, string Sentence) : IWireMessage;

    /// <summary>The verbs.</summary>
    public static class Verbs
    {
        /// <summary>Hand the machine over to the other server.</summary>
        public const string FailOver = "failover";
        /// <summary>Make the machine duplex again if it can be: allow an isolated peer back.</summary>
        public const string Protect = "protect";
        /// <summary>The server leaves for maintenance.</summary>
        public const string Leave = "leave";
        /// <summary>The server comes back from maintenance.</summary>
        public const string Return = "return";
        /// <summary>Take a component out of service; without one, the replica of the server that is named.</summary>
        public const string Isolate = "isolate";
        /// <summary>Bring a component back.</summary>
        public const string Repair = "repair";
        /// <summary>Compare a disk's copies.</summary>
        public const string Scrub = "scrub";
        /// <summary>Boot here although the other server's state is lost.</summary>
        public const string ForceStart = "force-start";
        /// <summary>Inject a fault (only where the configuration allows it).</summary>
        public const string Inject = "inject";
        /// <summary>Take an injected fault away.</summary>
        public const string Clear = "clear";
    }
}
