using System.Numerics;
using ActorFT.Lockstep.Messages;

namespace ActorFT.Lockstep.Protocol;

/// <summary>
/// What is known of the other server: which paths are up, when it was last heard, its latest hello. Gives suspicion, never
/// a verdict: only the arbiter's answer changes who leads.
/// </summary>
internal sealed class PeerMonitor
{
    /// <summary>Paths between the servers, at most.</summary>
    public const int MaxPaths = 2;

    private const int MaxGone = 16;

    private readonly LockstepSettings _settings;
    private uint _pathsUp;
    private ulong _heardAtNs, _downSinceNs;
    private ulong _newestSequence;
    private string? _suspectedBecause;
    private readonly Queue<ulong> _gone = new();

    public PeerMonitor(LockstepSettings settings) => _settings = settings;

    /// <summary>The latest hello of the peer's current run; null when the link was lost since.</summary>
    public Hello? Hello { get; private set; }

    /// <summary>The run that hello came from.</summary>
    public ulong Incarnation { get; private set; }

    /// <summary>A path that is up, or -1.</summary>
    public int BestPath => _pathsUp == 0 ? -1 : BitOperations.TrailingZeroCount(_pathsUp);

    /// <summary>Whether a path is up.</summary>
    public bool IsUp(int path) => (_pathsUp & (1u << path)) != 0;

    public void PathUp(int path) => _pathsUp |= 1u << path;

    public void PathDown(int path, ulong nowNs)
    {
        _pathsUp &= ~(1u << path);
        if (_pathsUp != 0) return;
        _downSinceNs = nowNs;
        Hello = null; // what it said may not hold any more: it says it again on the next connection
    }

    /// <summary>
    /// A message came. False: ignore it. It is from a run that another run of that server followed, or a hello older than
    /// something heard since, which says what was.
    /// </summary>
    public bool Heard(LinkEnvelope envelope, ulong nowNs)
    {
        if (envelope.Incarnation != Incarnation)
        {
            if (_gone.Contains(envelope.Incarnation)) return false;
            if (Incarnation != 0) Bury(Incarnation);
            (Incarnation, _newestSequence, Hello) = (envelope.Incarnation, 0, null);
        }
        _heardAtNs = nowNs;
        _suspectedBecause = null;
        if (envelope.Message is Messages.Hello hello)
        {
            if (envelope.Sequence < _newestSequence) return false;
            Hello = hello;
        }
        _newestSequence = Math.Max(_newestSequence, envelope.Sequence);
        return true;
    }

    /// <summary>Its hello does not fit.</summary>
    public void Forget() => Hello = null;

    private void Bury(ulong incarnation)
    {
        _gone.Enqueue(incarnation);
        if (_gone.Count > MaxGone) _gone.Dequeue();
    }

    /// <summary>From when on silence counts.</summary>
    public ulong WatchedSinceNs { get; private set; }

    /// <summary>From now on silence counts.</summary>
    public void Watch(ulong nowNs)
    {
        WatchedSinceNs = _heardAtNs = nowNs;
        _suspectedBecause = null;
        if (_pathsUp == 0) _downSinceNs = nowNs;
    }

    /// <summary>Another detector suspects it.</summary>
    public void Suspect(string reason) => _suspectedBecause = reason;

    /// <summary>Why the peer is suspected, or null.</summary>
    public string? Suspicion(ulong nowNs, ulong extraNs)
    {
        if (_suspectedBecause is not null) return _suspectedBecause;
        if (_pathsUp == 0 && nowNs - _downSinceNs >= _settings.LinkDownGraceNs + extraNs) return "every path to it is down";
        return nowNs - _heardAtNs >= _settings.SilenceNs + extraNs ? $"nothing was heard from it for {(nowNs - _heardAtNs) / 1_000_000} ms" : null;
    }
}
