using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Threading.Channels;
using ActorFT.Cluster.Configuration;
using ActorFT.Management.Pair;
using ActorFT.Node.Operate;
using ActorFT.Node.Terminal;

namespace ActorFT.Node.Commands.Operate;

/// <summary>
/// <c>actorft console MACHINE</c>: this terminal is the machine's, wherever it runs. Finds the leader by asking any node, and again
/// whenever its stream ends. Keys typed while nobody leads wait for the next leader, within a bound.
/// </summary>
internal static class ConsoleCommand
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(300);

    private const int MaxTypedAhead = 64, MaxPostBytes = 4096;

    public static Command Create()
    {
        Argument<string?> machine = new("MACHINE") { Description = "The machine; may be left out when there is only one.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> readOnly = new("--read-only") { Description = "Show output only; needs no token. So does a console without --token-file." };
        return OperateCommand.Create("console", """
            Makes this terminal the machine's console, on whichever server leads it, across failovers. Ctrl-A x ends it.

            Examples:
              actorft console debian --token-file /etc/actorft/token
              actorft console debian --read-only
              echo "uptime" | actorft console debian --token-file token

            Exit codes: 0 ended, 3 wrong use or token, 4 no node answers.
            """, [machine, readOnly], async (client, _, result) =>
            {
                PairStatus status = (await client.GetPairAsync().ConfigureAwait(false)).Best.Status;
                string name = result.GetValue(machine) ?? (status.Machines.Length == 1 ? status.Machines[0].Name : "");
                if (status.Machines.All(one => one.Name != name))
                    throw new OperatorException($"There is no machine \"{name}\"; known are: {string.Join(", ", status.Machines.Select(one => one.Name).DefaultIfEmpty("none"))}.");
                string? token = client.HasToken && !result.GetValue(readOnly) ? client.ReadToken() : null;
                await new Session(client, name, token).RunAsync().ConfigureAwait(false);
                return OperateExitCode.Healthy;
            });
    }

    private sealed class Session(NodeClient client, string machine, string? token)
    {
        private readonly Channel<byte[]> _typed = Channel.CreateBounded<byte[]>(MaxTypedAhead);
        private readonly CancellationTokenSource _end = new();
        private readonly ScreenModes? _modes = RawTerminal.IsTerminal(StandardStream.Output) ? new() : null;
        private volatile Uri? _leader;
        private string _lastServer = "";
        private long _offset;
        private bool _wasTold;

        public async Task RunAsync()
        {
            using RawTerminal? terminal = token is null ? null : RawTerminal.Enter();
            Notices.IsRaw = terminal is not null;
            try
            {
                if (token is null) Notices.Say("Output only (no token). Ctrl-C ends it.");
                else
                {
                    if (terminal is not null) Notices.Say("Ctrl-A x ends the console; the machine goes on.");
                    new StdinPump(terminal is not null, bytes =>
                    {
                        // A pipe waits until there is room; its end ends nothing: output goes on.
                        try { _typed.Writer.WriteAsync(bytes.ToArray(), _end.Token).AsTask().GetAwaiter().GetResult(); }
                        catch (OperationCanceledException) { return false; }
                        return true;
                    }, command =>
                    {
                        if (command == EscapeCommand.Quit) _end.Cancel();
                        else Notices.Say("Ctrl-A x ends the console, Ctrl-A Ctrl-A types one Ctrl-A.");
                    }).Start();
                }

                Task typing = token is null ? Task.CompletedTask : TypeAsync();
                await FollowAsync().ConfigureAwait(false);
                await typing.ConfigureAwait(false);
            }
            finally
            {
                terminal?.Restore();
                Notices.IsRaw = false;
                if (_modes?.TakeUndo() is { Length: not 0 } undo) StandardStream.Write(StandardStream.Output, undo);
            }
        }

        private async Task FollowAsync()
        {
            while (!_end.IsCancellationRequested)
            {
                try
                {
                    if (!await StreamAsync().ConfigureAwait(false) && !_wasTold)
                    {
                        _wasTold = true;
                        Notices.Say($"No server in reach leads {machine} now; looking until one does.");
                    }

                    await Task.Delay(s_pause, _end.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }

        // One leader's stream to its end; false when there was none.
        private async Task<bool> StreamAsync()
        {
            PairAnswer pair;
            try { pair = await client.GetPairAsync().ConfigureAwait(false); }
            catch (PairUnreachableException) { return false; }
            string server = pair.All.SelectMany(answer => answer.Status.Machines).Where(one => one.Name == machine && one.Leader.Length != 0).MaxBy(one => one.Term)?.Leader ?? "";
            if (server.Length == 0) return false;
            Uri?[] places = [pair.All.FirstOrDefault(answer => answer.Status.AnsweredBy == server)?.Url, EndpointOf(pair, server)];
            string path = $"ft/machines/{Uri.EscapeDataString(machine)}/console" + (server == _lastServer ? string.Create(CultureInfo.InvariantCulture, $"?from={_offset}") : "");
            foreach (Uri place in places.OfType<Uri>().Distinct())
            {
                using HttpResponseMessage? answer = await client.OpenAsync(place, path, _end.Token).ConfigureAwait(false);
                if (answer is null) continue;
                if (server != _lastServer) Notices.Say($"{server} leads {machine}.");
                (_lastServer, _wasTold) = (server, false);
                if (answer.Headers.TryGetValues("ActorFT-Console-Offset", out IEnumerable<string>? offsets) && long.TryParse(offsets.First(), CultureInfo.InvariantCulture, out long offset)) _offset = offset;
                _leader = place;
                try
                {
                    await CopyAsync(await answer.Content.ReadAsStreamAsync(_end.Token).ConfigureAwait(false)).ConfigureAwait(false);
                }
                catch (Exception e) when (e is HttpRequestException or IOException && !_end.IsCancellationRequested)
                {
                    // the server went; who leads now is asked next
                }

                _leader = null;
                return true;
            }

            return false;
        }

        private static Uri? EndpointOf(PairAnswer pair, string server) =>
            Uri.TryCreate(pair.Best.Status.Nodes.FirstOrDefault(node => node.Name == server)?.Endpoint + "/", UriKind.Absolute, out Uri? url) ? url : null;

        private async Task CopyAsync(Stream stream)
        {
            byte[] buffer = new byte[16 * 1024];
            int count;
            while ((count = await stream.ReadAsync(buffer, _end.Token).ConfigureAwait(false)) != 0)
            {
                StandardStream.Write(StandardStream.Output, buffer.AsSpan(0, count));
                _modes?.Note(buffer.AsSpan(0, count));
                _offset += count;
            }
        }

        private async Task TypeAsync()
        {
            List<byte> waiting = [];
            try
            {
                while (true)
                {
                    if (waiting.Count == 0) waiting.AddRange(await _typed.Reader.ReadAsync(_end.Token).ConfigureAwait(false));
                    while (waiting.Count < MaxPostBytes && _typed.Reader.TryRead(out byte[]? more)) waiting.AddRange(more);
                    if (_leader is not { } leader)
                    {
                        await Task.Delay(50, _end.Token).ConfigureAwait(false);
                        continue;
                    }

                    byte[] bytes = [.. waiting.Take(MaxPostBytes)];
                    if (await PostAsync(leader, bytes).ConfigureAwait(false)) waiting.RemoveRange(0, bytes.Length);
                    else await Task.Delay(50, _end.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException)
            {
                // the end
            }
        }

        private async Task<bool> PostAsync(Uri leader, byte[] bytes)
        {
            try
            {
                (HttpStatusCode code, string sentence) = await client.PostAsync(leader, $"ft/machines/{Uri.EscapeDataString(machine)}/console", new ByteArrayContent(bytes), token!).ConfigureAwait(false);
                if (code is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)) return code == HttpStatusCode.NoContent;
                Notices.Say(sentence);
                return true; // typing again would be refused again
            }
            catch (PairUnreachableException)
            {
                // It may have been typed: a key twice is worse than a key lost.
                return true;
            }
        }
    }
}
