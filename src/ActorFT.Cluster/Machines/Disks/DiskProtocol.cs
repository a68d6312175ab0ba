using ActorFT.Lockstep.Protocol;
using ActorFT.Network.Links;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Machines.Disks;

/// <summary>What a machine's coordinator and its disks' actors on one server say to each other.</summary>
public static class DiskProtocol
{
    /// <summary>To a disk: the machine is no more; forget its requests.</summary>
    public sealed record Reset : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: the replica is made anew here. End what is under way and mark the copy stale, durably; answered by <see cref="Prepared"/>.</summary>
    public sealed record Prepare(StreamId Stream) : MachineProtocol.ILocalMessage;

    /// <summary>Nothing of before is under way any more, and the copy is durably marked.</summary>
    public sealed record Prepared(StreamId Stream, int Disk) : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: the two replicas are a pair from here on.</summary>
    public sealed record PeerIn(StreamId Stream, bool IsSource) : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: this server, made from the other, is a member now.</summary>
    public sealed record Enrolled : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: the machine's state is taken now.</summary>
    public sealed record MarkBase : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: this server's replica leads, or follows.</summary>
    public sealed record Leads(bool IsLeading) : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: this replica is alone.</summary>
    public sealed record PeerGone : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: mark the copy with a term, if it is current; answered by <see cref="TermMarked"/>.</summary>
    public sealed record MarkTerm(ulong Term) : MachineProtocol.ILocalMessage;

    /// <summary>The copy carries the term, or is not current.</summary>
    public sealed record TermMarked(ulong Term, int Disk) : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: a parcel of the other mirror came with bulk, past the coordinator. Whoever takes it disposes the frame.</summary>
    internal sealed record MirrorFrame(LinkFrame Frame, ReadOnlyMemory<byte> Content) : MachineProtocol.ILocalMessage;

    /// <summary>To a disk: there may be room for what it has to send.</summary>
    internal sealed record MirrorRoom : MachineProtocol.ILocalMessage
    {
        internal static readonly MirrorRoom Instance = new();
    }

    /// <summary>A small message between the two mirrors: to be sent, or come in.</summary>
    public sealed record MirrorBytes(int Disk, ReadOnlyMemory<byte> Bytes) : MachineProtocol.ILocalMessage;

    /// <summary>How a disk's two copies stand.</summary>
    public sealed record Changed(int Disk, CopyUse Own, string Reason, CopyUse? Peer, double Progress) : MachineProtocol.ILocalMessage;

    /// <summary>To the coordinator: make it durable that this server does not boot from its disks; answered by the same message.</summary>
    public sealed record MarkStale(int Disk, int Number) : MachineProtocol.ILocalMessage;

    /// <summary>To the coordinator: this copy lacks nothing any more and says so itself; answered by the same message when the server's mark says so too.</summary>
    public sealed record MarkCurrent(int Disk, int Number) : MachineProtocol.ILocalMessage;
}
