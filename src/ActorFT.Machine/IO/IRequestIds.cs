namespace ActorFT.Machine.IO;

/// <summary>Numbers the machine's requests. One counter a machine, part of its state: ids are unique and rise.</summary>
internal interface IRequestIds
{
    /// <summary>The id given last, 0 if none was: a restored request with a higher one would break the order.</summary>
    ulong Last { get; }

    /// <summary>The next id.</summary>
    ulong Next();
}
