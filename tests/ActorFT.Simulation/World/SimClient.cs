using System.Buffers.Binary;
using ActorFT.Simulation.Toy;

namespace ActorFT.Simulation.World;

/// <summary>
/// A client of the machine: it asks, asks again until it is answered, then asks the next. From outside it sees what users see: that
/// what was once answered stays so.
/// </summary>
internal sealed class SimClient(SimWorld world, ulong number)
{
    private ulong _request, _life, _served;
    private bool _isAnswered;

    /// <summary>When it was last answered.</summary>
    public ulong ServedAtNs { get; private set; }

    public bool WasServedSince(ulong timeNs) => ServedAtNs > timeNs;

    public void Start() => world.After(world.Random.Between(0, 20_000_000), Next);

    private void Next()
    {
        _request++;
        _isAnswered = false;
        Ask(_request);
    }

    private void Ask(ulong request)
    {
        if (request != _request || _isAnswered) return;
        var frame = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, number << 32 | request);
        world.SendFrame(frame);
        world.After(120_000_000, () => Ask(request));
    }

    public void OnFrame(ReadOnlySpan<byte> frame)
    {
        ReadOnlySpan<byte> body = frame[ToyMachine.HeadBytes..];
        if (_isAnswered || BinaryPrimitives.ReadUInt64LittleEndian(body) != (number << 32 | _request)) return; // networks may repeat
        _isAnswered = true;
        ulong life = BinaryPrimitives.ReadUInt64LittleEndian(frame), served = BinaryPrimitives.ReadUInt64LittleEndian(body[8..]);
        bool mayBeWrong = world.Options.Faults.Contains(FaultKind.BitFlip) && world.Options.Settings.Commit == Lockstep.Protocol.CommitMode.Received;
        if (!mayBeWrong && (life < _life || life == _life && served <= _served))
            throw new SimulationFailure("what was answered stays answered", $"client {number} was answered in life {_life} as number {_served}, later in life {life} as number {served}");
        (_life, _served, ServedAtNs) = (life, served, world.NowNs);
        world.Count("request served");
        world.After(world.Random.Between(2_000_000, 25_000_000), Next);
    }

    public void Check()
    {
        if (ServedAtNs == 0) throw new SimulationFailure("clients are served", $"client {number} never was");
    }
}
