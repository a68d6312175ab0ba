using ActorFT.Machine.Devices;
using ActorFT.Machine.IO;

namespace ActorFT.Machine.Tests.Devices;

/// <summary>A line that remembers its level and every call.</summary>
internal sealed class RecordingLine : IInterruptLine
{
    public bool Level { get; private set; }

    public List<string> Calls { get; } = [];

    public void SetLevel(bool asserted)
    {
        Level = asserted;
        Calls.Add(asserted ? "line high" : "line low");
    }
}

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualClock : IMachineClock
{
    public ulong TimeNs { get; set; }
}

/// <summary>Keeps the outputs of a device.</summary>
internal sealed class OutputList : IOutputSink
{
    public List<MachineOutput> Outputs { get; } = [];

    public void Emit(MachineOutput output) => Outputs.Add(output);

    /// <summary>All bytes written to console 0 so far.</summary>
    public byte[] ConsoleBytes => [.. Outputs.Cast<ConsoleWritten>().SelectMany(output => output.Bytes.ToArray())];
}
