using System.Globalization;
using ActorFT.Cluster.Status;

namespace ActorFT.Management.Pair;

/// <summary>The verdict on a pair, what is wrong, and what a person should do about it.</summary>
internal static class PairJudge
{
    private sealed record Finding(PairHealth Health, string Problem, string Step)
    {
        // A reason may or may not end with a full stop of its own.
        public string Problem { get; } = Problem.TrimEnd('.') + ".";
    }

    /// <summary>Fills in health, summary, problems and next steps.</summary>
    public static PairStatus Judge(PairStatus status)
    {
        Finding[] findings = [.. Machines(status).Concat(Nodes(status)).Concat(Components(status)).OrderByDescending(finding => finding.Health)];
        PairHealth health = findings.Select(finding => finding.Health).DefaultIfEmpty(PairHealth.Good).Max();
        string[] steps = [.. findings.Select(finding => finding.Step).Where(step => step.Length != 0).Distinct()];
        return status with
        {
            Health = health,
            Summary = Summary(status, health, findings),
            Problems = [.. findings.Select(finding => finding.Problem)],
            NextSteps = steps.Length != 0 ? steps : [health == PairHealth.Good ? "Nothing needs doing." : "Wait: the pair is working on it. Look again in a minute."],
        };
    }

    private static string Summary(PairStatus status, PairHealth health, Finding[] findings)
    {
        if (status.Machines.Length == 0 && health == PairHealth.Good) return "All nodes are good; no machine is configured.";
        int unprotected = status.Machines.Count(machine => machine.IsRunning && !machine.Protected);
        return health switch
        {
            PairHealth.Good => status.Machines.Length == 1 ? $"Machine {status.Machines[0].Name} runs protected; all components are good."
                : $"All {status.Machines.Length} machines run protected; all components are good.",
            PairHealth.Degraded when unprotected != 0 => $"Running, but NOT protected: {findings[0].Problem}",
            PairHealth.Degraded => $"Running and protected, with less redundancy than it should have: {findings[0].Problem}",
            _ => findings[0].Problem,
        };
    }

    private static IEnumerable<Finding> Machines(PairStatus status)
    {
        foreach (MachineView machine in status.Machines)
        {
            string problem = $"Machine {machine.Name}: {machine.Reason}.";
            if (machine.Leader.Length == 0) yield return new(PairHealth.Failed, problem, LeaderlessStep(status, machine));
            else if (machine.State == ComponentState.Failed && machine.IsRunning)
                yield return new(PairHealth.Failed, problem, "Bring the arbiter or the other server back, or the network to one of them: nothing is lost, and it goes on by itself.");
            else if (machine.State == ComponentState.Failed)
                yield return new(PairHealth.Failed, problem, $"Find out from its console why {machine.Name} failed (actorft console {machine.Name}).");
            else if (!machine.IsRunning)
                yield return new(PairHealth.Degraded, problem, $"If {machine.Name} was not meant to shut down, its console says why it did (actorft console {machine.Name}).");
            else if (machine is { Protected: true, State: ComponentState.Degraded }) continue; // the part's own finding says it
            else if (machine.State != ComponentState.Good) yield return new(PairHealth.Degraded, problem, ExposedStep(status, machine));
        }
    }

    private static string LeaderlessStep(PairStatus status, MachineView machine)
    {
        if (machine.State == ComponentState.Transitioning && ArbiterAnswers(status)) return "";
        NodeView[] away = [.. status.Nodes.Where(node => !node.IsCurrent)];
        return away.Length == 0 ? $"See why no server leads {machine.Name}: actorft events." :
            $"Bring {string.Join(" or ", away.Select(node => node.Name))} back, or ask {(away.Length == 1 ? "it" : "them")} directly (actorft status --url …); nobody acts without the other server or the arbiter.";
    }

    private static bool ArbiterAnswers(PairStatus status) => status.Nodes.Any(node => node.Role == "arbiter" && node.IsCurrent);

