namespace ActorFT.Machine.IO;

/// <summary>Where devices put outputs while a round runs. The order of calls is part of the deterministic execution.</summary>
public interface IOutputSink
{
    /// <summary>Takes one output.</summary>
    void Emit(MachineOutput output);
}
