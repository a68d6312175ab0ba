using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Faults;

/// <summary>One kind of report.</summary>
/// <param name="Kind">The word.</param>
/// <param name="Diagnosis">The most likely cause, for somebody who must do something about it; empty for what is no fault.</param>
/// <param name="Action">What the pair does about it when the report does not say; empty for nothing.</param>
/// <param name="EndedBy">Kinds that end it: of the same component, or of the same machine when they are about the pair.</param>
/// <param name="Counts">Whether it counts for the component's policy; consequences of another fault do not.</param>
/// <param name="IsSeenByBoth">Whether both servers report the same occurrence.</param>
public sealed record FaultKind(string Kind, string Diagnosis, string Action = "", string[]? EndedBy = null, bool Counts = true, bool IsSeenByBoth = false);

/// <summary>Everything that is ever reported, with its diagnosis. A test holds that no report in the program has a kind that is missing here.</summary>
public static class FaultCatalog
{
    private static readonly string[] s_duplex = ["protected"];

    /// <summary>The kinds.</summary>
    public static IReadOnlyList<FaultKind> All { get; } =
    [
        // The pair.
        new("exposed", "The machine runs on one server only; why is in the entry before.", "the other server is taken in again as soon as it can be", s_duplex, Counts: false),
        new("peer-lost", "The other server, its program or every way to it is gone; its own log, or the link-down beside this, says which.", "this server goes on alone", s_duplex),
        new("taken-over", "The other server led and was lost: its computer, its program, or every way to it; its own log says which.", "this server leads; the other one is taken in again when it is back", s_duplex),
        new("fenced", "The other server leads by the arbiter's word: this one stood still, was cut off, or was left out.", "its replica was stopped, and is rebuilt from the other server", s_duplex, Counts: false),
        new("divergence", "The two replicas computed different states: memory or CPU of one server is faulty. The digests of each component are the evidence.",
            "the faulty replica is taken out and rebuilt from the other", s_duplex),
        new("memory-changed", "Memory of this server changed without being written: suspect this server's memory (its modules, a missing ECC).", "the other server's replica goes on; this one is rebuilt from it", s_duplex),
        new("memory-corrupt", "Memory of this server changed without being written, and no other copy of the machine exists: suspect this server's memory.", "the machine goes on with it: there is nothing better", s_duplex),
        new("slow-follower", "The other server has too little processor time, or the FT link is too slow for it.", "the other server is taken out and rebuilt", s_duplex),
        new("transfer-failed", "Copying the machine's state broke off: see the FT links.", "it is begun anew", s_duplex, Counts: false),
        new("peer-left-out", "The other server was taken out too often within the window: it has a fault that comes back.", "it stays out until an operator lets it back (actorft protect)", s_duplex),
        new("peer-refused", "The other server does not fit: another pair, another configuration, or another version.", "it is not taken in", s_duplex, Counts: false),
        new("node-refused", "Two builds whose messages to each other have unlike versions: an upgrade is under way, or was left half done.",
            "its status, commands and votes are not heard; what the FT link carries goes on", ["node-accepted"], Counts: false),
        new("arbiter-unreachable", "Neither the other server nor the arbiter answers: this server may be the one that is cut off.", "outputs are held until one of them answers",
            ["protected", "exposed", "fenced", "leading", "arbiter-back"]),
        new("acting-without-arbiter", "Neither the other server nor the arbiter answers, and on-no-arbiter lets this server act.", "this server goes on alone", s_duplex),
        new("cannot-boot", "This server may not start the machine from what it has: the other server knows more.", "it waits", ["leading", "protected"], Counts: false),
        new("waiting", "This server does not take part yet; the sentence says what it waits for.", "it is taken in as soon as that is there", ["leading", "protected"], Counts: false),
        new("request-refused", "An operator's request could not be followed; nothing was changed.", Counts: false),
        new("component-failed", "A part of the program broke one of its own invariants: a fault of the program or of this server's memory. The sentence is the evidence for its makers.", "", s_duplex),
        new("stopped-itself", "A part of this server's program or machine broke one of its own invariants, so that it stopped at once; the sentence has when and why.", "the other server led meanwhile; this one is taken in again", s_duplex, Counts: false),
        new("vcpu-failed", "A vCPU broke one of the machine's invariants: a fault of the program or of this server's processor or memory.", "the other server leads", s_duplex),
        // Components.
        new("link-down", "The cable, a port, the switch of this link, or the other server itself.", "", ["link-up"], IsSeenByBoth: true),
        new("nic-down", "The cable, the port or the switch of this NIC, or its interface on this server was taken away.", "frames pass through the other server, if its NIC is good", ["nic-repaired"]),
        new("nic-rerouted", "The NIC of the server that leads is down.", "", ["nic-back"], Counts: false),
        new("arbiter-lost", "The arbiter's computer or program is down, or the network to it.", "the machines go on; a second fault would not be survivable", ["arbiter-back"], IsSeenByBoth: true),
        new("console-failed", "The file system of the console's file is full, read-only or gone.", "the machine goes on; what it writes meanwhile is missing in the file", ["console-back"], Counts: false),
        new("alert-failed", "An alert could not be delivered: see the address, the program or the network that the sentence names.", "", ["alert-sent"], Counts: false),
        new("disk-failed", "The device, its cable or the file system of this copy; the sentence has what the host said.", "the other server's copy answers; this one is opened again and made equal", ["disk-mirrored", "disk-opened"]),
        new("disk-isolated", "This copy failed too often, or an operator took it out.", "it stays out until it is repaired by command (actorft disk repair)", ["disk-mirrored", "disk-opened"], Counts: false),
        new("disk-foreign", "The image or its metadata belong to another disk than the other server's copy.", "it stays out; nothing on it was changed", ["disk-mirrored"], Counts: false),
        new("disk-served-by-peer", "This server's copy is out of service; why is in the entry before.", "it is made equal once it is back", ["disk-mirrored", "disk-opened"], Counts: false),
        new("disk-bad-blocks", "The device gave back other bytes than were written, or cannot read them.", "they are replaced from the other server's copy", ["disk-repaired", "disk-scrubbed"]),
        new("disk-data-lost", "No copy could answer: the same data are bad on both servers, or the only complete copy failed.", "the guest got an I/O error for this request alone"),
        new("disk-differs", "A device reported a write as done that it had not done.", "the other server's content was taken", ["disk-scrubbed"]),
        new("disk-mismatch", "The two copies gave different bytes for one read though each was right by its own checksums.", "digests decide which replica is rebuilt", s_duplex),
        // No faults.
        new("disk-recovered", ""), new("disk-opened", ""), new("disk-resync", ""), new("disk-mirrored", ""), new("disk-repaired", ""), new("disk-scrubbed", ""),
        new("leading", ""), new("protected", ""), new("node-accepted", ""), new("power", ""), new("link-up", ""), new("nic-repaired", ""), new("nic-back", ""), new("arbiter-back", ""), new("console-back", ""), new("alert-sent", ""), new("started", ""), new("stopping", ""),
    ];

