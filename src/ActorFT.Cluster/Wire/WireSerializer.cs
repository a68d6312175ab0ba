using System.Buffers.Binary;
using System.Runtime.Serialization;
using Akka.Actor;

namespace ActorFT.Cluster.Wire;

/// <summary>
/// Serializes <see cref="IWireMessage"/>s with Hyperion, which is given an allow-list: a payload that names any other type is
/// refused before anything is made of it. Lengths are bounded before Hyperion sees a byte.
/// <code>
/// offset  0    2         4
///         +----+---------+---------------------
///         |"AF"| version | Hyperion's bytes ...      version: little-endian
///         +----+---------+---------------------
/// </code>
/// Version policy: the first four bytes are the same for ever. A message of another version is not read, since Hyperion writes values without their
/// names; a <see cref="ForeignMessage"/> comes in its place, so that both nodes can say why they part.
/// </summary>
public class WireSerializer : Akka.Serialization.Serializer
{
    /// <summary>
    /// What nodes say to each other by messages: rises with every change of a type in <see cref="WireTypes"/>, of their order, or of Hyperion's bytes.
    /// Held by a test against tests/contracts/messages.txt.
    /// </summary>
    public const ushort MessageVersion = 2;

    /// <summary>Largest message, in bytes; Akka.Remote's frame is set larger in reference.conf.</summary>
    public const int MaxMessageBytes = 512 * 1024;

    private const int HeaderBytes = 4;

    private static ReadOnlySpan<byte> Magic => "AF"u8;

    private readonly Hyperion.Serializer _hyperion;
    private readonly ushort _version;

    /// <summary>Called by Akka.</summary>
    public WireSerializer(ExtendedActorSystem system) : this(system, MessageVersion) { }

    /// <summary>As a build of another version.</summary>
    internal WireSerializer(ExtendedActorSystem system, ushort version) : base(system)
    {
        _version = version;
        _hyperion = new Hyperion.Serializer(new Hyperion.SerializerOptions(
            versionTolerance: false, preserveObjectReferences: false, surrogates: null, serializerFactories: null,
            knownTypes: WireTypes.All, ignoreISerializable: false, packageNameOverrides: null, disallowUnsafeTypes: true, typeFilter: new AllowList()));
    }

    // Hyperion asks by short assembly-qualified names, "Namespace.Type, Assembly".
    private sealed class AllowList : Hyperion.ITypeFilter
    {
        private readonly HashSet<string> _names = [.. WireTypes.All.Select(type => type.FullName!)];

        public bool IsAllowed(string typeName) => _names.Contains(typeName.Split(',')[0].Trim());
    }

    /// <inheritdoc/>
    public override int Identifier => 701;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj)
    {
        if (obj is not IWireMessage) throw new SerializationException($"{obj?.GetType().FullName ?? "null"} is no message that may leave this server.");
        using MemoryStream stream = new();
        stream.Write(Magic);
        stream.Write([(byte)_version, (byte)(_version >> 8)]);
        _hyperion.Serialize(obj, stream);
        if (stream.Length > MaxMessageBytes) throw new SerializationException($"{obj.GetType().Name} takes {stream.Length} bytes; at most {MaxMessageBytes} may leave this server.");
        return stream.ToArray();
    }

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type)
    {
        if (bytes.Length > MaxMessageBytes) throw new SerializationException($"A message of {bytes.Length} bytes came in; at most {MaxMessageBytes} are taken.");
        if (bytes.Length < HeaderBytes || !bytes.AsSpan().StartsWith(Magic)) throw new SerializationException("Bytes came in that are no message of this program.");
        ushort version = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(Magic.Length));
        if (version != _version) return new ForeignMessage(version, _version);
        try
        {
            using MemoryStream stream = new(bytes, HeaderBytes, bytes.Length - HeaderBytes, writable: false);
            return _hyperion.Deserialize<object>(stream) is IWireMessage message
                ? message
                : throw new SerializationException("Bytes came in that are no message of this program.");
        }
        catch (SerializationException) { throw; }
        // Hyperion reports hostile bytes by exceptions of many types; to Akka they are all one thing.
        catch (Exception e) { throw new SerializationException($"Bytes came in that are no message of this program: {e.GetType().Name}.", e); }
    }
}
