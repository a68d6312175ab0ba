using ActorFT.Lockstep.Frames;
using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine.State;

namespace ActorFT.Simulation.World;

/// <summary>
/// One path between the two servers, as TCP gives it: connections that come and go, messages in order on each, none delivered over
/// an older connection. Between the two paths anything may be reordered. Messages go as real bytes through the real codecs.
/// </summary>
internal sealed class SimPath(SimWorld world, int index)
{
    private readonly ulong[] _lastArrivalNs = new ulong[2];
    private int _connection;
    private bool _isConnected, _isConnecting;

    /// <summary>The cable is out: connections break at once and none is made.</summary>
    public bool IsCut { get; set; }

    /// <summary>Messages from server 0 or 1 vanish without a sign.</summary>
    public bool[] SwallowsFrom { get; } = new bool[2];

    public ulong ExtraDelayNs { get; set; }

    /// <summary>The cable is out and the connection lives: what was sent waits, and arrives when <see cref="Heal"/> ends it, as TCP repeats it.</summary>
    public bool IsStalled { get; private set; }

    private readonly Queue<Action> _stalled = new();

    /// <summary>Stalls; the sides are told that the path is down after a while, if it lasts.</summary>
    public void Stall(ulong toldAfterNs)
    {
        if (IsStalled) return;
        IsStalled = true;
        int connection = _connection, stall = ++_stalls;
        SimProcess?[] told = new SimProcess?[2];
        world.After(toldAfterNs, () =>
        {
            if (IsStalled && stall == _stalls && _isConnected && connection == _connection) Tell(connection, told, now => new LinkDown(now, index));
        });
        _whenHealed = () => Tell(connection, told, now => new LinkUp(now, index));
    }

    private Action _whenHealed = () => { };
    private int _stalls;

    // The path comes up again only for whom it was down.
    private void Tell(int connection, SimProcess?[] told, Func<ulong, ProtocolEvent> what)
    {
        foreach (SimServer server in world.Servers)
        {
            SimProcess? process = server.Process;
            bool isUp = what(0) is LinkUp;
            if (process is null || isUp && told[server.Index] != process) continue;
            told[server.Index] = isUp ? null : process;
            process.Deliver(what, () => process.Connections[index] == connection);
        }
    }

    public void Heal()
    {
        if (!IsStalled) return;
        IsStalled = false;
        while (_stalled.TryDequeue(out Action? deliver))
        {
            world.Count("message arrived late, when a stall ended");
            world.After(40_000, deliver);
        }
        if (_isConnected) world.After(50_000, _whenHealed);
    }

    public void Tick()
    {
        if (_isConnected && IsCut) Break(isSilent: false);
        if (_isConnected || _isConnecting || IsCut || IsStalled || !world.Servers.All(server => server.IsRunning) || SwallowsFrom[0] || SwallowsFrom[1]) return;
        _isConnecting = true;
        world.After(world.Random.Between(1_000_000, 15_000_000), Connect);
    }

    private void Connect()
    {
        _isConnecting = false;
        if (IsCut || IsStalled || !world.Servers.All(server => server.IsRunning)) return;
        _isConnected = true;
        int connection = ++_connection;
        foreach (SimServer server in world.Servers)
        {
            SimProcess process = server.Process!;
            world.After(world.Random.Between(0, 1_000_000), () =>
            {
                if (connection == _connection && _isConnected) process.Deliver(now => new LinkUp(now, index), () =>
                {
                    process.Connections[index] = connection;
                    return true;
                });
            });
        }
    }

    /// <summary>The connection breaks; a side that is told, is told soon, or late when nothing came back from the other.</summary>
    public void Break(bool isSilent)
    {
        if (!_isConnected) return;
        _isConnected = false;
        int connection = _connection;
        foreach (SimServer server in world.Servers)
        {
            if (server.Process is not { } process) continue;
            ulong delay = isSilent ? world.Random.Between(200_000_000, 1_500_000_000) : world.Random.Between(0, 3_000_000);
            world.After(delay, () => process.Deliver(now => new LinkDown(now, index), () =>
            {
                if (process.Connections[index] != connection) return false;
                process.Connections[index] = 0;
                return true;
            }));
        }
    }

    public bool IsUpFor(SimProcess process) => process.Connections[index] != 0;

    public void Send(SimProcess from, LinkChannel channel, byte[] frame)
    {
        if (!_isConnected || from.Connections[index] != _connection) return;
        int side = from.Server.Index;
        SimFaults faults = world.Faults;
        if (SwallowsFrom[side])
        {
            world.Count("message swallowed by a one-way partition");
            return;
        }
        if (channel == LinkChannel.Log && world.Random.Chance(faults.DropChance))
        {
            world.Count("message dropped");
            return;
        }
        if (world.Random.Chance(faults.CorruptChance))
        {
            Corrupt(frame);
            return;
        }
        Schedule(from, side, frame, channel);
        if (!world.Random.Chance(faults.DuplicateChance)) return;
        world.Count("message doubled");
        Schedule(from, side, frame, channel);
    }

    private void Schedule(SimProcess from, int side, byte[] frame, LinkChannel channel)
    {
        ulong arrival = world.NowNs + world.Random.Between(40_000, 40_000 + world.Faults.JitterNs) + ExtraDelayNs;
        if (world.Random.Chance(0.3)) world.Count(ExtraDelayNs != 0 ? "message delayed much" : "message delayed");
        arrival = Math.Max(arrival, _lastArrivalNs[side]); // in order on one path
        _lastArrivalNs[side] = arrival;
        int connection = _connection;
        SimServer target = world.Servers[1 - side];
        SimProcess? process = target.Process;
        if (process is null) return;
        Action deliver = () =>
        {
            LinkEnvelope envelope = Decode(frame);
            process.Deliver(now => new LinkMessageReceived(now, index, envelope), () =>
            {
                if (process.Connections[index] != connection) return false;
                process.Tracker.Delivered(envelope);
                process.HeardAtNs = world.NowNs;
                return true;
            });
        };
        world.At(arrival, () =>
        {
            if (IsStalled) _stalled.Enqueue(deliver);
            else deliver();
        });
    }

    // A flipped bit is found by the frame's checksum, always; the receiver resets the path.
    private void Corrupt(byte[] frame)
    {
        var damaged = (byte[])frame.Clone();
        int bit = world.Random.Below(damaged.Length * 8);
        damaged[bit / 8] ^= (byte)(1 << (bit % 8));
        if (FrameCodec.TryRead(damaged, LinkCodec.MaxPayloadBytes, out _, out _, out _) == FrameStatus.Complete)
            throw new SimulationFailure("frames are checksummed", $"bit {bit} of a frame of {frame.Length} bytes flipped, and the frame was accepted");
        world.Count("frame corrupted");
        Break(isSilent: false);
    }

    public static byte[] Encode(LinkEnvelope envelope)
    {
        var writer = new StateWriter();
        LinkCodec.Encode(writer, envelope);
        return FrameCodec.Make(writer.Written);
    }

    private static LinkEnvelope Decode(byte[] frame)
    {
        if (FrameCodec.TryRead(frame, LinkCodec.MaxPayloadBytes, out ReadOnlySpan<byte> payload, out _, out string? problem) != FrameStatus.Complete)
            throw new SimulationFailure("frames are read as written", problem ?? "incomplete");
        return LinkCodec.Decode(payload);
    }
}
