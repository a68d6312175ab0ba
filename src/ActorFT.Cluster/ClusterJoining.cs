using ActorFT.Cluster.Configuration;
using Akka.Actor;

namespace ActorFT.Cluster;

/// <summary>
/// Forms the Akka cluster of three without seed nodes: each node asks the others to let it in; who finds nobody for a while, longer the
/// later its name sorts, begins alone. Membership is advisory (addresses, visibility, suspicion), so an island that forms when
/// nodes start cut off from each other does no harm to a machine.
/// </summary>
internal static class ClusterJoining
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    /// <summary>Begins to join.</summary>
    public static void Begin(ActorSystem system, NodeConfig config)
    {
        Akka.Cluster.Cluster cluster = Akka.Cluster.Cluster.Get(system);
        NodeAddress[] others = config.IsArbiter ? [.. config.ServerAddresses] : [config.ArbiterAddress!, config.PeerAddress!];
        Address[] addresses = [.. others.Select(other => Address.Parse(other.ActorSystemAddress))];
        // Server with the lower name first, then the other server, the arbiter last.
        int rank = config.IsArbiter ? 2 : string.CompareOrdinal(config.Name, config.PeerName) < 0 ? 0 : 1;
        DateTime aloneAt = DateTime.UtcNow + TimeSpan.FromSeconds(3 + 5 * rank);
        _ = Task.Run(async () =>
        {
            // JoinSeedNodes asks all of them, and joins the first that is in a cluster; the own address is not among them.
            while (!system.WhenTerminated.IsCompleted && cluster.SelfMember.Status != Akka.Cluster.MemberStatus.Up)
            {
                if (DateTime.UtcNow >= aloneAt)
                {
                    cluster.Join(cluster.SelfAddress);
                    return;
                }

                cluster.JoinSeedNodes(addresses);
                await Task.WhenAny(Task.Delay(s_retry), system.WhenTerminated).ConfigureAwait(false);
            }
        });
    }
}
