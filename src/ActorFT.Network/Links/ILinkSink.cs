namespace ActorFT.Network.Links;

/// <summary>Who hears of a link. Called on the link's own threads: hand over and return, never wait, never throw.</summary>
public interface ILinkSink
{
    /// <summary>A message arrived. Messages of one class and path come in the order sent; the sink owns the frame and disposes it.</summary>
    void FrameReceived(LinkFrame frame);

    /// <summary>A path's state changed. These come one at a time and in order; frames may come a moment before the path is told to be up.</summary>
    void PathChanged(LinkPathStatus status);

    /// <summary>Somebody was turned away, or turned us away: another product, version, pair, server or certificate.</summary>
    /// <param name="pathIndex">The path.</param>
    /// <param name="reason">One sentence that names both sides' values.</param>
    void Refused(int pathIndex, string reason);
}
