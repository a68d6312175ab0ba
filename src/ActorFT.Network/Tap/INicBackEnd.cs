namespace ActorFT.Network.Tap;

/// <summary>Takes one frame that arrived; false when there is no room (the back end counts a drop). Called on the back end's thread; must not block.</summary>
/// <param name="frame">An Ethernet frame without preamble and FCS; the receiver's to keep, never changed afterwards.</param>
public delegate bool NicFrameReceiver(ReadOnlyMemory<byte> frame);

/// <summary>
/// Where a machine's NIC meets the world on this server. Has a gate: while it is closed nothing leaves and nothing
/// enters (a follower's, a fenced server's NIC), but for what a server that has handed the machine over still listens to. All members may be called from any thread.
/// </summary>
public interface INicBackEnd : IDisposable
{
    /// <summary>What an operator calls it: the TAP's name, or "null".</summary>
    string Name { get; }

    /// <summary>Whether frames can pass now, and why not.</summary>
    NicLinkState State { get; }

    /// <summary>Whether the gate is open. Closed at first.</summary>
    bool IsOpen { get; }

    /// <summary>What passed so far.</summary>
    NicCounters Counters { get; }

    /// <summary>Told after <see cref="State"/> changed, in the order of the changes; must not block, throw or call back.</summary>
    event Action<NicLinkState>? StateChanged;

    /// <summary>Begins to receive. Once.</summary>
    void Start(NicFrameReceiver receive);

    /// <summary>Opens or closes the gate. After a close returns, no further frame leaves.</summary>
    void SetOpen(bool open);

    /// <summary>Whether frames are taken in while the gate is closed: what the network still brings to where the machine just was. Off at first.</summary>
    void SetListening(bool on);

    /// <summary>Sends one frame without waiting. False: not sent, and counted as what it was (gate closed, no room, bad length, error).</summary>
    bool TrySend(ReadOnlySpan<byte> frame);

    /// <summary>Sets the carrier that this host's side sees: off makes a bridge forget the port at once.</summary>
    void SetCarrier(bool on);
}
