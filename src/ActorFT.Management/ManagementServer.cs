using System.Net;
using ActorFT.Cluster;
using ActorFT.Cluster.Configuration;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Machines;
using ActorFT.Management.AkkaManagement;
using ActorFT.Management.Dashboard;
using ActorFT.Management.Ft;
using ActorFT.Management.Metrics;
using ActorFT.Management.Streams;
using Akka.Actor;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace ActorFT.Management;

/// <summary>
/// A node's HTTP endpoint. Reads are open to whoever reaches the port (loopback by default); every change needs the token. All that a
/// client can take is bounded: connections, headers, bodies, time, streams, and how often actors are asked.
/// </summary>
public sealed class ManagementServer : IAsyncDisposable
{
    /// <summary>Connections at a time.</summary>
    public const int MaxConnections = 256;

    /// <summary>Bytes of a request's body.</summary>
    public const int MaxBodyBytes = 64 * 1024;

    /// <summary>Requests a second that are answered, all clients together; whoever has the token is answered beyond it.</summary>
    public const int MaxRequestsPerSecond = 200;

    private readonly WebApplication _app;
    private readonly NodeMetrics _metrics;
    private readonly StreamHost _streams;
    private readonly IActorRef _feed;
    private readonly ActorSystem _system;

    private ManagementServer(WebApplication app, NodeMetrics metrics, StreamHost streams, IActorRef feed, ActorSystem system) =>
        (_app, _metrics, _streams, _feed, _system) = (app, metrics, streams, feed, system);

    /// <summary>Where it listens, such as "http://127.0.0.1:8551".</summary>
    public string Url => _app.Urls.First();

    // "GET /ft/status": what really is routed; tests compare it with the OpenAPI document.
    internal IEnumerable<string> Routes => ((Microsoft.AspNetCore.Routing.IEndpointRouteBuilder)_app).DataSources.SelectMany(source => source.Endpoints)
        .OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>()
        .SelectMany(route => (route.Metadata.GetMetadata<Microsoft.AspNetCore.Routing.HttpMethodMetadata>()?.HttpMethods ?? ["GET"]).Select(method => $"{method} {route.RoutePattern.RawText}"));

    /// <summary>Starts the endpoint of a running node; null when its configuration has none.</summary>
    /// <exception cref="OperatorException">The token's file is no good.</exception>
    /// <exception cref="EnvironmentException">The port cannot be had.</exception>
    public static async Task<ManagementServer?> StartAsync(NodeRuntime node, Action<string> log) => node.Config.Management is { } address
        ? await StartAsync(new NodeGateway(node.Config, node.System, node.Host, node.Faults), address, log).ConfigureAwait(false)
        : null;

