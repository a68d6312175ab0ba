using ActorFT.Cluster.Host;
using ActorFT.Cluster.Messages;
using Xunit;

namespace ActorFT.Cluster.Tests.Host;

/// <summary>Nothing does more than it says: what a verb may be asked of, and what is refused with a sentence.</summary>
public sealed class CommandRulesTests
{
    private static string? Refuse(string verb, string component, string server = "", bool injection = true) =>
        CommandRules.Refuse(new CommandProtocol.Command(verb, "debian", server, component, []), injection);

    [Theory]
    [InlineData("isolate", "disk-root", CommandSubject.Disk, "root")]
    [InlineData("repair", "disk-root", CommandSubject.Disk, "root")]
    [InlineData("scrub", "disk-root", CommandSubject.Disk, "root")]
    [InlineData("isolate", "nic-lan", CommandSubject.Nic, "lan")]
    [InlineData("repair", "link-ft0", CommandSubject.Link, "ft0")]
    [InlineData("inject", "vcpu-1", CommandSubject.Vcpu, "1")]
    [InlineData("inject", "memory", CommandSubject.Memory, "")]
    [InlineData("failover", "", CommandSubject.Replica, "")]
    public void A_component_verb_is_about_that_component(string verb, string component, object subject, string name)
    {
        Assert.Null(Refuse(verb, component));
        Assert.Equal(((CommandSubject)subject, name), CommandRules.Parse(component));
    }

    [Theory]
    [InlineData("isolate", "vcpu-0", "cannot be taken out or repaired alone")]
    [InlineData("isolate", "memory", "cannot be taken out or repaired alone")]
    [InlineData("isolate", "", "Name the server")]
    [InlineData("isolate", "disk", "is no component")]
    [InlineData("isolate", "disk-", "is no component")]
    [InlineData("isolate", "DISK-root", "is no component")]
    [InlineData("repair", "", "actorft protect debian")]
    [InlineData("scrub", "nic-lan", "Only a disk")]
    [InlineData("clear", "memory", "cannot be flipped back")]
    [InlineData("inject", "", "Name the component")]
    [InlineData("failover", "disk-root", "not about a component")]
    [InlineData("leave", "nic-lan", "not about a component")]
    [InlineData("nonsense", "", "nothing that machine debian can do")]
    [InlineData("nonsense", "disk-root", "not about a component")]
    public void What_cannot_be_done_is_refused_with_a_sentence_and_never_done_to_more(string verb, string component, string expected)
    {
        string? refusal = Refuse(verb, component);
        Assert.Contains(expected, refusal, StringComparison.Ordinal);
        Assert.EndsWith(".", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_replica_is_isolated_only_with_its_server_named() => Assert.Null(Refuse("isolate", "", "server-b"));

    [Fact]
    public void Faults_are_injected_only_where_the_configuration_allows_it()
    {
        Assert.Contains("fault-injection is on", Refuse("inject", "memory", injection: false), StringComparison.Ordinal);
        Assert.Contains("fault-injection is on", Refuse("clear", "nic-lan", injection: false), StringComparison.Ordinal);
    }
}
