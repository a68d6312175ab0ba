using ActorFT.Cluster.Messages;
using ActorFT.Lockstep.Terms;
using ActorFT.Machine.IO;

namespace ActorFT.Cluster.Machines;

// A server that was frozen (SIGSTOP, a stalled hypervisor, swapping) does not know it: when it goes on, acknowledgements that came
// before let it release outputs although the other server may lead by now. So a leader in duplex that notices a pause
// holds what would leave until the arbiter has said, after the pause, that it still leads.
public sealed partial class LockstepCoordinatorActor
{
    private readonly Queue<MachineOutput> _doubtful = new();
    private ulong _aliveNs;
    private bool _isInDoubt;

    /// <summary>A pause of half the silence that makes the other server suspect us: shorter ones cannot have changed anything.</summary>
    private ulong PauseLimitNs => _options.Settings.SilenceNs / 2;

    private void NoteAlive()
    {
        ulong now = Now;
        if (_aliveNs != 0 && now - _aliveNs > PauseLimitNs) BeginDoubt();
        _aliveNs = now;
    }

    private void BeginDoubt()
    {
        if (_mode != Mode.Leading || _isInDoubt || !_protocol.Status.IsDuplex) return;
        _isInDoubt = true;
        AskArbiterAgain();
    }

    private void AskArbiterAgain()
    {
        _doubtAskedNs = Now;
        _options.Arbiter.Tell(new ArbiterProtocol.Ask(new ArbiterQuery(_options.Identity.Machine)), Self);
    }

    private ulong _doubtAskedNs;

    private void Release(MachineOutput output)
    {
        // The pause may lie between the message that let it leave and this line.
        if (Now - _aliveNs > PauseLimitNs) BeginDoubt();
        if (_isInDoubt)
        {
            _doubtful.Enqueue(output);
            return;
        }

        PutOut(output);
    }

    private void PutOut(MachineOutput output)
    {
        if (output is FrameTransmitted frame) _parts.NicPorts[frame.NicIndex].Send(frame.Frame.Span);
        else if (output is ConsoleWritten written) _parts.ConsoleLog.Append(written.Bytes);
        NoteReleased(output);
    }

    private void SettleDoubt(ArbiterReply reply)
    {
        if (!_isInDoubt || reply.Machine != _options.Identity.Machine) return;
        if (_mode != Mode.Leading || reply.Current?.Leader != _options.Identity.Self)
        {
            EndDoubt();
            return;
        }

        _isInDoubt = false;
        while (_doubtful.TryDequeue(out MachineOutput? output)) PutOut(output);
    }

    private void EndDoubt()
    {
        _isInDoubt = false;
        _doubtful.Clear(); // the other server has them too
    }

    private void KeepAsking()
    {
        if (!_isInDoubt) return;
        // Alone by a won claim, or no leader any more: nobody can have taken over since.
        if (_mode == Mode.Leading && !_protocol.Status.IsDuplex)
        {
            _isInDoubt = false;
            while (_doubtful.TryDequeue(out MachineOutput? output)) PutOut(output);
        }
        else if (Now - _doubtAskedNs > _options.Settings.ArbiterRetryNs) AskArbiterAgain();
    }
}
