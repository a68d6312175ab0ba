using System.Threading.Channels;
using Akka.Actor;
using Microsoft.AspNetCore.Http;

namespace ActorFT.Management.Streams;

/// <summary>Bounded many long-lived answers, each with its relay actor and its bounded channel; all end when the server stops.</summary>
internal sealed class StreamHost(ActorSystem system, CancellationToken stopping) : IDisposable
{
    /// <summary>Streams at a time, all kinds together.</summary>
    public const int MaxStreams = 64;

    /// <summary>Messages a client may be behind.</summary>
    public const int MaxBehind = 256;

    private readonly SemaphoreSlim _free = new(MaxStreams);

    /// <summary>Runs a stream; answers 503 when there are too many.</summary>
    /// <param name="context">The request.</param>
    /// <param name="run">Writes the answer from the messages the relay gets, until the token is cancelled.</param>
    public async Task RunAsync(HttpContext context, Func<IActorRef, ChannelReader<object>, CancellationToken, Task> run)
    {
        if (!_free.Wait(0))
        {
            await Answers.Refuse(503, $"{MaxStreams} streams are open here already; close one, or ask another node.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        Channel<object> channel = Channel.CreateBounded<object>(new BoundedChannelOptions(MaxBehind) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
        IActorRef relay = system.ActorOf(RelayActor.Props(channel.Writer));
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            await run(relay, channel.Reader, end.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ChannelClosedException)
        {
            // The client went, did not keep up, or the server stops.
        }
        finally
        {
            system.Stop(relay);
            _free.Release();
        }
    }

    /// <summary>The next message; null after <paramref name="limit"/> without one.</summary>
    /// <exception cref="ChannelClosedException">The client did not keep up.</exception>
    public static async Task<object?> NextAsync(ChannelReader<object> reader, TimeSpan limit, CancellationToken end)
    {
        if (reader.TryRead(out object? ready)) return ready;
        using CancellationTokenSource timed = CancellationTokenSource.CreateLinkedTokenSource(end);
        timed.CancelAfter(limit);
        try
        {
            return await reader.ReadAsync(timed.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!end.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Dispose() => _free.Dispose();
}
