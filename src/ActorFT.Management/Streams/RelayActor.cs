using System.Threading.Channels;
using Akka.Actor;

namespace ActorFT.Management.Streams;

/// <summary>
/// Takes messages to one client's stream. The client that does not keep up is cut off (its channel ends): the pair waits for nobody who watches.
/// </summary>
internal sealed class RelayActor : UntypedActor
{
    private readonly ChannelWriter<object> _writer;

    public RelayActor(ChannelWriter<object> writer) => _writer = writer;

    public static Props Props(ChannelWriter<object> writer) => Akka.Actor.Props.Create(() => new RelayActor(writer));

    protected override void OnReceive(object message)
    {
        if (_writer.TryWrite(message)) return;
        _writer.TryComplete();
        Context.Stop(Self);
    }

    protected override void PostStop() => _writer.TryComplete();
}