    private static string ExposedStep(PairStatus status, MachineView machine)
    {
        ResyncStatus? resync = machine.Replicas.Where(replica => replica.IsCurrent).Select(replica => replica.Status.Resync).FirstOrDefault(one => one is not null);
        if (resync is not null && resync.TotalPages > 0)
            return string.Create(CultureInfo.InvariantCulture,
                $"Wait: memory is being copied (pass {resync.Pass + 1}, {100.0 * resync.DonePages / resync.TotalPages:0} %). Do not stop {machine.Leader} meanwhile.");
        if (machine.State == ComponentState.Rebuilding) return $"Wait for the other server to be made equal. Do not stop {machine.Leader} meanwhile.";
        if (machine.Protected) return "";
        ReplicaView? isolated = machine.Replicas.FirstOrDefault(replica => replica.IsCurrent && replica.Status.State == ComponentState.Isolated);
        if (isolated is not null) return $"When {isolated.Server} is in order, let it back: actorft protect {machine.Name}. Do not stop {machine.Leader} meanwhile.";
        // In lockstep, with a disk that is whole on one server only: the disk's own finding says what to do.
        if (machine.Follower.Length != 0 && machine.Replicas.FirstOrDefault(replica => replica.IsCurrent && replica.Status.Disks.Any(disk => disk.State != ComponentState.Good)) is { } lacks)
            return $"Until then do not stop {(lacks.Server == machine.Leader ? machine.Follower : machine.Leader)}: only its copy of disk {lacks.Status.Disks.First(disk => disk.State != ComponentState.Good).Name} is whole.";
        NodeView? other = status.Nodes.FirstOrDefault(node => node.Role == "server" && node.Name != machine.Leader);
        return other is { IsCurrent: true }
            ? $"If it does not become protected by itself within a minute: actorft protect {machine.Name}. Do not stop {machine.Leader} meanwhile."
            : ""; // the node's own finding says what to do
    }

    private static IEnumerable<Finding> Nodes(PairStatus status)
    {
        foreach (NodeView node in status.Nodes)
        {
            string what = node.Role == "arbiter" ? "Arbiter" : "Server";
            string problem = $"{what} {node.Name}: {node.Reason}.";
            if (node.IsCurrent && node.State == ComponentState.Good) continue;
            if (node.IsCurrent) yield return new(PairHealth.Degraded, problem, "");
            else if (node.Name == status.AnsweredBy) yield return new(PairHealth.Failed, problem, $"Restart actorft on {node.Name}, after a look at its log.");
            else if (node.Role == "arbiter") yield return new(PairHealth.Degraded, problem, "Bring the arbiter back: until then a second fault is not survivable.");
            else yield return new(PairHealth.Degraded, problem, $"Check {node.Name}: power, operating system, network. Once it runs it is taken in again by itself.");
        }
    }

    private static IEnumerable<Finding> Components(PairStatus status)
    {
        // Links to a server that is not there are down because of it: one thing to do, not three.
        bool isPeerThere = status.Nodes.Where(node => node.Role == "server").All(node => node.IsCurrent);
        foreach (NodeView node in status.Nodes.Where(node => node.IsCurrent))
        {
            foreach (LinkStatus link in node.Links.Where(link => link.State != ComponentState.Good))
            {
                yield return new(PairHealth.Degraded, $"FT link {link.Name} on {node.Name}: {link.State}, {link.Reason}.",
                    link.State == ComponentState.Isolated ? $"When it is in order: actorft link repair {link.Name}." : isPeerThere ? $"Check the cable, port and switch of FT link {link.Name}." : "");
            }
        }

        foreach (MachineView machine in status.Machines)
        {
            foreach (ReplicaView replica in machine.Replicas.Where(replica => replica.IsCurrent))
            {
                string where = $"of {machine.Name} on {replica.Server}";
                if (replica.Status.State == ComponentState.Failed && replica.Server != machine.Leader && machine.State != ComponentState.Failed)
                    yield return new(PairHealth.Degraded, $"Replica {where}: Failed, {replica.Status.Reason}.", $"If it stays so for a minute, restart actorft on {replica.Server}.");
                foreach (DiskStatus disk in replica.Status.Disks.Where(disk => disk.State != ComponentState.Good))
                    yield return new(PairHealth.Degraded, $"Disk {disk.Name} {where}: {disk.State}, {disk.Reason}.",
                        disk.State == ComponentState.Rebuilding ? "" : disk.State == ComponentState.Isolated ? $"When it is in order: actorft disk repair {disk.Name} --server {replica.Server}." : $"Check or replace what stands behind disk {disk.Name} on {replica.Server}.");
                foreach (NicStatus nic in replica.Status.Nics.Where(nic => nic.State != ComponentState.Good))
                    yield return new(PairHealth.Degraded, $"NIC {nic.Name} {where}: {nic.State}, {nic.Reason}.",
                        nic.State == ComponentState.Isolated ? $"When it is in order: actorft nic repair {nic.Name} --server {replica.Server}." : nic.State == ComponentState.Transitioning ? "" : $"Check cable and port of NIC {nic.Name} on {replica.Server}.");
                foreach (VcpuStatus vcpu in replica.Status.Vcpus.Where(vcpu => vcpu.State is ComponentState.Failed or ComponentState.Isolated))
                    yield return new(PairHealth.Degraded, $"vCPU {vcpu.Index} {where}: {vcpu.State}, {vcpu.Reason}.", $"See the evidence: actorft events; then restart actorft on {replica.Server}.");
            }
        }
    }
}
