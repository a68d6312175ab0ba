using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;

namespace ActorFT.Simulation.World;

/// <summary>
/// Knows, without asking the protocol, which records reached a process: what it can have stored. The output rule is checked
/// against this.
/// </summary>
internal sealed class DeliveryTracker
{
    private readonly Dictionary<ulong, ulong> _records = []; // first round -> end round
    private StreamId _stream;
    private ulong _base;

    /// <summary>All rounds before this one have reached the process since it follows.</summary>
    public ulong StoredRound { get; private set; }

    public void Delivered(LinkEnvelope envelope)
    {
        StreamId? stream = envelope.Message switch { RecordSent record => record.Stream, JoinBegin begin => begin.Stream, _ => null };
        if (stream is not { } id || _stream.IsAfter(id)) return;
        if (id != _stream)
        {
            _stream = id;
            _records.Clear();
        }
        if (envelope.Message is not RecordSent sent) return;
        _records[sent.Record.FirstRound] = sent.Record.EndRound;
        Walk();
    }

    public void Lead() => _records.Clear();

    public void Follow(ulong round)
    {
        _base = StoredRound = round;
        Walk();
    }

    /// <summary>Where it began to follow.</summary>
    public ulong FirstRound => _base;

    private void Walk()
    {
        while (_records.TryGetValue(StoredRound, out ulong end)) StoredRound = end;
    }
}
