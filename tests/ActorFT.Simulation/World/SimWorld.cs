using System.Buffers.Binary;
using System.IO.Hashing;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.IO;
using ActorFT.Simulation.Checkers;
using ActorFT.Simulation.Toy;
using ActorFT.Simulation.World.Disks;

namespace ActorFT.Simulation.World;

/// <summary>A rule of design.md §3 was broken.</summary>
internal sealed class SimulationFailure(string rule, string what) : Exception($"Rule \"{rule}\" is broken: {what}.")
{
    public string Rule { get; } = rule;
}

/// <summary>
/// Everything: two servers, two paths, an arbiter, clients, in one thread under one seed. First a safety phase full of faults with
/// every rule checked after every step, then a calm one in which the pair must become whole again.
/// </summary>
internal sealed class SimWorld
{
    public const string MachineName = "toy";

    internal const ulong StaysWholeNs = 250_000_000;

    private readonly PriorityQueue<Action, (ulong TimeNs, ulong Order)> _queue = new();
    private readonly XxHash64 _traceHash = new();
    private readonly Action<string>? _trace;
    private readonly SimClient[] _clients;
    private ulong _order;

    public SimWorld(SimOptions options, SortedDictionary<string, long> counts, Action<string>? trace)
    {
        (Options, Counts, _trace) = (options, counts, trace);
        Random = new SimRandom(options.Seed);
        Servers = [new SimServer(this, 0, "server-a"), new SimServer(this, 1, "server-b")];
        Paths = [new SimPath(this, 0), new SimPath(this, 1)];
        Faults = new SimFaults(this);
        Truth = options.HasMirrors ? new DiskTruth(this) : null;
        DiskFaults = new DiskFaults(this);
        Arbiter = new SimArbiter(this);
        Checkers = Checker.All(this);
        _clients = [new SimClient(this, 1), new SimClient(this, 2)];
    }

    public SimOptions Options { get; }
    public SortedDictionary<string, long> Counts { get; }
    public SimRandom Random { get; }
    public SimServer[] Servers { get; }
    public SimPath[] Paths { get; }
    public SimFaults Faults { get; }
    public SimArbiter Arbiter { get; }
    public DiskTruth? Truth { get; }
    public DiskFaults DiskFaults { get; }
    public bool IsTraced => _trace is not null;
    public IReadOnlyList<Checker> Checkers { get; }
    public ulong NowNs { get; private set; }
    public ulong Lives { get; set; }
    public ulong Incarnations { get; set; }
    public ulong TraceHash => _traceHash.GetCurrentHashAsUInt64();
    /// <summary>A bit was flipped in this run: what two replicas wrote may differ where nothing promises that it does not.</summary>
    public bool WasAnyTainted { get; set; }

    /// <summary>Faults came together that leave the machine to an operator.</summary>
    public bool IsStopped { get; private set; }

    public bool IsAnyTainted => Servers.Any(server => server.Process is { IsTainted: true });

    /// <summary>Whether the pair is whole: one leads, the other follows, and both know.</summary>
    public bool IsDuplex => Servers.All(server => server.Process is { IsDuplex: true, IsHung: false })
        && Servers.Count(server => server.Process!.IsLeading) == 1 && Arbiter.Durable?.Follower is not null;

    public void After(ulong delayNs, Action action) => At(NowNs + delayNs, action);

    public void At(ulong timeNs, Action action) => _queue.Enqueue(action, (Math.Max(timeNs, NowNs), _order++));

    public void Count(string what) => Counts[what] = Counts.GetValueOrDefault(what) + 1;

    /// <summary>The whole run. Throws <see cref="SimulationFailure"/>.</summary>
    public void Run()
    {
        After(0, Servers[0].Start);
        After(Random.Between(0, 400_000_000), Servers[1].Start);
        TickPaths();
        foreach (SimClient client in _clients) client.Start();
        Faults.Begin();
        if (Options.HasMirrors) DiskFaults.Begin();
        RunUntil(Options.ChaosNs);
        Trace("world", "heals");
        Faults.Heal();
        DiskFaults.Heal();
        RunUntilDuplex();
        if (IsStopped) return;
        if (Options.HasMirrors) CompareCopies();
        foreach (SimClient client in _clients) client.Check();
        foreach (Checker checker in Checkers) checker.AtEnd();
        Count(Options.Settings.Commit == CommitMode.Verified ? "runs in verified" : "runs in received");
    }

    private void RunUntilDuplex()
    {
        ulong limit = NowNs + Options.LivenessBoundNs, wholeSinceNs = NowNs;
        bool isRewritten = false;
        while (NowNs - wholeSinceNs < StaysWholeNs)
        {
            if (NowNs >= limit && Options.HasMirrors && Servers.All(server => server.Process is { HasState: false }))
            {
                // Two faults: of each server's disks one is not whole, or those that are whole are no member's. That needs an operator, and nothing is lost.
                Count("stopped: no server may boot");
                IsStopped = true;
                return;
            }

            if (NowNs >= limit) throw new SimulationFailure("whole again within the bound", Describe());
            RunUntil(NowNs + 5_000_000);
            if (Options.HasMirrors && !isRewritten && NowNs > limit - Options.LivenessBoundNs / 2 && Servers.SelectMany(server => server.Copies).Any(copy => copy.IsWrong))
            {
                // Nobody has what a block held: its copy is not complete before that is written anew.
                Count("disks written anew, for a block that was lost");
                isRewritten = true;
                SendFrame(ToyMachine.Rewrite.ToArray());
            }

            if (!IsDuplex || Options.HasMirrors && !DiskFaults.IsWhole || Servers.Any(server => server.Process is { Machine.IsSound: false }) || !_clients.All(client => client.WasServedSince(Options.ChaosNs))) wholeSinceNs = NowNs;
        }
    }

