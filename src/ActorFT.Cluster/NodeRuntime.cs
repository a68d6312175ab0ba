using System.Security.Cryptography;
using ActorFT.Cluster.Arbiter;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Machines.Disks;
using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine;
using ActorFT.Network.Tap;
using Akka.Actor;
using Akka.Configuration;

namespace ActorFT.Cluster;

/// <summary>
/// One running node. Opens and checks everything (files, images, TAPs, ports) before an actor is made, so that a mistake is one sentence and
/// nothing is half-started.
/// </summary>
public sealed class NodeRuntime : IAsyncDisposable
{
    private readonly LinkHub? _links;
    private readonly FileStream _dataLock;

    private NodeRuntime(NodeConfig config, ActorSystem system, IActorRef host, IActorRef faults, LinkHub? links, FileStream dataLock)
    {
        (Config, System, Host, Faults, _links, _dataLock) = (config, system, host, faults, links, dataLock);
    }

    /// <summary>The node's configuration.</summary>
    public NodeConfig Config { get; }

    /// <summary>Its actor system.</summary>
    public ActorSystem System { get; }

    /// <summary>/user/host.</summary>
    public IActorRef Host { get; }

    /// <summary>/user/faults.</summary>
    public IActorRef Faults { get; }

    /// <summary>The reference configuration with all defaults.</summary>
    public static Config ReferenceConfig
    {
        get
        {
            using Stream stream = typeof(NodeRuntime).Assembly.GetManifestResourceStream("ActorFT.Cluster.reference.conf")!;
            using StreamReader reader = new(stream);
            return ConfigurationFactory.ParseString(reader.ReadToEnd());
        }
    }

