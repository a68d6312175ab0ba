using System.IO.Hashing;
using ActorFT.Machine.State;

namespace ActorFT.Machine;

// Digests, save and restore. The digest covers exactly what a save holds.
public sealed partial class Machine
{
    private const ushort StateVersion = 1;

    /// <inheritdoc/>
    public Digest ComputeDigest()
    {
        ThrowIfInRound();
        _stateBuffer.Clear();
        SaveDevices(_stateBuffer);
        return Memory.ComputeDigest().Combine(Hash(_stateBuffer.Written));
    }

    /// <inheritdoc/>
    public IReadOnlyList<KeyValuePair<string, Digest>> ComputeComponentDigests()
    {
        ThrowIfInRound();
        List<KeyValuePair<string, Digest>> digests = [new("memory", Memory.ComputeDigest())];
        _stateBuffer.Clear();
        SaveHeader(_stateBuffer);
        digests.Add(new("machine", Hash(_stateBuffer.Written)));
        foreach ((string name, ISavable component) in _components)
        {
            _stateBuffer.Clear();
            component.Save(_stateBuffer);
            digests.Add(new(name, Hash(_stateBuffer.Written)));
        }

        return digests;
    }

    /// <inheritdoc/>
    public void SaveDevices(StateWriter writer)
    {
        ThrowIfInRound();
        SaveHeader(writer);
        foreach ((_, ISavable component) in _components) component.Save(writer);
    }

    /// <inheritdoc/>
    public void RestoreDevices(ReadOnlySpan<byte> state)
    {
        ThrowIfInRound();
        StateReader reader = new(state);
        reader.Section("MACH", StateVersion);
        RoundNumber = reader.U64();
        TimeNs = reader.U64();
        byte power = reader.U8();
        if (power > (byte)MachinePower.Failed) throw new StateFormatException($"Saved machine has power state {power}; 0 to 2 are allowed.");
        Power = (MachinePower)power;
        _lastRequestId = reader.U64();
        int count = reader.Count(1024);
        if (count != _components.Count) throw new StateFormatException($"Saved machine has {count} parts; this one has {_components.Count}.");
        foreach ((_, ISavable component) in _components) component.Restore(ref reader);
        reader.End();
        _powerEvent = null;
        _outputs.Clear();
        _derived.DropAll();
    }

    private void SaveHeader(StateWriter writer)
    {
        writer.Section("MACH", StateVersion);
        writer.U64(RoundNumber);
        writer.U64(TimeNs);
        writer.U8((byte)Power);
        writer.U64(_lastRequestId);
        writer.U32((uint)_components.Count);
    }

    private void ThrowIfInRound()
    {
        if (_inRound) throw new InvalidOperationException("State can be looked at between rounds only.");
    }

    private static Digest Hash(ReadOnlySpan<byte> bytes)
    {
        UInt128 hash = XxHash128.HashToUInt128(bytes);
        return new Digest((ulong)(hash >> 64), (ulong)hash);
    }
}
