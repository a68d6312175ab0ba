using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Host;
using Akka.Actor;
using Akka.Cluster;

namespace ActorFT.Cluster;

/// <summary>
/// Forms the Akka cluster of three without seed nodes: each node asks the others to let it in; who finds nobody for a while, longer the
/// later its name sorts, begins alone. Who is heard by their status has a cluster to join, or will have one soon: it is waited for longer, so
/// that a server that restarts on a busy host does not become an island (Akka merges no clusters). Membership is advisory (addresses,
/// visibility, suspicion), so an island that forms when nodes start cut off from each other does no harm to a machine.
/// </summary>
internal static class ClusterJoining
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(250);

    // Asking anew ends what was asked before: it must be longer than a busy host needs to answer.
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(5);

    /// <summary>Begins to join.</summary>
    /// <param name="system">This node.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="host">Its host actor: knows who is heard.</param>
    public static void Begin(ActorSystem system, NodeConfig config, IActorRef host)
    {
        Akka.Cluster.Cluster cluster = Akka.Cluster.Cluster.Get(system);
        NodeAddress[] others = config.IsArbiter ? [.. config.ServerAddresses] : [config.ArbiterAddress!, config.PeerAddress!];
        Address[] addresses = [.. others.Select(other => Address.Parse(other.ActorSystemAddress))];
        // Server with the lower name first, then the other server, the arbiter last.
        int rank = config.IsArbiter ? 2 : string.CompareOrdinal(config.Name, config.PeerName) < 0 ? 0 : 1;
        DateTime begun = DateTime.UtcNow, askAt = begun, aloneAt = begun + TimeSpan.FromSeconds(3 + (5 * rank)), patientUntil = begun + TimeSpan.FromSeconds(10 + (10 * rank));
        _ = Task.Run(async () =>
        {
            while (!system.WhenTerminated.IsCompleted && cluster.SelfMember.Status != MemberStatus.Up)
            {
                DateTime now = DateTime.UtcNow;
                if (now >= patientUntil || (now >= aloneAt && !await IsAnyHeard(host, config).ConfigureAwait(false)))
                {
                    cluster.Join(cluster.SelfAddress);
                    return;
                }

                if (now >= askAt)
                {
                    // JoinSeedNodes asks all of them, and joins the first that is in a cluster; the own address is not among them.
                    cluster.JoinSeedNodes(addresses);
                    askAt = now + s_retry;
                }

                await Task.WhenAny(Task.Delay(s_look), system.WhenTerminated).ConfigureAwait(false);
            }
        });
    }

    private static async Task<bool> IsAnyHeard(IActorRef host, NodeConfig config)
    {
        try { return (await host.Ask<HostActor.PairView>(new HostActor.GetView(), TimeSpan.FromSeconds(1)).ConfigureAwait(false)).Others.Any(other => other.AgeMs <= config.ReportLifetime.TotalMilliseconds); }
        catch (AskTimeoutException) { return true; } // busy: no reason to go on alone
    }
}
