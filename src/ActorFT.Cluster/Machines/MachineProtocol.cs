using ActorFT.Lockstep.Messages;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Network.Links;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>Messages inside one server's actor tree of a machine. None of them leaves the process.</summary>
public static class MachineProtocol
{
    /// <summary>Marks messages that stay in the process.</summary>
    public interface ILocalMessage : INoSerializationVerificationNeeded;

    /// <summary>The round is passed from vCPU to vCPU, each of which runs its quantum, and back to the coordinator.</summary>
    public sealed class RoundToken : ILocalMessage
    {
        /// <summary>The round's machine; null: it is no more, and the round ends where it is.</summary>
        public IMachine? Machine { get; set; }
        /// <summary>Instructions retired in the round so far.</summary>
        public long Retired { get; set; }
    }

    /// <summary>Coordinator to itself: begin the next round, after whatever came in meanwhile.</summary>
    public sealed class NextRound : ILocalMessage
    {
        /// <summary>The only one.</summary>
        public static readonly NextRound Instance = new();
    }

    /// <summary>The fixed interval passed.</summary>
    public sealed class Tick : ILocalMessage
    {
        /// <summary>The only one.</summary>
        public static readonly Tick Instance = new();
    }

    /// <summary>The moment that was set has come.</summary>
    public sealed class Wake : ILocalMessage
    {
        /// <summary>The only one.</summary>
        public static readonly Wake Instance = new();
    }

    /// <summary>A message of the peer came in. The frame is given back when it is dealt with.</summary>
    public sealed record EnvelopeArrived(int Path, LinkEnvelope Envelope, LinkFrame Frame) : ILocalMessage;

    /// <summary>A path of the FT link changed.</summary>
    public sealed record PathChanged(LinkPathStatus Status) : ILocalMessage;

    /// <summary>The cluster's failure detector suspects the peer.</summary>
    public sealed record PeerUnreachable(string Reason) : ILocalMessage;

    /// <summary>A request to a disk has ended.</summary>
    public sealed record DiskCompleted(BlockCompleted Completion, BlockOperation Operation) : ILocalMessage;

    /// <summary>A request to a disk.</summary>
    public sealed record DiskRequest(BlockRequested Request) : ILocalMessage;

    /// <summary>An input from outside: a frame, typed bytes.</summary>
    public sealed record InputArrived(MachineInput Input) : ILocalMessage;

    /// <summary>The replica's role as far as devices are concerned: open lets frames and bytes pass.</summary>
    public sealed record SetOpen(bool IsOpen) : ILocalMessage;

    /// <summary>Write a term durably; answered by <see cref="TermWritten"/>.</summary>
    public sealed record WriteTerm(ulong Term) : ILocalMessage;

    /// <summary>The term is durable.</summary>
    public sealed record TermWritten(ulong Term) : ILocalMessage;

    /// <summary>While stale, the mark on stable storage is 0 whatever term is written; answered by <see cref="StaleWritten"/>.</summary>
    public sealed record WriteStale(bool IsStale, int Number) : ILocalMessage;

    /// <summary>The mark says so.</summary>
    public sealed record StaleWritten(int Number) : ILocalMessage;

    /// <summary>Asks the term keeper to answer with the same message when all terms before are durable.</summary>
    public sealed record TermBarrier(Lockstep.Protocol.StreamId Stream) : ILocalMessage;

    /// <summary>The transport has room for bulk state again (or the path is gone).</summary>
    public sealed class RoomForState : ILocalMessage
    {
        /// <summary>The only one.</summary>
        public static readonly RoomForState Instance = new();
    }

    /// <summary>A vCPU's actor was stopped by its supervisor.</summary>
    public sealed record VcpuFailed(int Index, string Reason) : ILocalMessage;

    /// <summary>Asks a component for its status record; it answers with it.</summary>
    public sealed class GetStatus : ILocalMessage
    {
        /// <summary>The only one.</summary>
        public static readonly GetStatus Instance = new();
    }

    /// <summary>A component stands otherwise than it did: its status is worth collecting now. Told to the parent.</summary>
    public sealed class StandingChanged : ILocalMessage
    {
        /// <summary>The only one.</summary>
        public static readonly StandingChanged Instance = new();
    }
}
