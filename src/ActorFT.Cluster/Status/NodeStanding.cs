namespace ActorFT.Cluster.Status;

/// <summary>What a node's status says in words, apart from the figures that are other ones each time: whether somebody who watches must hear of it now. Pure.</summary>
public static class NodeStanding
{
    /// <summary>Whether two statuses of a node say differently how something stands. Reasons are left out, which may have figures in them. What other nodes send may lack anything.</summary>
    public static bool Differs(NodeStatus one, NodeStatus other) => !Words(one).SequenceEqual(Words(other));

    private static IEnumerable<object> Words(NodeStatus status)
    {
        yield return (status.Role, status.State, status.ArbiterReachable);
        foreach (LinkStatus? link in status.Links ?? []) yield return (link?.Name, link?.State);
        foreach (MachineStatus? machine in status.Machines ?? [])
        {
            yield return (machine?.Name, machine?.State, machine?.Role, machine?.Term, machine?.Protected, machine?.PeerLeftOut, machine?.Power);
            foreach (VcpuStatus? vcpu in machine?.Vcpus ?? []) yield return (vcpu?.Index, vcpu?.State);
            foreach (DiskStatus? disk in machine?.Disks ?? []) yield return (disk?.Name, disk?.State, disk?.ServedByPeer);
            foreach (NicStatus? nic in machine?.Nics ?? []) yield return (nic?.Name, nic?.State, nic?.InUse);
        }
    }
}
