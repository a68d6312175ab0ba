namespace ActorFT.Node.Commands;

/// <summary>A broken invariant while a machine ran: the program ends with exit code 4 and says where the dump is.</summary>
internal sealed class BrokenInvariantException(Exception cause, string? dumpPath)
    : Exception($"an invariant broke: {cause.Message.ReplaceLineEndings(" ").TrimEnd('.')}; "
        + (dumpPath is null ? "no dump could be written." : $"the dump is {dumpPath}"), cause);
