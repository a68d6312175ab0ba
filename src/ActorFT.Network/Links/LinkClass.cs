namespace ActorFT.Network.Links;

/// <summary>Kinds of traffic. Each has a TCP connection of its own on every path, so that none waits for another.</summary>
public enum LinkClass : byte
{
    /// <summary>Small messages; also carries the heartbeats.</summary>
    Control = 0,
    /// <summary>Records one way, acknowledgements the other.</summary>
    Log = 1,
    /// <summary>Pages, disk blocks: as much as fits beside the others.</summary>
    Bulk = 2,
}

/// <summary>Per-class limits and settings: a limit on everything.</summary>
internal static class LinkClasses
{
    internal const int Count = 3;

    /// <summary>Largest payload of one frame. Checked before anything is allocated for it.</summary>
    internal static int MaxPayloadBytes(LinkClass linkClass) => linkClass switch
    {
        LinkClass.Control => 1 << 20,
        LinkClass.Log => 16 << 20,
        _ => 4 << 20,
    };

    /// <summary>Bytes that may wait here for the kernel to take them; one frame may go above.</summary>
    internal static int QueueLimitBytes(LinkClass linkClass) => linkClass switch
    {
        LinkClass.Control => 1 << 20,
        LinkClass.Log => 8 << 20,
        _ => 2 << 20,
    };

    /// <summary>Received bytes that consumers may hold before the connection is read no further.</summary>
    internal static int CreditBytes(LinkClass linkClass) => linkClass switch
    {
        LinkClass.Control => 4 << 20,
        LinkClass.Log => 32 << 20,
        _ => 16 << 20,
    };

    /// <summary>How the class is called in messages.</summary>
    internal static string Name(LinkClass linkClass) => linkClass switch
    {
        LinkClass.Control => "control",
        LinkClass.Log => "log",
        _ => "bulk",
    };
}
