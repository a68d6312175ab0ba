using System.Runtime.Serialization;
using Akka.Actor;

namespace ActorFT.Cluster.Wire;

/// <summary>
/// Serializes <see cref="IWireMessage"/>s with Hyperion, which is given an allow-list: a payload that names any other type is
/// refused before anything is made of it. Lengths are bounded before Hyperion sees a byte.
/// </summary>
public sealed class WireSerializer : Akka.Serialization.Serializer
{
    /// <summary>Largest message, in bytes; Akka.Remote's frame is set larger in reference.conf.</summary>
    public const int MaxMessageBytes = 512 * 1024;

    private readonly Hyperion.Serializer _hyperion;

    /// <summary>Called by Akka.</summary>
    public WireSerializer(ExtendedActorSystem system) : base(system)
    {
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
        _hyperion.Serialize(obj, stream);
        if (stream.Length > MaxMessageBytes) throw new SerializationException($"{obj.GetType().Name} takes {stream.Length} bytes; at most {MaxMessageBytes} may leave this server.");
        return stream.ToArray();
    }

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type)
    {
        if (bytes.Length > MaxMessageBytes) throw new SerializationException($"A message of {bytes.Length} bytes came in; at most {MaxMessageBytes} are taken.");
        try
        {
            using MemoryStream stream = new(bytes, writable: false);
            return _hyperion.Deserialize<object>(stream) is IWireMessage message
                ? message
                : throw new SerializationException("Bytes came in that are no message of this program.");
        }
        catch (SerializationException) { throw; }
        // Hyperion reports hostile bytes by exceptions of many types; to Akka they are all one thing.
        catch (Exception e) { throw new SerializationException($"Bytes came in that are no message of this program: {e.GetType().Name}.", e); }
    }
}
