using System.Security.Cryptography;
using ActorFT.Machine.IO;
using ActorFT.Network.Tap;
using ActorFT.Node.Terminal;
using ActorFT.Storage.Raw;

namespace ActorFT.Node.Running;

/// <summary>What stands behind a machine's devices on this server: hands outputs to them, and their answers to the queue.</summary>
internal sealed class MachineBackEnds : IOutputHandler, IDisposable
{
    private const int MaxEntropyBytes = 64 << 10; // of one answer; a guest that wants more asks again

    private readonly InputQueue _queue;
    private readonly IConsoleSink _console;
    private readonly List<RawDiskWorker> _disks = [];
    private readonly IReadOnlyList<INicBackEnd> _nics;

    /// <summary>Takes over the back ends, which are open, and starts their threads.</summary>
    /// <param name="queue">Where their answers go.</param>
    /// <param name="console">Takes what both consoles write.</param>
    /// <param name="disks">Each disk's name and image.</param>
    /// <param name="nics">Each NIC's back end.</param>
    /// <param name="say">Takes one sentence for the operator, from any thread.</param>
    public MachineBackEnds(
        InputQueue queue, IConsoleSink console, IReadOnlyList<(string Name, RawImage Image)> disks, IReadOnlyList<INicBackEnd> nics, Action<string> say)
    {
        (_queue, _console, _nics) = (queue, console, nics);
        foreach ((string name, RawImage image) in disks) _disks.Add(new RawDiskWorker(name, image, queue.Complete, say));
        foreach ((int index, INicBackEnd nic) in nics.Index())
        {
            nic.StateChanged += state =>
            {
                if (state.Condition == NicCondition.Failed) say($"nic {nic.Name}: {state.Reason}");
            };
            nic.Start(frame => queue.TryReceive(index, frame));
            nic.SetOpen(true);
            nic.SetCarrier(true);
        }
    }

    /// <summary>What each NIC's back end counted.</summary>
    public IReadOnlyList<NicCounters> NicCounters => [.. _nics.Select(nic => nic.Counters)];

    public void Handle(MachineOutput output)
    {
        switch (output)
        {
            case ConsoleWritten written: _console.Write(written.Bytes); break;
            case BlockRequested request: _disks[request.DiskIndex].Submit(request); break;
            case FrameTransmitted frame: _nics[frame.NicIndex].TrySend(frame.Frame.Span); break; // a frame not sent is counted: networks lose frames
            case EntropyRequested entropy:
                byte[] bytes = RandomNumberGenerator.GetBytes(Math.Clamp(entropy.LengthBytes, 1, MaxEntropyBytes));
                _queue.Complete(new EntropyArrived(entropy.RequestId, bytes));
                break;
            case PowerChanged: break; // the runner looks at the machine's power itself; a reboot goes on by itself
            default: throw new InvalidOperationException($"Output {output.GetType().Name} has no back end.");
        }
    }

    /// <summary>Waits until the disks have done what was asked of them.</summary>
    public void WaitForDisks()
    {
        foreach (RawDiskWorker disk in _disks) disk.WaitUntilIdle();
    }

    /// <summary>Closes the NICs, finishes the disks' requests, and closes everything.</summary>
    public void Dispose()
    {
        foreach (INicBackEnd nic in _nics) nic.Dispose();
        foreach (RawDiskWorker disk in _disks) disk.Dispose();
        _console.Dispose();
    }
}