    /// <summary>Starts a node.</summary>
    /// <param name="config">Its configuration.</param>
    /// <param name="createMachine">Makes machines.</param>
    /// <param name="log">Called with each fault entry.</param>
    /// <param name="failStop">Ends the process at once, after saying why.</param>
    /// <exception cref="OperatorException">A mistake in the configuration.</exception>
    /// <exception cref="EnvironmentException">The host refuses something.</exception>
    public static NodeRuntime Start(NodeConfig config, Func<MachineDefinition, IMachine> createMachine, Action<FaultProtocol.Entry> log, Action<string> failStop)
    {
        FileStream dataLock = TakeDataDirectory(config);
        FailStop end = new(config.Name, config.DataDirectory, failStop);
        ArbiterStore? store = config.IsArbiter ? new ArbiterStore(config.DataDirectory) : null;
        List<(MachineConfig Config, MachineDefinition Definition, MachineResources Resources)> machines = [];
        ActorSystem? system = null;
        LinkHub? links = null;
        try
        {
            DiskOpening.RefuseSharedFiles(config);
            foreach (MachineConfig machine in config.Machines.OrderBy(machine => machine.Name, StringComparer.Ordinal))
                machines.Add(OpenMachine(config, machine, createMachine, end.Stop));
            system = CreateSystem(config);
            IActorRef faults = system.ActorOf(FaultManagerActor.Props(FaultOptions(config, log)), FaultManagerActor.Name);
            IActorRef? arbiter = store is null ? null : system.ActorOf(ArbiterActor.Props(store), ArbiterActor.Name);
            links = config.IsArbiter ? null : new LinkHub(config, (path, reason) => faults.Tell(
                new FaultProtocol.Report("peer-refused", FaultSeverity.Error, "", "link-" + config.Links[path].Name, reason), ActorRefs.NoSender));
            (end.Links, end.Faults) = (links, faults);
            end.ReportLast();
            ulong run = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1;
            LinkHub? hub = links;
            List<(string, Props)> props = [.. machines.Select((machine, i) => (machine.Config.Name,
                MachineActor.Props(machine.Resources, Options(config, machine.Definition, createMachine, hub!, (ushort)i, system, faults, run, end))))];
            IActorRef host = system.ActorOf(HostActor.Props(config, links, props, arbiter, end.Stop), HostActor.Name);
            links?.Start();
            ClusterJoining.Begin(system, config, host);
            return new NodeRuntime(config, system, host, faults, links, dataLock);
        }
        catch (Exception e)
        {
            links?.Dispose();
            system?.Terminate().Wait(TimeSpan.FromSeconds(5));
            store?.Dispose();
            dataLock.Dispose();
            foreach ((_, _, MachineResources resources) in machines)
            {
                foreach (DiskActorOptions disk in resources.Disks) disk.Opened?.Copy.Dispose();
                foreach (INicBackEnd nic in resources.Nics) nic.Dispose();
                resources.ConsoleLog.Dispose();
            }

            if (e is OperatorException or EnvironmentException) throw;
            throw new EnvironmentException($"{config.Name} cannot start: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ").TrimEnd('.')}.", e);
        }
    }

    // Two nodes with one data folder would each keep terms that the other does not know: the second is refused as long as the first runs.
    private static FileStream TakeDataDirectory(NodeConfig config)
    {
        string path = Path.Combine(config.DataDirectory, "node.lock");
        try
        {
            Directory.CreateDirectory(config.DataDirectory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EnvironmentException($"{config.FileName}: the folder actorft.data = {config.DataDirectory} cannot be made: {e.Message.TrimEnd('.')}.", e);
        }

        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EnvironmentException($"{config.FileName}: the folder actorft.data = {config.DataDirectory} cannot be taken; another node that runs may have it: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private static (MachineConfig, MachineDefinition, MachineResources) OpenMachine(
        NodeConfig node, MachineConfig machine, Func<MachineDefinition, IMachine> createMachine, Action<string> failStop)
    {
        List<DiskActorOptions> disks = [];
        List<INicBackEnd> nics = [];
        ConsoleLog? console = null;
        try
        {
            string termPath = TermKeeperActor.PathOf(node.DataDirectory, machine.Name);
            ulong term = TermKeeperActor.Read(termPath);
            for (int i = 0; i < machine.Disks.Length; i++) disks.Add(DiskOpening.Open(node, machine, i, term));
            DiskOpening.Remember(node, machine, disks);
            foreach (NicConfig nic in machine.Nics) nics.Add(MachineBackEndOpening.OpenNic(machine, nic));
            console = MachineBackEndOpening.OpenConsole(machine);
            // Wall clock and seed are the leader's to choose at power-on; the definition is the same on both servers.
            MachineDefinition definition = MachineDefinitionLoader.Load(machine, [.. disks.Select(disk => (ulong)disk.Settings.CapacityBytes)], 0, default);
            createMachine(definition).Dispose(); // refuses what cannot boot, now
            return (machine, definition, new MachineResources
            {
                Disks = disks,
                Nics = nics,
                NicRouting = [.. machine.Nics.Select(nic => new NicRoutingSettings
                {
                    ReturnAfterNs = (ulong)nic.ReturnAfter.Ticks * 100,
                    DoubtAfterNs = node.Lockstep.PreferredWithoutArbiter == node.Name ? ulong.MaxValue : node.Lockstep.SilenceNs / 3 * 2,
                })],
                OpenNic = i => MachineBackEndOpening.OpenNic(machine, machine.Nics[i]),
                ConsoleLog = console,
                TermPath = termPath,
                Term = term,
                FailStop = failStop,
            });
        }
        catch (Exception e)
        {
            foreach (DiskActorOptions disk in disks) disk.Opened?.Copy.Dispose();
            foreach (INicBackEnd nic in nics) nic.Dispose();
            console?.Dispose();
            if (e is MachineConfigurationException) throw new OperatorException($"{node.FileName}: machine {machine.Name}: {e.Message}", e);
            throw;
        }
    }

    private static CoordinatorOptions Options(NodeConfig config, MachineDefinition definition, Func<MachineDefinition, IMachine> createMachine,
        LinkHub links, ushort channel, ActorSystem system, IActorRef faults, ulong run, FailStop end) => new()
        {
            Definition = definition,
            CreateMachine = createMachine,
            Identity = new ReplicaIdentity(new Member(config.Name, run), config.PeerName, definition.Name, MachineIdentity.Of(definition)),
            Settings = config.Lockstep,
            ResyncBytesPerSecond = config.ResyncBytesPerSecond,
            MemoryScrubBytesPerSecond = config.MemoryScrubBytesPerSecond,
            Link = links,
            IsEnding = () => end.IsEnding,
            Channel = channel,
            Arbiter = system.ActorSelection($"{config.ArbiterAddress!.ActorSystemAddress}/user/{ArbiterActor.Name}"),
            Faults = faults,
            DataDirectory = config.DataDirectory,
        };

    private static FaultManagerOptions FaultOptions(NodeConfig config, Action<FaultProtocol.Entry> log) => new()
    {
        Server = config.Name,
        Pair = config.Pair,
        Peer = config.PeerName,
        Directory = config.DataDirectory,
        Settings = config.Faults,
        Others = [.. (config.IsArbiter ? config.ServerAddresses : [config.PeerAddress!, config.ArbiterAddress!]).Select(other => $"{other.ActorSystemAddress}/user/{FaultManagerActor.Name}")],
        Log = log,
    };

    private static ActorSystem CreateSystem(NodeConfig config)
    {
        string own = $$"""
            akka.remote.dot-netty.tcp { hostname = "{{config.Address.Host}}", port = {{config.Address.Port}} }
            akka.cluster.roles = ["{{(config.IsArbiter ? "arbiter" : "server")}}"]
            """;
        Config all = ConfigurationFactory.ParseString(own).WithFallback(ConfigurationFactory.ParseString(config.Text)).WithFallback(ReferenceConfig);
        return ActorSystem.Create(NodeAddress.SystemName, all);
    }

    /// <summary>Hands every machine over to the other server, where it can be, so that stopping this one exposes nobody for longer than it must.</summary>
    /// <returns>Whether all have left in order within the time.</returns>
    public async Task<bool> LeaveAsync(TimeSpan limit)
    {
        try
        {
            await Host.Ask<HostActor.HasLeft>(new HostActor.LeaveAll(), limit).ConfigureAwait(false);
            return true;
        }
        catch (AskTimeoutException)
        {
            return false;
        }
    }

    /// <summary>Stops the node: the cluster is left, actors stop, files and TAPs are closed.</summary>
    public async ValueTask DisposeAsync()
    {
        _links?.Dispose();
        await CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ActorSystemTerminateReason.Instance).ConfigureAwait(false);
        await _dataLock.DisposeAsync().ConfigureAwait(false);
    }
}
