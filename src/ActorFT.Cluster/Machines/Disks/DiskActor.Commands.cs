using System.Globalization;
using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Cluster.Machines.Disks;

// What an operator sees and asks for.
public sealed partial class DiskActor
{
    private static readonly (string Word, InjectedFaultKind Kind, FaultOperations Operations)[] s_faults =
    [
        ("eio", InjectedFaultKind.IoError, FaultOperations.All), ("stall", InjectedFaultKind.Stall, FaultOperations.All),
        ("flip", InjectedFaultKind.Flip, FaultOperations.Write), ("torn", InjectedFaultKind.TornWrite, FaultOperations.Write),
        ("lost", InjectedFaultKind.LostWrite, FaultOperations.Write), ("nospace", InjectedFaultKind.NoSpace, FaultOperations.Write),
        ("vanish", InjectedFaultKind.Vanish, FaultOperations.All),
    ];

    /// <summary>What can be injected into a disk (kind=…).</summary>
    public static IReadOnlyList<string> FaultWords { get; } = [.. s_faults.Select(fault => fault.Word)];

    private long _sinceMs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), _toldProgressMs;
    private (ComponentState, string) _lastState;

    // Of resync or scrub; negative when neither runs.
    private double Progress => _mirror.Resync is { } resync ? resync.Fraction
        : _mirror.ScrubbedRegions is { } regions ? (double)regions / _options.Geometry.RegionCount : -1;

    private void TellProgress()
    {
        if (Progress < 0 || NowMs - _toldProgressMs < 500) return;
        _toldProgressMs = NowMs;
        ((IMirrorHost)this).OnChanged();
    }

    private ComponentState State => (_mirror.Use, _life.IsIsolated) switch
    {
        (CopyUse.Current, _) => _mirror.Resync is null ? ComponentState.Good : ComponentState.Degraded,
        (CopyUse.Rebuilding, _) => ComponentState.Rebuilding,
        (_, true) => ComponentState.Isolated,
        _ => ComponentState.Failed,
    };

    private (ComponentState, bool, string) _standing;

    private void NoteStanding()
    {
        (ComponentState, bool, string) now = (State, _mirror.IsServedByPeer, _mirror.Reason);
        if (now == _standing) return;
        _standing = now;
        Context.Parent.Tell(MachineProtocol.StandingChanged.Instance, Self);
    }

    private DiskStatus BuildStatus()
    {
        ComponentState state = State;
        string reason = state == ComponentState.Degraded ? "bad blocks are being replaced from the other server's copy" : _mirror.Reason;
        if (_lastState != (state, reason)) (_lastState, _sinceMs) = ((state, reason), DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        MirrorCounts counts = _mirror.Counts;
        MirrorProgress? resync = _mirror.Resync;
        return new DiskStatus
        {
            Name = _options.Settings.Name.Disk, State = state, Reason = reason, SinceUnixMs = _sinceMs, CapacityBytes = (ulong)_options.Settings.CapacityBytes,
            ServedByPeer = _mirror.IsServedByPeer, OutOfSyncBytes = resync is null ? 0 : resync.TotalBytes - resync.DoneBytes,
            Requests = counts.Requests, Errors = counts.Errors, Mismatches = counts.BadBlocks, Repaired = counts.Repaired, Progress = Progress,
            ResyncBytesPerSecond = resync?.BytesPerSecond ?? 0, ResyncSecondsLeft = resync?.TimeLeftMs is { } left ? left / 1e3 : -1,
            FromPeer = counts.FromPeer, ResyncedBytes = counts.ResyncedBytes,
            ReadLatency = _latencies.ReadsAt(NowMs), WriteLatency = _latencies.WritesAt(NowMs), FlushLatency = _latencies.FlushesAt(NowMs),
        };
    }

    private CommandProtocol.Outcome OnCommand(CommandProtocol.Command command)
    {
        string disk = $"Disk {_options.Settings.Name.Disk} on {_options.Server}";
        switch (command.Verb)
        {
            case CommandProtocol.Verbs.Isolate:
                return _life.Isolate(Host.CommandRules.TakenOut(command)) is { } refusal ? new(false, $"{disk} {refusal}.")
                    : new(true, $"{disk} is out of service; the other server's copy serves until \"actorft disk repair\".");
            case CommandProtocol.Verbs.Repair:
                return _life.Repair() ? new(true, $"{disk} is opened again and made equal to the other server's copy.")
                    : new(false, $"{disk} is in service ({BuildStatus().State}); there is nothing to repair.");
            case CommandProtocol.Verbs.Scrub:
                return _mirror.BeginScrub() ? new(true, $"{disk} is scrubbed; events tell what is found.")
                    : new(false, $"{disk} cannot be scrubbed now: {(_mirror.ScrubbedRegions is null ? _mirror.Reason : "a scrub runs already")}.");
            case CommandProtocol.Verbs.Inject: return Inject(command.Arguments, disk);
            case CommandProtocol.Verbs.Clear:
                _injected.Clear();
                foreach (FaultInjectingBlockFile file in _faultFiles) file.Clear();
                return new(true, $"{disk} has no injected fault any more.");
            default: return new(false, $"\"{command.Verb}\" is nothing that a disk can do.");
        }
    }

    // kind=WORD, and optionally op=read|write|flush|all, count=N, skip=N, offset=BYTES, length=BYTES. Stays over a reopening until it is cleared.
    private CommandProtocol.Outcome Inject(string[] arguments, string disk)
    {
        Dictionary<string, string> values = [];
        foreach (string argument in arguments)
        {
            string[] parts = argument.Split('=', 2);
            if (parts.Length != 2) return new(false, $"\"{argument}\" is not KEY=VALUE.");
            values[parts[0]] = parts[1];
        }

        string kindWord = values.GetValueOrDefault("kind", "");
        int index = Array.FindIndex(s_faults, fault => fault.Word == kindWord);
        if (index < 0) return new(false, $"A disk's fault is kind={string.Join(", ", FaultWords)}; \"{kindWord}\" is none.");
        FaultOperations? operations = values.GetValueOrDefault("op", "") switch
        {
            "" => s_faults[index].Operations,
            "read" => FaultOperations.Read,
            "write" => FaultOperations.Write,
            "flush" => FaultOperations.Flush,
            "all" => FaultOperations.All,
            _ => null,
        };
        if (operations is null) return new(false, $"op is \"{values["op"]}\"; read, write, flush or all is allowed.");
        if (!TryNumber(values, "count", int.MaxValue, out long count) || !TryNumber(values, "skip", 0, out long skip)
            || !TryNumber(values, "offset", 0, out long offset) || !TryNumber(values, "length", long.MaxValue, out long length))
            return new(false, "count, skip, offset and length are whole numbers, not negative.");
        if (values.Keys.FirstOrDefault(key => key is not ("kind" or "op" or "count" or "skip" or "offset" or "length")) is { } unknown)
            return new(false, $"\"{unknown}\" is not known; kind, op, count, skip, offset and length are.");
        if (_opened is not { ImageFaults: not null } opened) return new(false, $"{disk} takes no faults: it is out of service, or actorft.fault-injection is off.");
        InjectedFault fault = new(s_faults[index].Kind, operations.Value, offset, length, (int)Math.Min(skip, int.MaxValue), (int)Math.Min(count, int.MaxValue));
        Apply(fault, opened);
        if (fault.Count == int.MaxValue) _injected.Add(fault);
        return new(true, $"{disk} has the fault {kindWord} now.");
    }

    // What a device does, both files meet; silent wrongs go to the image, where checksums must find them.
    private void Apply(InjectedFault fault, OpenedCopy opened)
    {
        bool isSilent = fault.Kind is InjectedFaultKind.Flip or InjectedFaultKind.TornWrite or InjectedFaultKind.LostWrite;
        foreach (FaultInjectingBlockFile? file in (FaultInjectingBlockFile?[])[opened.ImageFaults, isSilent ? null : opened.MetadataFaults])
        {
            if (file is null) continue;
            file.Inject(fault);
            if (_faultFiles.Contains(file)) continue;
            _faultFiles.Enqueue(file);
            if (_faultFiles.Count > 64) _faultFiles.Dequeue();
        }
    }

    private static bool TryNumber(Dictionary<string, string> values, string key, long absent, out long number)
    {
        number = absent;
        return !values.TryGetValue(key, out string? text) || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
