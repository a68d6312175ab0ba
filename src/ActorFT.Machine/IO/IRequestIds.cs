namespace ActorFT.Machine.IO;

/// <summary>Numbers the machine's requests. One counter a machine, part of its state: ids are unique and rise.</summary>
internal interface IRequestIds
{
    /// <summary>The next id.</summary>
    ulong Next();
}