    private static readonly Dictionary<string, FaultKind> s_byKind = All.ToDictionary(kind => kind.Kind);

    /// <summary>A kind; what is not known counts as a fault of its component.</summary>
    public static FaultKind Find(string kind) => s_byKind.GetValueOrDefault(kind) ?? new FaultKind(kind, "Not known; the sentence and the evidence are all there is.");

    /// <summary>The class of a report's component.</summary>
    public static FaultClass ClassOf(string component) =>
        component.StartsWith("disk-", StringComparison.Ordinal) ? FaultClass.Disk
        : component.StartsWith("nic-", StringComparison.Ordinal) ? FaultClass.Nic
        : component.StartsWith("link-", StringComparison.Ordinal) ? FaultClass.Link
        : component == "arbiter" ? FaultClass.Arbiter
        : FaultClass.Replica;

    /// <summary>Whether a report ends an earlier one: its component's, or, for what is about the whole pair, its machine's.</summary>
    public static bool Ends(FaultProtocol.Report report, FaultProtocol.Report earlier)
    {
        if (report.Machine != earlier.Machine && earlier.Kind != "arbiter-unreachable") return false;
        if (report.Component == earlier.Component && report.Clears.Length != 0 && report.Clears == earlier.Kind) return true;
        if (Find(earlier.Kind).EndedBy?.Contains(report.Kind) != true) return false;
        return report.Component == earlier.Component || ClassOf(earlier.Component) == FaultClass.Replica;
    }
}
