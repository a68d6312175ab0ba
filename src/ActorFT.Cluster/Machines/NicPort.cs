using ActorFT.Network.Frames;
using ActorFT.Network.Tap;

namespace ActorFT.Cluster.Machines;

/// <summary>
/// The data path of a NIC, used on the machine's thread: a frame has left when <see cref="Send"/> returns, so that the coordinator never
/// says of an output that it left while it still waits in a mailbox (a server killed or frozen then would lose it, or send
/// it late). The NIC's actor owns the back end and everything that is not urgent.
/// </summary>
public sealed class NicPort(INicBackEnd backEnd, byte[] macAddress)
{
    private readonly AddressLearner _learner = new(macAddress);
    private readonly object _lock = new();

    /// <summary>Whether frames may pass.</summary>
    public bool IsOpen => backEnd.IsOpen;

    /// <summary>Lets frames pass, or none. After a close returns, none leaves.</summary>
    public void SetOpen(bool isOpen) => backEnd.SetOpen(isOpen);

    /// <summary>Sends a frame of the machine.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        lock (_lock) _learner.Observe(frame);
        backEnd.TrySend(frame);
    }

    /// <summary>Tells switches and neighbours where the machine's address is now.</summary>
    public void Announce()
    {
        IReadOnlyList<byte[]> frames;
        lock (_lock) frames = MacAnnouncement.Build(macAddress, _learner.Addresses);
        foreach (byte[] frame in frames) backEnd.TrySend(frame);
    }
}
