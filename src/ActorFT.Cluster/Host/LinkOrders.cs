using System.Globalization;
using ActorFT.Cluster.Status;
using static ActorFT.Cluster.Messages.CommandProtocol;

namespace ActorFT.Cluster.Host;

/// <summary>
/// The latest word on each FT link. Both ends follow it: who has it tells it the other server again and again while that one's status says otherwise,
/// because it was away, or was started anew since. Pure. Invariant: of two words on a link the later one stays, on both servers.
/// </summary>
internal sealed class LinkOrders
{
    /// <summary>Why a link that is to look broken carries nothing.</summary>
    public const string Injected = "an injected fault";

    /// <summary>Marks a command that came from the other server, which carries it out itself.</summary>
    public const string ByPeer = "by-peer";

    private const string AtPrefix = "at=";

    private readonly SortedDictionary<string, (long AtMs, Command Command)> _orders = new(StringComparer.Ordinal);

    /// <summary>Whether the other server passed it on.</summary>
    public static bool IsByPeer(Command command) => command.Arguments is [.., ByPeer];

    /// <summary>Whether it takes a link out of service.</summary>
    public static bool IsTakenOut(Command command) => command.Verb is Verbs.Isolate or Verbs.Inject;

    /// <summary>Takes a command for a link.</summary>
    /// <param name="command">The command.</param>
    /// <param name="nowMs">Now, milliseconds since 1970 UTC.</param>
    /// <param name="forPeer">What the other server is to do.</param>
    /// <returns>False: the other server repeats what is out of date.</returns>
    public bool TryTake(Command command, long nowMs, out Command forPeer)
    {
        bool isKnown = _orders.TryGetValue(command.Component, out (long AtMs, Command Command) known);
        forPeer = known.Command;
        if (IsByPeer(command))
        {
            if (isKnown && AtOf(command) <= known.AtMs) return false;
            _orders[command.Component] = (AtOf(command), forPeer = command);
            return true;
        }

        // An operator's is always the latest, whatever the servers' clocks say.
        long atMs = isKnown ? Math.Max(nowMs, known.AtMs + 1) : nowMs;
        forPeer = command with { Arguments = [.. command.Arguments, AtPrefix + atMs.ToString(CultureInfo.InvariantCulture), ByPeer] };
        _orders[command.Component] = (atMs, forPeer);
        return true;
    }

    /// <summary>What the other server, by its status, has not carried out.</summary>
    public IEnumerable<Command> MissingOn(NodeStatus peer)
    {
        foreach ((_, Command command) in _orders.Values)
        {
            LinkStatus? link = Array.Find(peer.Links, link => "link-" + link?.Name == command.Component);
            if (link is not null && IsOut(link) != IsTakenOut(command)) yield return command;
        }
    }

    private static bool IsOut(LinkStatus link) => link.State == ComponentState.Isolated || (link.State == ComponentState.Failed && link.Reason == Injected);

    private static long AtOf(Command command) =>
        command.Arguments is [.., var at, ByPeer] && at.StartsWith(AtPrefix, StringComparison.Ordinal) && long.TryParse(at.AsSpan(AtPrefix.Length), CultureInfo.InvariantCulture, out long atMs) ? atMs : 0;
}
