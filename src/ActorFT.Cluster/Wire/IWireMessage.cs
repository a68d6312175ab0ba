namespace ActorFT.Cluster.Wire;

/// <summary>
/// Marks what may cross Akka.Remote. Everything that implements it is serialized by <see cref="WireSerializer"/> and must be listed
/// in <see cref="WireTypes"/>; nothing else crosses (allow-unregistered-types is off).
/// </summary>
public interface IWireMessage;
