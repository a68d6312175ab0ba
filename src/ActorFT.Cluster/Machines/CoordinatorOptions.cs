using ActorFT.Lockstep.Protocol;
using ActorFT.Machine;
using ActorFT.Network.Links;
using Akka.Actor;

namespace ActorFT.Cluster.Machines;

/// <summary>What a coordinator works with.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>The machine's definition without wall clock and seed: the same on both servers.</summary>
    public required MachineDefinition Definition { get; init; }
    /// <summary>Makes the machine, for power-on (with a wall clock) or to load state into.</summary>
    public required Func<MachineDefinition, IMachine> CreateMachine { get; init; }
    /// <summary>Who this replica is.</summary>
    public required ReplicaIdentity Identity { get; init; }
    /// <summary>Lockstep settings.</summary>
    public required LockstepSettings Settings { get; init; }
    /// <summary>State transfer's bytes per second at most; 0 for unbounded.</summary>
    public ulong ResyncBytesPerSecond { get; init; }
    /// <summary>Memory that is checked against its kept hashes, bytes per second; 0 for none.</summary>
    public ulong MemoryScrubBytesPerSecond { get; init; }
    /// <summary>The FT link.</summary>
    public required IPeerLink Link { get; init; }
    /// <summary>The machine's number on the link: its position among the machines' names.</summary>
    public required ushort Channel { get; init; }
    /// <summary>Whether this node is about to stop itself: nothing is claimed and nothing leaves any more.</summary>
    public Func<bool> IsEnding { get; init; } = static () => false;
    /// <summary>The arbiter.</summary>
    public required ICanTell Arbiter { get; init; }
    /// <summary>Who takes fault reports.</summary>
    public required ICanTell Faults { get; init; }
    /// <summary>Where dumps go.</summary>
    public required string DataDirectory { get; init; }
}

/// <summary>What a coordinator needs of the FT link; <see cref="Host.LinkHub"/> is the real one.</summary>
public interface IPeerLink
{
    /// <summary>Number of paths.</summary>
    int PathCount { get; }

    /// <summary>Gives a machine's coordinator its envelopes and path changes from now on, beginning with the paths' present states.</summary>
    void Register(ushort channel, IActorRef coordinator);

    /// <summary>Sends without waiting; false when the path did not take it. What may trail goes with the next message there that may not, or with <see cref="FlushLog"/>.</summary>
    bool TrySend(int path, bool isBulk, ushort channel, ReadOnlySpan<byte> payload, bool mayTrail = false);

    /// <summary>Sends what trails.</summary>
    void FlushLog();

    /// <summary>The path that brings a message soonest, as far as is known.</summary>
    int BestPath { get; }

    /// <summary>Gives a machine's messages of the control class to a receiver from now on, on the link's threads.</summary>
    void RegisterControl(ushort channel, Action<ReadOnlyMemory<byte>> receive);

    /// <summary>Sends a message of the control class without waiting: on the first path that takes it, or on every path. False: none took it.</summary>
    bool TrySendControl(ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body, bool onEveryPath);

    /// <summary>The path that bulk goes on; negative while none is up.</summary>
    int BulkPath { get; }

    /// <summary>Sends a message of the bulk class in two parts without waiting; false when the path did not take it.</summary>
    bool TrySendBulk(int path, ushort channel, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body);

    /// <summary>Gives a machine's parcels that come with bulk to a receiver from now on, on the link's threads: past the coordinator. The receiver disposes the frame.</summary>
    void RegisterParcels(ushort channel, Action<LinkFrame, byte, ReadOnlyMemory<byte>> receive);

    /// <summary>Completes when bulk would be taken again, or the path is gone.</summary>
    Task WaitForBulkRoomAsync(int path);
}
