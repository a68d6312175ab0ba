namespace ActorFT.Network.Links;

/// <summary>What became of a message handed to a link.</summary>
public enum SendResult : byte
{
    /// <summary>Taken: it is on its way, or will be with the connection's next room. Not an acknowledgement.</summary>
    Taken,
    /// <summary>Not taken: too much waits already. Wait for room, or drop it.</summary>
    Full,
    /// <summary>Not taken: not connected.</summary>
    NotConnected,
}
