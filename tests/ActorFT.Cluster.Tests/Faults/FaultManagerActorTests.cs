using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using ActorFT.Cluster.Faults;
using ActorFT.Cluster.Host;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Tests.Support;
using ActorFT.Node.Tests.Support;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Faults;

/// <summary>The fault manager: history that survives, policies that are carried out, alerts that leave.</summary>
public sealed class FaultManagerActorTests : ActorSpec
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-faults-").FullName;
    private readonly List<FaultProtocol.Entry> _logged = [];

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_folder, recursive: true);
    }

    private IActorRef Start(string server = "a", FaultSettings? settings = null, string peer = "b") => Sys.ActorOf(FaultManagerActor.Props(new FaultManagerOptions
    {
        Server = server, Pair = "demo", Peer = peer, Directory = _folder, Settings = settings ?? new FaultSettings(), Log = _logged.Add,
    }));

    // With all that was reported on the disk: a stop alone waits for it a second at most, and a busy disk takes longer.
    private void Stop(IActorRef manager)
    {
        manager.Tell(new FaultManagerActor.Flush(Bound), TestActor);
        ExpectMsg<FaultManagerActor.Flushed>(Bound);
        Watch(manager);
        Sys.Stop(manager);
        ExpectTerminated(manager, Bound);
    }

    private FaultProtocol.Entry[] History(IActorRef manager)
    {
        manager.Tell(new FaultProtocol.GetHistory(1_000), TestActor);
        return ExpectMsg<FaultProtocol.History>(Bound).Entries;
    }

    private FaultProtocol.Entry[] WaitFor(IActorRef manager, Func<FaultProtocol.Entry[], bool> condition)
    {
        FaultProtocol.Entry[] entries = [];
        AwaitCondition(() => condition(entries = History(manager)), Bound);
        return entries;
    }

    private static FaultProtocol.Report NicDown { get; } = new("nic-down", FaultSeverity.Warning, "m", "nic-lan", "NIC lan is down.", "", ["carrier 0"]);

    private static FaultProtocol.Report NicUp { get; } = new("nic-repaired", FaultSeverity.Info, "m", "nic-lan", "NIC lan is up.", "", null, "nic-down");

    [Fact]
    public void Each_fault_has_who_what_when_evidence_diagnosis_action_and_outcome()
    {
        IActorRef manager = Start();
        manager.Tell(NicDown);
        FaultProtocol.Entry down = Assert.Single(History(manager));
        Assert.Equal(("a-1", "a", "nic-down", "lasts"), (down.Id, down.Server, down.Report.Kind, down.Outcome));
        Assert.True(down.AtUnixMs > 0 && down.Diagnosis.Length != 0 && down.Report.Action.Length != 0);
        Assert.Equal(["carrier 0"], down.Report.Evidence!);
        manager.Tell(NicUp);
        FaultProtocol.Entry[] both = History(manager);
        Assert.StartsWith("over after ", both[0].Outcome, StringComparison.Ordinal);
        Assert.True(both[0].ClearedAtUnixMs >= both[0].AtUnixMs);
        Assert.Equal("", both[1].Outcome);
    }

    [Fact]
    public void A_fault_that_is_not_held_against_its_component_is_told_whole_all_the_same()
    {
        // A disk that lies twice within one episode (MirrorReports).
        FaultProtocol.Report lie = new("disk-bad-blocks", FaultSeverity.Warning, "m", "disk-data", "Scrub found 1 bad block(s) in region 5.");
        FaultProtocol.Report repaired = new("disk-repaired", FaultSeverity.Info, "m", "disk-data", "1 bad block(s) of region 5 were replaced.");
        IActorRef manager = Start();
        foreach (FaultProtocol.Report report in new[] { lie, repaired, lie with { IsOwn = false }, repaired }) manager.Tell(report);
        FaultProtocol.Entry[] lies = [.. History(manager).Where(entry => entry.Report.Kind == lie.Kind)];
        Assert.Equal(2, lies.Length);
        Assert.All(lies, entry => Assert.StartsWith("over after ", entry.Outcome, StringComparison.Ordinal));
        Assert.All(lies, entry => Assert.NotEmpty(entry.Diagnosis));
    }

    [Fact]
    public void The_history_survives_a_restart_with_its_outcomes_numbers_go_on_and_what_was_open_is_said_to_be_unknown()
    {
        IActorRef manager = Start();
        manager.Tell(NicDown);
        manager.Tell(NicUp);
        manager.Tell(NicDown);
        Assert.Equal(3, History(manager).Length);
        Stop(manager);
        File.AppendAllText(Path.Combine(_folder, "faults.jsonl"), "{\"Id\":\"a-4\",\"torn"); // the power went
        IActorRef again = Start();
        FaultProtocol.Entry[] entries = History(again);
        Assert.Equal(["a-1", "a-2", "a-3"], entries.Select(entry => entry.Id));
        Assert.StartsWith("over after ", entries[0].Outcome, StringComparison.Ordinal);
        Assert.StartsWith("not known", entries[2].Outcome, StringComparison.Ordinal);
        again.Tell(NicUp);
        Assert.Equal("a-4", History(again)[^1].Id);
        Stop(again);
        Assert.Equal(4, History(Start()).Length); // nothing was glued to the torn line
    }

    [Fact]
    public void The_window_of_a_policy_does_not_end_with_a_restart()
    {
        FaultSettings settings = new() { Policies = Enum.GetValues<FaultClass>().ToDictionary(one => one, _ => new FaultPolicy { MaxFaults = 1, Action = PolicyAction.Isolate }) };
        IActorRef manager = Start(settings: settings);
        manager.Tell(NicDown);
        History(manager);
        Stop(manager);
        IActorRef host = Sys.ActorOf(Props.Create(() => new ForwardingHost(TestActor)), HostActor.Name);
        IActorRef again = Start(settings: settings);
        again.Tell(NicDown);
        CommandProtocol.Command command = FishForMessage<CommandProtocol.Command>(_ => true, Bound);
        Assert.Equal(("isolate", "m", "a", "nic-lan"), (command.Verb, command.Machine, command.Server, command.Component));
        LastSender.Tell(new CommandProtocol.Outcome(false, "It is the only way."));
        Sys.Stop(host);
        FaultProtocol.Entry judged = WaitFor(again, entries => entries[^1].Revision != 0)[^1];
        Assert.Contains("by policy nic-lan is taken out of service", judged.Report.Action, StringComparison.Ordinal);
        Assert.Equal("the policy could not be followed: It is the only way.", judged.Outcome);
    }

    private sealed class ForwardingHost(IActorRef to) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            if (message is CommandProtocol.Command) to.Forward(message);
        }
    }

    [Fact]
    public void The_other_servers_entries_are_kept_here_and_its_word_that_the_pair_is_whole_ends_what_is_open()
    {
        IActorRef manager = Start();
        manager.Tell(new FaultProtocol.Report("fenced", FaultSeverity.Warning, "m", "lockstep", "It was fenced."));
        FaultProtocol.Entry theirs = new()
        {
            Id = "b-7", Server = "b", AtUnixMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), Report = new FaultProtocol.Report("protected", FaultSeverity.Info, "m", "lockstep", "Protected."),
        };
        manager.Tell(theirs);
        manager.Tell(theirs with { Revision = 0, Outcome = "an older word" });
        FaultProtocol.Entry[] entries = History(manager);
        Assert.Equal(2, entries.Length);
        Assert.StartsWith("over after ", entries.Single(entry => entry.Id == "a-1").Outcome, StringComparison.Ordinal);
        manager.Tell(theirs with { Id = "a-9", Server = "b" });  // an id that is ours cannot be taken over
        manager.Tell(theirs with { Id = "a-9", Server = "a" });
        Assert.DoesNotContain(History(manager), entry => entry is { Id: "a-9", Server: "a" });
        Stop(manager);
        Assert.Contains(History(Start()), entry => entry.Id == "b-7");
    }

    [Fact]
    public void A_history_is_bounded_in_memory_on_disk_and_in_an_answer()
    {
        using (FaultHistory history = new(_folder))
        {
            for (int i = 0; i < 5 * FaultHistory.MaxEntries; i++)
                history.Put(new FaultProtocol.Entry { Id = $"b-{i}", Server = "b", AtUnixMs = i, Report = NicDown with { Evidence = [new string('x', 1_000)] } });
            Assert.Equal(FaultHistory.MaxEntries, history.Entries.Count);
            // All of it on the disk, which may take longer than a stop waits. A question that finds no room is lost like an entry, and asked again.
            Wait.Until(() => history.FlushAsync().Wait(TimeSpan.FromSeconds(1)), "the writes to end");
        }

        Assert.InRange(new FileInfo(Path.Combine(_folder, "faults.jsonl")).Length, 1, 4 * FaultHistory.MaxEntries * 2_000L);
        Assert.InRange(History(Start()).Sum(entry => entry.Report.Evidence![0].Length), 1, 300_000);
    }

    [Fact]
    public async Task Alerts_reach_command_webhook_and_syslog_once_and_tell_when_the_fault_is_over()
    {
        using UdpClient syslog = new(new IPEndPoint(IPAddress.Loopback, 0));
        using TcpListener web = new(IPAddress.Loopback, 0);
        web.Start();
        string file = Path.Combine(_folder, "alerts.txt");
        IActorRef manager = Start(settings: new FaultSettings
        {
            Alerts = new AlertSettings
            {
                Command = ["/bin/sh", "-c", $"cat >> {file}; echo \" $2 $3\" >> {file}", "sh", "night"],
                Webhook = new Uri($"http://127.0.0.1:{((IPEndPoint)web.LocalEndpoint).Port}/hook"),
                Syslog = $"127.0.0.1:{((IPEndPoint)syslog.Client.LocalEndPoint!).Port}",
            },
        });
        manager.Tell(NicDown);
        manager.Tell(NicDown); // the same again: kept back
        manager.Tell(NicUp);
        using CancellationTokenSource limit = new(Bound);
        string[] posted = [await AnswerOneAsync(web, limit.Token), await AnswerOneAsync(web, limit.Token)];
        Assert.Equal(["raised", "over"], posted.Select(body => JsonDocument.Parse(body).RootElement.GetProperty("state").GetString()));
        Assert.Equal("NIC lan is down.", JsonDocument.Parse(posted[0]).RootElement.GetProperty("message").GetString());
        string[] logged = [Encoding.UTF8.GetString((await syslog.ReceiveAsync(limit.Token)).Buffer), Encoding.UTF8.GetString((await syslog.ReceiveAsync(limit.Token)).Buffer)];
        Assert.StartsWith("<28>1 ", logged[0], StringComparison.Ordinal); // daemon, warning
        Assert.Contains(" a actorft - nic-down - NIC lan is down.", logged[0], StringComparison.Ordinal);
        Assert.StartsWith("<29>1 ", logged[1], StringComparison.Ordinal);
        AwaitCondition(() => File.Exists(file) && File.ReadAllText(file).Contains("over: ", StringComparison.Ordinal), Bound);
        Assert.Contains("\"kind\":\"nic-down\"", File.ReadAllText(file), StringComparison.Ordinal);
        Assert.Contains(" warning NIC lan is down.", File.ReadAllText(file), StringComparison.Ordinal);
        Assert.Equal(0, syslog.Available);
    }

    [Fact]
    public async Task A_webhook_over_https_is_posted_to_only_when_its_certificate_comes_from_the_authority_that_the_file_names()
    {
        using RSA key = RSA.Create(2048), otherKey = RSA.Create(2048);
        using X509Certificate2 own = SelfSigned(key, "CN=pager"), stranger = SelfSigned(otherKey, "CN=stranger");
        string file = Path.Combine(_folder, "pager.pem"), strangersFile = Path.Combine(_folder, "stranger.pem");
        File.WriteAllText(file, own.ExportCertificatePem());
        File.WriteAllText(strangersFile, stranger.ExportCertificatePem());
        using TcpListener web = new(IPAddress.Loopback, 0);
        web.Start();
        Uri hook = new($"https://localhost:{((IPEndPoint)web.LocalEndpoint).Port}/hook");
        using CancellationTokenSource limit = new(Bound);

        IActorRef manager = Start(settings: new FaultSettings { Alerts = new AlertSettings { Webhook = hook, WebhookAuthority = file } });
        manager.Tell(new FaultManagerActor.TestAlert(), TestActor);
        Assert.Equal("test", JsonDocument.Parse(await AnswerOneAsync(web, limit.Token, own)).RootElement.GetProperty("state").GetString());
        Assert.Contains($"webhook https://localhost:{hook.Port}/hook: delivered", ExpectMsg<CommandProtocol.Outcome>(Bound).Sentence, StringComparison.Ordinal);
        Stop(manager);

        // This host's list does not know it; another authority has not signed it.
        foreach (string authority in new[] { "", strangersFile })
        {
            manager = Start(settings: new FaultSettings { Alerts = new AlertSettings { Webhook = hook, WebhookAuthority = authority } });
            manager.Tell(new FaultManagerActor.TestAlert(), TestActor);
            for (int attempt = 0; attempt < 2; attempt++) await Assert.ThrowsAnyAsync<Exception>(() => AnswerOneAsync(web, limit.Token, own));
            CommandProtocol.Outcome refused = ExpectMsg<CommandProtocol.Outcome>(Bound);
            Assert.False(refused.Succeeded);
            Assert.Contains("certificate", refused.Sentence, StringComparison.Ordinal);
            Stop(manager);
        }
    }

    private static X509Certificate2 SelfSigned(RSA key, string subject)
    {
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static async Task<string> AnswerOneAsync(TcpListener web, CancellationToken end, X509Certificate2? certificate = null)
    {
        using TcpClient client = await web.AcceptTcpClientAsync(end);
        await using Stream stream = certificate is null ? client.GetStream() : new SslStream(client.GetStream());
        if (stream is SslStream secure) await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, end);
        StringBuilder request = new();
        byte[] buffer = new byte[8192];
        while (!request.ToString().TrimEnd().EndsWith('}'))
        {
            int count = await stream.ReadAsync(buffer, end);
            if (count == 0) break;
            request.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }

        await stream.WriteAsync("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"u8.ToArray(), end);
        string text = request.ToString();
        return text[text.IndexOf('{')..(text.LastIndexOf('}') + 1)];
    }

    [Fact]
    public void A_test_alert_says_of_each_way_whether_it_works()
    {
        IActorRef without = Start();
        without.Tell(new FaultManagerActor.TestAlert(), TestActor);
        Assert.Contains("has no way", ExpectMsg<CommandProtocol.Outcome>(Bound).Sentence, StringComparison.Ordinal);
        Stop(without);
        IActorRef manager = Start(settings: new FaultSettings
        {
            Alerts = new AlertSettings { Command = ["/bin/sh", "-c", "echo no such pager >&2; exit 3"], Webhook = new Uri("http://127.0.0.1:1/"), Syslog = "127.0.0.1:9", Timeout = TimeSpan.FromSeconds(10) },
        });
        manager.Tell(new FaultManagerActor.TestAlert(), TestActor);
        CommandProtocol.Outcome outcome = ExpectMsg<CommandProtocol.Outcome>(Bound);
        Assert.False(outcome.Succeeded);
        Assert.Contains("command /bin/sh: it ended with 3: no such pager", outcome.Sentence, StringComparison.Ordinal);
        Assert.Contains("webhook http://127.0.0.1:1/: ", outcome.Sentence, StringComparison.Ordinal);
        Assert.Contains("syslog 127.0.0.1:9: delivered", outcome.Sentence, StringComparison.Ordinal); // UDP tells no more
        Assert.Empty(_logged);
    }

    [Fact]
    public void A_program_that_hangs_is_given_up_and_that_is_told_without_an_alert_about_it()
    {
        IActorRef manager = Start(settings: new FaultSettings { Alerts = new AlertSettings { Command = ["/bin/sh", "-c", "exec sleep 1000"], Timeout = TimeSpan.FromSeconds(1) } });
        manager.Tell(NicDown);
        FaultProtocol.Entry failed = WaitFor(manager, entries => entries.Any(entry => entry.Report.Kind == "alert-failed")).Single(entry => entry.Report.Kind == "alert-failed");
        Assert.Contains("not done within 1 s", failed.Report.Message, StringComparison.Ordinal);
    }
}
