using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Terms;

namespace ActorFT.Simulation.World;

/// <summary>The arbiter's process and its storage. Storing takes time; a crash meanwhile may lose it or may have done it.</summary>
internal sealed class SimArbiter
{
    private readonly SimWorld _world;
    private readonly SortedDictionary<string, Configuration> _durable = new(StringComparer.Ordinal);
    private ArbiterState? _state;
    private int _run;

    public SimArbiter(SimWorld world)
    {
        _world = world;
        Start();
    }

    public bool IsAlive => _state is not null;

    /// <summary>What stable storage holds for the machine: the truth that checkers compare with.</summary>
    public Configuration? Durable => _durable.GetValueOrDefault(SimWorld.MachineName);

    /// <summary>Every configuration that was ever durable, by term.</summary>
    public List<Configuration> History { get; } = [];

    /// <summary>Servers that cannot reach it.</summary>
    public HashSet<string> CutOff { get; } = [];

    public void Start()
    {
        _run++;
        PlantedBug bug = _world.Options.Bug;
        _state = new ArbiterState(_durable, bug == PlantedBug.ArbiterIgnoresMembership, bug == PlantedBug.ArbiterRepliesBeforeStored);
    }

    public void Crash() => _state = null;

    /// <summary>A request travels to it.</summary>
    public void Ask(SimProcess from, ArbiterRequest request)
    {
        if (CutOff.Contains(from.Server.Name) || _world.Random.Chance(_world.Faults.ArbiterDropChance)) return;
        _world.After(_world.Random.Between(100_000, 400_000), () => Do(new ArbiterRequestReceived(from, request)));
    }

    private void Do(ArbiterEvent happened)
    {
        if (_state is null) return;
        foreach (ArbiterEffect effect in _state.Step(happened))
        {
            switch (effect)
            {
                case StoreConfiguration store: Store(store); break;
                case ReplyToServer reply: Reply((SimProcess)reply.To, reply.Reply); break;
            }
        }
    }

    private void Store(StoreConfiguration store)
    {
        int run = _run;
        _world.Faults.ArbiterStores(); // where a crash hurts most
        _world.After(_world.Random.Between(200_000, 2_000_000), () =>
        {
            bool isLost = run != _run || _state is null;
            if (isLost && (run != _run || _world.Random.Chance(0.5)))
            {
                _world.Count("arbiter store lost");
                return;
            }
            if ((Durable?.Term ?? 0) >= store.Configuration.Term) throw new SimulationFailure("terms rise by one", $"the arbiter stores {store.Configuration} over {Durable}");
            _durable[store.Machine] = store.Configuration;
            History.Add(store.Configuration);
            _world.Trace("arbiter", $"stored {store.Configuration}");
            Do(new ConfigurationStored(store.Machine, store.Configuration.Term));
        });
    }

    private void Reply(SimProcess to, ArbiterReply reply)
    {
        if (CutOff.Contains(to.Server.Name) || _world.Random.Chance(_world.Faults.ArbiterDropChance)) return;
        _world.After(_world.Random.Between(100_000, 400_000), () => to.Deliver(now => new ArbiterReplied(now, reply)));
    }
}
