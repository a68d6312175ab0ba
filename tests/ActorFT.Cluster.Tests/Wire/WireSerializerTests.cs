using System.Runtime.Serialization;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Cluster.Wire;
using ActorFT.Lockstep.Terms;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Wire;

public sealed class WireSerializerTests : IDisposable
{
    private readonly ActorSystem _system = ActorSystem.Create("wire");
    private readonly WireSerializer _serializer;

    public WireSerializerTests() => _serializer = new WireSerializer((ExtendedActorSystem)_system);

    public static TheoryData<object> Messages => new()
    {
        new ArbiterProtocol.Ask(new ArbiterQuery("m")),
        new ArbiterProtocol.Ask(new ArbiterClaim("m", new Member("a", 7), 4, new Lockstep.Terms.Configuration(5, new Member("a", 7), new Member("b", 8)), true)),
        new ArbiterProtocol.Answer(new ArbiterReply("m", new Lockstep.Terms.Configuration(5, new Member("a", 7), null))),
        new ArbiterProtocol.Answer(new ArbiterReply("m", null)),
        new CommandProtocol.Command("failover", "m", "a", "", ["kind=flip"]),
        new CommandProtocol.Outcome(true, "Done."),
        new FaultProtocol.Report("k", FaultSeverity.Error, "m", "disk-root", "Text.", "act", ["line"], ""),
        new FaultProtocol.GetHistory(10),
        new FaultProtocol.History([new FaultProtocol.Entry { Id = "a-1", Server = "a", Report = new("k", FaultSeverity.Info, "", "", "x") }]),
        new NodeStatus
        {
            Node = "a", Role = "server", State = ComponentState.Degraded, Reason = "r",
            Links = [new LinkStatus { Name = "ft0", RoundTripMs = 0.25 }], Terms = [new TermStatus("m", 3, "a", "b")],
            Machines = [new MachineStatus { Name = "m", Resync = new ResyncStatus(1, 2, 3, 4.5, 6), Vcpus = [new VcpuStatus(0, ComponentState.Good, "", 9, "Waiting")],
                Disks = [new DiskStatus { Name = "d", FlushLatency = new LatencyStatus(7, 8, 9) }], Nics = [new NicStatus { Name = "n" }] }],
        },
    };

    [Theory]
    [MemberData(nameof(Messages))]
    public void Message_SerializedAndBack_SaysTheSame(object message)
    {
        object back = _serializer.FromBinary(_serializer.ToBinary(message), message.GetType());
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(message), System.Text.Json.JsonSerializer.Serialize(back, message.GetType()));
        if (message is ArbiterProtocol.Ask) Assert.Equal(message, back);
    }

    [Fact]
    public void EveryWireMessage_OfTheAssembly_IsListed()
    {
        IEnumerable<Type> all = typeof(IWireMessage).Assembly.GetTypes().Where(type => type.IsClass && typeof(IWireMessage).IsAssignableFrom(type));
        Assert.Empty(all.Except(WireTypes.All));
    }

    [Fact]
    public void ForeignType_IsRefused_WhenRead()
    {
        var hostile = new Hyperion.Serializer(new Hyperion.SerializerOptions(versionTolerance: false, preserveObjectReferences: false, surrogates: null, serializerFactories: null, knownTypes: null, ignoreISerializable: false, packageNameOverrides: null, disallowUnsafeTypes: false, typeFilter: Hyperion.DisabledTypeFilter.Instance));
        using MemoryStream stream = new();
        stream.Write(_serializer.ToBinary(new ArbiterProtocol.Ask(new ArbiterQuery("m"))).AsSpan(0, 4)); // as a message of this version
        hostile.Serialize(new FileInfo("/etc/passwd").FullName.Split('/').ToList(), stream);
        Assert.Throws<SerializationException>(() => _serializer.FromBinary(stream.ToArray(), typeof(object)));
    }

    [Fact]
    public void TornOrRandomBytes_ThrowSerializationExceptionOnly()
    {
        Random random = new(1);
        byte[] good = _serializer.ToBinary(new ArbiterProtocol.Ask(new ArbiterQuery("machine")));
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = i < good.Length ? good[..i] : new byte[random.Next(64)];
            if (i >= good.Length) random.NextBytes(bytes);
            try { _serializer.FromBinary(bytes, typeof(object)); }
            catch (SerializationException) { }
        }
    }

    [Fact]
    public void MessageOfAnotherVersion_IsNotRead_AndSaysWhichItIs()
    {
        byte[] bytes = new WireSerializer((ExtendedActorSystem)_system, 9).ToBinary(new FaultProtocol.GetHistory(10));
        Assert.Equal(new ForeignMessage(9, WireSerializer.MessageVersion), _serializer.FromBinary(bytes, typeof(object)));
    }

    [Fact]
    public void UnmarkedMessage_IsNotSent() => Assert.Throws<SerializationException>(() => _serializer.ToBinary("text"));

    public void Dispose() => _system.Dispose();
}
