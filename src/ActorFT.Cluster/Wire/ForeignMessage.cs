using Akka.Actor;

namespace ActorFT.Cluster.Wire;

/// <summary>Stands for a message of a build whose messages have another version: nothing of it is understood but that.</summary>
/// <param name="Version">The sender's version.</param>
/// <param name="OwnVersion">This build's.</param>
public sealed record ForeignMessage(ushort Version, ushort OwnVersion) : INoSerializationVerificationNeeded;