    /// <summary>Starts an endpoint over a gateway; port 0 takes any.</summary>
    /// <param name="gateway">The node.</param>
    /// <param name="address">Where to listen.</param>
    /// <param name="log">Told of what must not happen.</param>
    public static async Task<ManagementServer> StartAsync(NodeGateway gateway, IPEndPoint address, Action<string> log)
    {
        TokenGate gate = new(gateway.Config.ManagementTokenFile);
        WebApplication app = Build(address);
        NodeMetrics metrics = new(gateway);
        StreamHost streams = new(gateway.System, app.Lifetime.ApplicationStopping);
        IActorRef feed = gateway.System.ActorOf(EventFeedActor.Props(gateway));
        // Here, not when it begins, which may be later: who reads the head of a stream must miss nothing.
        gateway.Faults.Tell(new FaultManagerActor.Watch(feed), ActorRefs.NoSender);
        Guard(app, address, gate, log);
        app.Use(async (context, next) =>
        {
            if (context.Request.Path == "/metrics") await gateway.GetStatusAsync().ConfigureAwait(false); // instruments read the latest
            await next(context).ConfigureAwait(false);
        });
        AkkaRoutes.Map(app, gateway);
        ClusterEvents.Map(app, gateway, streams);
        FtRoutes.Map(app, gateway, streams, feed);
        ConsoleRoutes.Map(app, gateway, streams, gate);
        ActionRoutes.Map(app, gateway, gate);
        DashboardPage.Map(app);
        app.MapPrometheusScrapingEndpoint("/metrics");
        app.MapOpenApi("/openapi.json");
        ManagementServer server = new(app, metrics, streams, feed, gateway.System);
        try
        {
            await app.StartAsync().ConfigureAwait(false);
            _ = WarmUpAsync(server.Url);
            return server;
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException) // in use; an address that this host does not have
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw new EnvironmentException($"The HTTP endpoint cannot listen at akka.management.http {address}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", e);
        }
    }

    // The first request compiles what it runs. Better now than when somebody asks in an emergency, on a server that has all hands full.
    private static async Task WarmUpAsync(string url)
    {
        using HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(30) };
        foreach (string path in new[] { "/ft/status", "/ft/events", "/metrics" })
        {
            try { await client.GetStringAsync(path).ConfigureAwait(false); }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException) { return; }
        }
    }

    private static WebApplication Build(IPEndPoint address)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "actorft" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            KestrelServerLimits limits = kestrel.Limits;
            limits.MaxConcurrentConnections = MaxConnections;
            limits.MaxRequestBodySize = MaxBodyBytes;
            limits.MaxRequestHeadersTotalSize = 16 * 1024;
            limits.MaxRequestHeaderCount = 64;
            limits.MaxRequestLineSize = 4 * 1024;
            limits.MaxRequestBufferSize = 2 * MaxBodyBytes;
            limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
            limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
            limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
            limits.MinResponseDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
            kestrel.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddRouting();
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.ConfigureHttpJsonOptions(options =>
        {
            foreach (System.Text.Json.Serialization.JsonConverter converter in Json.Ft.Converters) options.SerializerOptions.Converters.Add(converter);
        });
        builder.Services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "ActorFT", Version = "1", Description = "One node's endpoint: the pair's status, events, console and actions, and Akka.Management's routes." };
            document.Servers?.Clear();
            return Task.CompletedTask;
        }));
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(NodeMetrics.MeterName, ClusterMeters.Name)
            .AddView("actorft.output.hold", new ExplicitBucketHistogramConfiguration
            {
                Boundaries = [0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1, 5],
            })
            .AddView("actorft.disk.request", new ExplicitBucketHistogramConfiguration
            {
                Boundaries = [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
            })
            .AddView("actorft.disk.machine.flush", new ExplicitBucketHistogramConfiguration
            {
                Boundaries = [0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.00125, 0.0015, 0.00175, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
            })
            .AddPrometheusExporter(exporter => exporter.ScrapeResponseCacheDurationMilliseconds = NodeGateway.RefreshMs));
        return builder.Build();
    }

    // Before every route: who may ask, what every answer carries, and that no mistake here is more than a 500.
    private static void Guard(WebApplication app, IPEndPoint address, TokenGate gate, Action<string> log)
    {
        RequestBudget budget = new(MaxRequestsPerSecond, 2 * MaxRequestsPerSecond, () => Environment.TickCount64);
        app.Use((context, next) => GuardAsync(context, next, address, gate, budget, log));
    }

    private static async Task GuardAsync(HttpContext context, RequestDelegate next, IPEndPoint address, TokenGate gate, RequestBudget budget, Action<string> log)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (IPAddress.IsLoopback(address.Address) && !IsLocalName(context.Request.Host.Host))
        {
            // A page on the web that points a name of its own at 127.0.0.1 must not read this (DNS rebinding).
            await Answers.Refuse(421, "This endpoint answers to localhost and IP addresses only.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        if (!budget.TryTake() && !gate.IsHeldBy(context))
        {
            headers.RetryAfter = "1";
            await Answers.Refuse(503, $"This node answers {MaxRequestsPerSecond} requests a second, and they are used up; ask again in a second, or with the token.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        try
        {
            await next(context).ConfigureAwait(false);
            await Answers.CompleteAsync(context).ConfigureAwait(false);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = e.StatusCode;
            await Answers.CompleteAsync(context).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            context.Abort(); // the client is gone
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            log($"HTTP {context.Request.Method} {context.Request.Path}: {e.GetType().Name}: {e.Message}");
            await Answers.Refuse(500, "The request met a mistake in this program; the node's log tells more.").ExecuteAsync(context).ConfigureAwait(false);
        }
    }

    private static bool IsLocalName(string host) => host is "localhost" || IPAddress.TryParse(host.Trim('[', ']'), out _);

    /// <summary>Ends streams, finishes requests, closes the port.</summary>
    public async ValueTask DisposeAsync()
    {
        using (CancellationTokenSource limit = new(TimeSpan.FromSeconds(3)))
        {
            try { await _app.StopAsync(limit.Token).ConfigureAwait(false); }
            catch (OperationCanceledException) { }
        }

        _system.Stop(_feed);
        await _app.DisposeAsync().ConfigureAwait(false);
        _metrics.Dispose();
        _streams.Dispose();
    }
}
