using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;

namespace ActorFT.Storage.Mirror;

/// <summary>When a failing copy is tried again and when it is left out of service.</summary>
public sealed record MirrorPolicy
{
    /// <summary>Restarts allowed within <see cref="RestartWindowMs"/>.</summary>
    public int RestartLimit { get; init; } = 3;

    /// <summary>The window, milliseconds.</summary>
    public long RestartWindowMs { get; init; } = 10 * 60_000;

    /// <summary>Mean time between faults below which a copy is isolated, milliseconds; judged from <see cref="MeanSamples"/> faults on.</summary>
    public long MinMeanTimeBetweenFaultsMs { get; init; } = 60_000;

    /// <summary>Faults needed before their mean distance says something; also how many of the latest are looked at.</summary>
    public int MeanSamples { get; init; } = 5;

    /// <summary>Wait before the first restart, milliseconds; doubles with each restart within the window.</summary>
    public long RestartDelayMs { get; init; } = 1_000;

    /// <summary>Bad blocks within the window that are repaired in place before the device itself is held to be failing.</summary>
    public int BadBlockLimit { get; init; } = 256;

    /// <summary>Checks the values.</summary>
    /// <exception cref="StorageConfigurationException">A value is not allowed.</exception>
    public void Validate()
    {
        if (RestartLimit < 0 || RestartWindowMs <= 0 || MinMeanTimeBetweenFaultsMs < 0 || MeanSamples < 2 || RestartDelayMs < 0 || BadBlockLimit < 1)
            throw new StorageConfigurationException(
                $"A disk's policy is restarts {RestartLimit}, window {RestartWindowMs} ms, mean time {MinMeanTimeBetweenFaultsMs} ms of {MeanSamples}, delay {RestartDelayMs} ms, bad blocks {BadBlockLimit}; none may be negative, the window and the bad blocks not 0, and the mean needs at least 2.");
    }
}

/// <summary>What a copy's supervisor is to do after a fault.</summary>
public enum CopyAction : byte
{
    /// <summary>Replace the bad blocks from the other copy; the copy stays in service.</summary>
    RepairBlocks = 0,
    /// <summary>Take the copy out of service; open it again after a delay and resync it.</summary>
    Restart = 1,
    /// <summary>Take the copy out of service until an operator repairs it.</summary>
    Isolate = 2,
}

/// <summary>A decision.</summary>
/// <param name="Action">What to do.</param>
/// <param name="State">The copy's state from now on.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="DelayMs">For a restart: how long to wait first.</param>
public sealed record CopyDecision(CopyAction Action, CopyState State, string Reason, long DelayMs = 0);

/// <summary>
/// Decides about one copy's faults by policy. Pure: time comes in, decisions go out.
/// <code>
///   Good ◄──────── resynchronised ─────────┐
///    │ bad block: Good, repaired in place   │
///    ▼ other fault                          │
///   Failed ── restart after a delay ──► Rebuilding
///    │ too often                            │ fault
///    ▼                                      ▼
///   Isolated ◄──────── too often ──────── Failed        Isolated ── operator's repair ──► Rebuilding
/// </code>
/// </summary>
public sealed class CopyHealth(MirrorPolicy policy)
{
    private readonly Queue<long> _restarts = new();
    private readonly Queue<long> _faults = new();
    private readonly Queue<(long AtMs, int Blocks)> _badBlocks = new();

    /// <summary>The copy's state.</summary>
    public CopyState State { get; private set; } = CopyState.Good;

    /// <summary>Why, when not Good.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Faults in its life, bad blocks apart.</summary>
    public long Faults { get; private set; }

    /// <summary>Bad blocks in its life.</summary>
    public long BadBlocks { get; private set; }

    /// <summary>Bad blocks were read: corrupt or unreadable ones, while the rest of the copy works.</summary>
    public CopyDecision BadBlocksFound(long nowMs, int count)
    {
        BadBlocks += count;
        _badBlocks.Enqueue((nowMs, count));
        while (_badBlocks.Peek().AtMs <= nowMs - policy.RestartWindowMs) _badBlocks.Dequeue();
        int recent = _badBlocks.Sum(b => b.Blocks);
        if (recent > policy.BadBlockLimit) return Isolate($"{recent} bad blocks within {policy.RestartWindowMs / 1000} s; {policy.BadBlockLimit} are allowed");
        if (State is CopyState.Failed or CopyState.Isolated) return new CopyDecision(CopyAction.Isolate, State, Reason);
        return new CopyDecision(CopyAction.RepairBlocks, State, Reason);
    }

    /// <summary>The copy failed as a whole: an error on a write or a flush, a stall, no space, or the device is gone.</summary>
    public CopyDecision CopyFailed(long nowMs, CopyFaultKind kind, string detail)
    {
        if (State == CopyState.Isolated) return new CopyDecision(CopyAction.Isolate, State, Reason);
        Faults++;
        _faults.Enqueue(nowMs);
        while (_faults.Count > policy.MeanSamples) _faults.Dequeue();
        while (_restarts.Count > 0 && _restarts.Peek() <= nowMs - policy.RestartWindowMs) _restarts.Dequeue();
        string fault = $"{Words(kind)}: {detail}";
        if (MeanTimeBetweenFaultsMs is { } mean && mean < policy.MinMeanTimeBetweenFaultsMs)
            return Isolate($"a fault every {mean / 1000} s, less than {policy.MinMeanTimeBetweenFaultsMs / 1000} s; the last was {fault}");
        if (_restarts.Count >= policy.RestartLimit)
            return Isolate($"{_restarts.Count} restarts within {policy.RestartWindowMs / 1000} s; the last fault was {fault}");
        long delay = policy.RestartDelayMs << Math.Min(_restarts.Count, 10);
        _restarts.Enqueue(nowMs);
        (State, Reason) = (CopyState.Failed, fault);
        return new CopyDecision(CopyAction.Restart, State, Reason, delay);
    }

    /// <summary>The mean distance of the latest faults; null while there are too few.</summary>
    public long? MeanTimeBetweenFaultsMs => _faults.Count < policy.MeanSamples ? null : (_faults.Last() - _faults.Peek()) / (_faults.Count - 1);

    /// <summary>It was opened again and is being filled with what it missed.</summary>
    public void Rebuilding(string reason) => (State, Reason) = (CopyState.Rebuilding, reason);

    /// <summary>It lacks nothing any more.</summary>
    public void Resynchronised() => (State, Reason) = (CopyState.Good, "");

    /// <summary>An operator takes it out of service.</summary>
    public CopyDecision IsolatedByOperator(string reason) => Isolate(reason);

    /// <summary>An operator says that it is repaired: the past no longer counts. It may be opened and resynchronised.</summary>
    public void RepairedByOperator()
    {
        _restarts.Clear();
        _faults.Clear();
        _badBlocks.Clear();
        (State, Reason) = (CopyState.Rebuilding, "repaired by the operator, to be resynchronised");
    }

    private CopyDecision Isolate(string reason)
    {
        (State, Reason) = (CopyState.Isolated, reason);
        return new CopyDecision(CopyAction.Isolate, State, Reason);
    }

    private static string Words(CopyFaultKind kind) => kind switch
    {
        CopyFaultKind.IoError => "I/O error",
        CopyFaultKind.NoSpace => "no space",
        CopyFaultKind.Vanished => "device gone",
        CopyFaultKind.Corrupt => "wrong data",
        CopyFaultKind.Stalled => "stall",
        _ => "failure",
    };
}
