using ActorFT.Machine.IO;

namespace ActorFT.Node.Running;

/// <summary>Acts on a machine's outputs, in their order, on the machine's thread.</summary>
internal interface IOutputHandler
{
    /// <summary>Acts on one output. Requests are answered later, through the <see cref="InputQueue"/>.</summary>
    void Handle(MachineOutput output);
}