    private const ulong QuietBoundNs = 6_000_000_000;

    // The machine makes no requests any more: then nothing is under way, and what both copies hold can be compared.
    private void CompareCopies()
    {
        ulong limit = NowNs + QuietBoundNs;
        SendFrame(ToyMachine.Quiet.ToArray());
        while (!Servers.All(server => server.Process is { Machine: { IsQuiet: true, PendingRequests.Count: 0 } }))
        {
            if (NowNs >= limit) throw new SimulationFailure("every request ends", string.Join("; ", Servers.Select(server => $"{server.Name} waits for {string.Join(", ", server.Process?.Machine?.PendingRequests.Select(r => $"{r.Operation} {r.RequestId} of disk {r.DiskIndex}") ?? [])}")));
            RunUntil(NowNs + 5_000_000);
        }

        RunUntil(NowNs + 100_000_000); // a write was told to the machine before its copy had it, perhaps
        foreach (SimServer server in Servers) foreach (SimCopy copy in server.Copies) copy.Actor!.Copy!.Flush();
        Truth!.CheckEqual(Servers[0].Process!.Machine!);
        foreach (SimServer server in Servers) foreach (SimCopy copy in server.Copies) copy.TakeStock();
    }

    private string Describe() => $"{string.Join("; ", Servers.Select(server => $"{server.Name} {server.Process?.Protocol.Status.ToString() ?? "down"}"))}; arbiter {Arbiter.Durable}; "
        + string.Concat(Servers.SelectMany(server => server.Copies).Select(copy => $"disk {copy.Disk} of {copy.Server.Name} {copy.Actor?.Mirror.Use}{(copy.IsWrong ? ", wrong" : "")} ({copy.Actor?.Mirror.Reason}); "))
        + $"clients served at {string.Join(", ", _clients.Select(client => client.ServedAtNs / 1_000_000))} of {NowNs / 1_000_000} ms";

    private void RunUntil(ulong timeNs)
    {
        while (_queue.TryPeek(out _, out (ulong TimeNs, ulong Order) next) && next.TimeNs <= timeNs)
        {
            Action action = _queue.Dequeue();
            NowNs = next.TimeNs;
            action();
        }
        NowNs = timeNs;
    }

    private void TickPaths()
    {
        foreach (SimPath path in Paths) path.Tick();
        After(10_000_000, TickPaths);
    }

    /// <summary>A frame left: it reaches every client.</summary>
    public void OnFrame(ReadOnlyMemory<byte> frame)
    {
        foreach (SimClient client in _clients) After(50_000, () => client.OnFrame(frame.Span));
    }

    /// <summary>A client's frame reaches whoever has its NIC open, were it two.</summary>
    public void SendFrame(byte[] frame)
    {
        foreach (SimServer server in Servers)
            if (server.Process is { IsLeading: true, IsHung: false } process) After(50_000, () => process.AddInput(new FrameReceived(0, frame)));
    }

    public void TraceEvent(SimProcess process, ProtocolEvent happened)
    {
        Mix(process.Server.Index, happened.GetType().Name);
        if (_trace is not null && happened is not TimerTick) Trace(process.Server.Name, Describe(happened));
    }

    public void TraceEffect(SimProcess process, Effect effect)
    {
        Mix(process.Server.Index + 2, effect.GetType().Name);
        if (_trace is null) return;
        Trace(process.Server.Name, effect is Perform perform ? $"  -> Perform {string.Join(", ", perform.Outputs.Select(Describe))}" : $"  -> {effect}");
    }

    private static string Describe(MachineOutput output) => output switch
    {
        BlockRequested block => $"{block.Operation} {block.RequestId} at {block.OffsetBytes}{(block.DiskIndex == 0 ? "" : $" of disk {block.DiskIndex}")}",
        _ => $"{output.GetType().Name} of round {Toy.ToyMachine.IdOf(output)?.Round.ToString() ?? "?"}",
    };

    private static string Describe(ProtocolEvent happened) => happened is not RoundExecuted executed ? happened.ToString()
        : $"RoundExecuted at {executed.Round.TimeNs}: {string.Join(", ", executed.Round.Inputs.Select(input => input is BlockCompleted done ? $"completed {done.RequestId}" : input.GetType().Name))}"
        + $" -> {string.Join(", ", executed.Outputs.Select(Describe))}";

    public void Trace(string who, string what) => _trace?.Invoke($"{NowNs / 1e6,10:F3} ms {who}: {what}");

    private void Mix(int who, string what)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, NowNs);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[8..], who);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], what.Length << 8 | what[0]);
        _traceHash.Append(bytes);
    }
}
