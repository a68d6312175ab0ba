using System.Globalization;
using System.Reflection;
using ActorFT.Cluster.Machines;
using ActorFT.Cluster.Wire;
using ActorFT.Machine.State;
using ActorFT.Node.Tests.Support;
using ActorFT.Storage.Mirror.Live;
using Akka.Actor;
using Xunit;

namespace ActorFT.Cluster.Tests.Wire;

/// <summary>What nodes say to each other by messages has a version, and so has what disks and NICs say over the FT link: nothing changes without it.</summary>
public sealed class MessageContractTests
{
    [Fact]
    public void Messages_AreAsTheirVersionSays()
    {
        using ActorSystem system = ActorSystem.Create("wire");
        WireSerializer serializer = new((ExtendedActorSystem)system);
        IEnumerable<string> shapes = WireTypes.All.SelectMany((type, number) => ShapeOf(type).Prepend($"{number} {Name(type)}"));
        IEnumerable<string> bytes = ((IEnumerable<object[]>)WireSerializerTests.Messages).SelectMany(row => Contract.Bytes(row[0].GetType().Name, serializer.ToBinary(row[0])));
        Contract.Hold("messages", "WireSerializer.MessageVersion", WireSerializer.MessageVersion, [.. shapes, .. bytes]);
    }

    // They travel as parcels and control frames of the FT link: its version is theirs.
    [Fact]
    public void WhatDisksAndNicsSay_IsAsTheFtLinksVersionSays()
    {
        Guid disk = new(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        MirrorMessage[] mirror =
        [
            new CopyStands(CopyUse.Rebuilding, "why"), new InventoryWanted(), new Inventory(CopyUse.Current, disk, 1 << 30, 1 << 20, true, 3, 4, [5, 6]), new ResultWanted(1, 2, 3),
            new ResultTold(1, PeerAnswer.Bad, new byte[] { 1, 2 }), new RegionWanted(1, 2, [3, 4]), new RegionTold(1, 2, true, [(3, new byte[] { 4 })], [5]),
            new SyncWanted(1, 2, [3]), new SyncTold(1, true, 2, [3]), new SyncConfirmed(1), new RequestsEnded(1, [2, 3]), new EndedHeard(1),
        ];
        Assert.Equal(typeof(MirrorMessage).Assembly.GetTypes().Count(type => type.IsSubclassOf(typeof(MirrorMessage))), mirror.Select(message => message.GetType()).Distinct().Count());
        byte[] beat = new byte[NicWire.BeatBytes], header = new byte[NicWire.HeaderBytes];
        NicWire.WriteBeat(beat, 1, new NicBeat(2, NicRole.Leading, true, false, true, 3, 4));
        NicWire.WriteHeader(header, NicWire.Kind.FrameIn, 1, 2);
        Contract.Hold("link-parcels", "Hello.ProtocolVersion", Lockstep.Messages.Hello.ProtocolVersion,
        [
            .. mirror.SelectMany(message => Contract.Bytes(message.GetType().Name, Encode(message))),
            .. Contract.Bytes("NIC's beat", beat), .. Contract.Bytes("NIC's frame, before it", header),
        ]);
    }

    private static byte[] Encode(MirrorMessage message)
    {
        StateWriter writer = new();
        MirrorCodec.Write(writer, 7, 8, message);
        return writer.Written.ToArray();
    }

    private sealed record Before(string Text, int Number);

    private sealed record After(string Text, long Number);

    [Fact]
    public void ShapeThatChanges_WithoutAVersion_IsToldWithWhatToDo()
    {
        string kept = Contract.Text(1, ShapeOf(typeof(Before)));
        string sentence = Contract.Difference("messages", "X.Version", kept, Contract.Text(1, ShapeOf(typeof(After))))!;
        Assert.Contains("\"Number: Int32\", and this build says \"Number: Int64\"", sentence, StringComparison.Ordinal);
        Assert.Contains("Raise X.Version, say in docs/operations.md", sentence, StringComparison.Ordinal);
        Assert.Contains("\"version 1\" there, \"version 2\" here", Contract.Difference("messages", "X.Version", kept, Contract.Text(2, ShapeOf(typeof(After)))), StringComparison.Ordinal);
        Assert.Null(Contract.Difference("messages", "X.Version", kept, kept));
    }

    // What Hyperion writes of a type: its instance fields, the base types' too, by name.
    private static IEnumerable<string> ShapeOf(Type type)
    {
        if (type.IsEnum) return Enum.GetValues(type).Cast<object>().Select(value => $"    {value} = {Convert.ToInt64(value, CultureInfo.InvariantCulture)}");
        if (type.IsArray) return [];
        List<FieldInfo> fields = [];
        for (Type? at = type; at is not null && at != typeof(object); at = at.BaseType)
            fields.AddRange(at.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        return fields.Select(field => $"    {field.Name.Replace("<", "", StringComparison.Ordinal).Replace(">k__BackingField", "", StringComparison.Ordinal)}: {Name(field.FieldType)}").Order(StringComparer.Ordinal);
    }

    private static string Name(Type type) => type.Namespace == nameof(System) ? type.Name : type.FullName!;
}
