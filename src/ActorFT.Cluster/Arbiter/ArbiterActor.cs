using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Lockstep.Terms;
using Akka.Actor;

namespace ActorFT.Cluster.Arbiter;

/// <summary>
/// The shell around <see cref="ArbiterState"/>: answers servers' requests, makes configurations durable first. Its failure is its
/// process's: a store that cannot be written ends the answers, which every server can live with while the pair is whole.
/// </summary>
public sealed class ArbiterActor : UntypedActor, IDisposable
{
    /// <summary>Its name under /user.</summary>
    public const string Name = "arbiter";

    /// <summary>Asks for the configurations kept; answered by an array of <see cref="TermStatus"/>.</summary>
    public sealed record GetTerms : Akka.Actor.INoSerializationVerificationNeeded;

    private readonly ArbiterStore _store;
    private readonly ArbiterState _state;

    /// <summary>Creates it over a store.</summary>
    public ArbiterActor(ArbiterStore store)
    {
        _store = store;
        _state = new ArbiterState(store.Load());
    }

    /// <summary>How to create one.</summary>
    public static Props Props(ArbiterStore store) => Akka.Actor.Props.Create(() => new ArbiterActor(store));

    /// <inheritdoc/>
    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ArbiterProtocol.Ask ask: Step(new ArbiterRequestReceived(Sender, ask.Request)); break;
            case GetTerms:
                Sender.Tell(_state.Configurations.Select(pair =>
                    new TermStatus(pair.Key, pair.Value.Term, pair.Value.Leader.Server, pair.Value.Follower?.Server ?? "")).ToArray());
                break;
            default: Unhandled(message); break;
        }
    }

    private void Step(ArbiterEvent happened)
    {
        Queue<ArbiterEvent> events = new([happened]);
        while (events.TryDequeue(out ArbiterEvent? next))
        {
            foreach (ArbiterEffect effect in _state.Step(next).ToArray())
            {
                switch (effect)
                {
                    case StoreConfiguration store:
                        _store.Save(store.Machine, store.Configuration);
                        events.Enqueue(new ConfigurationStored(store.Machine, store.Configuration.Term));
                        break;
                    case ReplyToServer reply: ((IActorRef)reply.To).Tell(new ArbiterProtocol.Answer(reply.Reply), Self); break;
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void PostStop() => Dispose();

    /// <summary>Closes the store.</summary>
    public void Dispose() => _store.Dispose();
}
