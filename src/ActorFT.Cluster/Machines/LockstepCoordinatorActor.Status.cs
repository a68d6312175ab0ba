using ActorFT.Cluster.Messages;
using ActorFT.Cluster.Status;
using ActorFT.Lockstep.Protocol;
using ActorFT.Machine;
using ActorFT.Machine.IO;

namespace ActorFT.Cluster.Machines;

// What others see of the replica: status, faults, commands.
public sealed partial class LockstepCoordinatorActor
{
    private const int MaxHoldSamples = 4096;

    private readonly Dictionary<MachineOutput, ulong> _heldSince = new(ReferenceEqualityComparer.Instance);
    private readonly List<double> _holdMs = []; // since the last status, the latest
    private int _oldestHold;
    private KeyValuePair<string, object?> MachineLabel => new("machine", _options.Identity.Machine);
    private int _failovers, _divergences;
    private long _logBytes, _logBytesBefore, _retiredBefore, _outputsReleased;
    private ulong _statusNs, _stateSinceMs;
    private (ComponentState State, string Reason) _lastState = (ComponentState.Transitioning, "starting");

    private void NoteOutputs(List<MachineOutput> outputs)
    {
        if (outputs.Count == 0) return;
        ulong now = Now;
        foreach (MachineOutput output in outputs)
            if (output is FrameTransmitted or ConsoleWritten) _heldSince[output] = now;
    }

    private void NoteReleased(MachineOutput output)
    {
        _outputsReleased++;
        if (!_heldSince.Remove(output, out ulong since)) return;
        double heldMs = (Now - since) / 1e6;
        if (_holdMs.Count < MaxHoldSamples) _holdMs.Add(heldMs);
        else _holdMs[_oldestHold++ % MaxHoldSamples] = heldMs;
        ClusterMeters.OutputHold.Record(heldMs / 1e3, MachineLabel);
    }

    private MachineStatus BuildStatus()
    {
        ReplicaStatus status = _protocol.Status;
        ulong now = Now;
        double seconds = Math.Max((now - _statusNs) / 1e9, 1e-3);
        _holdMs.Sort();
        (ComponentState state, string reason) = Judge(status);
        if (state != _lastState.State) _stateSinceMs = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        _lastState = (state, reason);
        MachineStatus built = new()
        {
            Name = _options.Identity.Machine,
            State = state,
            Reason = reason,
            SinceUnixMs = (long)_stateSinceMs,
            Role = status.Role.ToString(),
            Detail = status.Detail,
            Term = status.Configuration?.Term ?? 0,
            Leader = status.Configuration?.Leader.Server ?? "",
            Follower = status.Configuration?.Follower?.Server ?? "",
            Protected = status.IsDuplex && _disks.AreMirrored,
            PeerLeftOut = status.Role == ReplicaRoleName.Leading && _protocol.IsPeerLeftOut,
            Commit = _options.Settings.Commit == CommitMode.Verified ? "verified" : "received",
            Power = (_machine?.Power ?? MachinePower.Running).ToString(),
            Round = _machine?.RoundNumber ?? 0,
            TimeNs = _machine?.TimeNs ?? 0,
            LagNs = status.LagNs,
            HeldBytes = status.HeldBytes,
            BufferedRecords = status.BufferedRecords,
            PacePercent = status.PacePercent,
            InstructionsPerSecond = (_retired - _retiredBefore) / seconds,
            LogBytesPerSecond = (_logBytes - _logBytesBefore) / seconds,
            LogBytes = _logBytes,
            OutputsReleased = _outputsReleased,
            HoldP50Ms = Percentile(0.50),
            HoldP99Ms = Percentile(0.99),
            Failovers = _failovers,
            Divergences = _divergences,
            Resync = Resync,
            LastResyncMs = _resyncTookNs / 1e6,
            LastResyncPauseMs = _resyncTookNs == 0 ? 0 : _resyncPauseNs / 1e6,
            LastResyncBytes = _lastResyncBytes,
            Vcpus = [.. _parts.Meters.Select((meter, i) => new VcpuStatus(i, _machine is null ? ComponentState.Offline : ComponentState.Good,
                _machine is null ? "the replica does not run" : "", meter.Retired, meter.LastEnd.ToString()))],
        };
        (_statusNs, _retiredBefore, _logBytesBefore) = (now, _retired, _logBytes);
        _holdMs.Clear();
        _oldestHold = 0;
        return built;
    }

    /// <summary>How long protection, or its lack, must last before it is told: a leader that was frozen does not know for a moment.</summary>
    private const ulong ProtectionSettlesNs = 100_000_000;

    private (bool IsLeading, bool IsDuplex) _protection, _toldProtection;
    private ulong _protectionSinceNs;

    // The leader tells when the machine becomes protected, and when it is exposed.
    private void NoteProtection()
    {
        ReplicaStatus status = _protocol.Status;
        // Disks are a part of being protected; a copy that fails later is told by itself.
        bool isDuplex = status.IsDuplex && (_disks.AreMirrored || _toldProtection.IsDuplex);
        (bool, bool) now = (status.Role == ReplicaRoleName.Leading, isDuplex);
        // A term rises without a new Lead or Follow when a follower is taken in or left out: what the NICs agreed on ends with the old one.
        if (_mode != Mode.None && NicRouting.RoleIn(status.Configuration, _options.Identity.Self) is { } role)
            foreach (NicPort port in _parts.NicPorts) port.SetRole(role, status.Configuration!.Term);
        if (now != _protection) (_protection, _protectionSinceNs) = (now, Now);
        if (_protection == _toldProtection || Now - _protectionSinceNs < ProtectionSettlesNs) return;
        _toldProtection = _protection;
        if (_protection.IsLeading)
        {
            if (status.IsDuplex) NoteResyncDone();
            string machine = _options.Identity.Machine;
            _options.Faults.Tell(status.IsDuplex
                ? new FaultProtocol.Report("protected", FaultSeverity.Info, machine, "lockstep", $"Machine {machine} is protected: {status.Configuration}.", "", null, "exposed")
                : new FaultProtocol.Report("exposed", FaultSeverity.Warning, machine, "lockstep", $"Machine {machine} runs on {_options.Identity.Self.Server} alone: a second fault would stop it.", "the other server is taken in again as soon as it can be"), Self);
        }
    }

    private (ReplicaRoleName, ulong, bool, bool, bool, bool, MachinePower?) _standing;

    // What is told in words: other nodes and whoever watches see a change of it now, not at the status' next turn.
    private void NoteStanding()
    {
        ReplicaStatus status = _protocol.Status;
        (ReplicaRoleName, ulong, bool, bool, bool, bool, MachinePower?) now =
            (status.Role, status.Configuration?.Term ?? 0, status.IsDuplex, _disks.AreMirrored, status.IsHeldUp, _protocol.IsPeerLeftOut, _machine?.Power);
        if (now == _standing) return;
        _standing = now;
        Context.Parent.Tell(MachineProtocol.StandingChanged.Instance, Self);
    }

    private double Percentile(double part) => _holdMs.Count == 0 ? 0 : _holdMs[(int)((_holdMs.Count - 1) * part)];

    private (ComponentState, string) Judge(ReplicaStatus status)
    {
        if (status.Role == ReplicaRoleName.Joining)
            return _machine is not null ? (ComponentState.Rebuilding, status.Detail) : (ComponentState.Transitioning, status.Detail);
        if (_machine is { Power: MachinePower.Off or MachinePower.Failed }) return (ComponentState.Offline, "the guest shut down");
        if (status.IsHeldUp) return (ComponentState.Failed, status.Detail);
        if (status.IsDuplex && !_disks.AreMirrored) return (ComponentState.Degraded, DisksSentence);
        return status.IsDuplex ? (ComponentState.Good, "")
            : (ComponentState.Degraded, status.Role == ReplicaRoleName.Leading ? $"exposed: {status.Detail}" : status.Detail);
    }

    private const ulong WaitingIsToldAfterNs = 3_000_000_000, RepetitionNs = 60_000_000_000;
    private string _waitsFor = "", _toldWaitsFor = "";
    private ulong _waitsSinceNs;
    private (string Message, ulong AtNs)[] _refusals = [];

    // A server that waits says what for, once it has waited a while.
    private void NoteWaiting()
    {
        ReplicaStatus status = _protocol.Status;
        string waitsFor = status.Role == ReplicaRoleName.Joining && _machine is null ? status.Detail : "";
        if (waitsFor != _waitsFor) (_waitsFor, _waitsSinceNs) = (waitsFor, Now);
        if (waitsFor.Length == 0) _toldWaitsFor = "";
        if (waitsFor == _toldWaitsFor || Now - _waitsSinceNs < WaitingIsToldAfterNs) return;
        _toldWaitsFor = waitsFor;
        ReportEvent("waiting", FaultSeverity.Warning, $"{_options.Identity.Self.Server} does not run machine {_options.Identity.Machine} yet: {waitsFor}.");
    }

    // Each hello of a peer that does not fit is refused; an operator is told once a minute.
    private bool IsRepetition(ProtocolFault fault)
    {
        if (fault.Kind != ProtocolFaultKind.PeerRefused) return false;
        _refusals = [.. _refusals.Where(told => Now - told.AtNs < RepetitionNs).TakeLast(7)];
        if (_refusals.Any(told => told.Message == fault.Message)) return true;
        _refusals = [.. _refusals, (fault.Message, Now)];
        return false;
    }

    private void Report(ProtocolFault fault)
    {
        if (IsRepetition(fault)) return;
        if (fault.Kind == ProtocolFaultKind.Divergence) _divergences++;
        string kind = string.Concat(fault.Kind.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "-") + char.ToLowerInvariant(c) : c.ToString()));
        FaultSeverity severity = fault.Kind switch
        {
            ProtocolFaultKind.Divergence or ProtocolFaultKind.MemoryChanged or ProtocolFaultKind.PeerLeftOut or ProtocolFaultKind.TransferFailed => FaultSeverity.Error,
            ProtocolFaultKind.ArbiterUnreachable or ProtocolFaultKind.CannotBoot or ProtocolFaultKind.ActingWithoutArbiter or ProtocolFaultKind.MemoryCorrupt => FaultSeverity.Critical,
            _ => FaultSeverity.Warning,
        };
        string[] evidence = [$"term {fault.Term}, round {fault.Round}",
            .. fault.Own.IsDefaultOrEmpty ? [] : fault.Own.Select(part => $"own {part.Component} {part.Digest}"),
            .. fault.Peer.IsDefaultOrEmpty ? [] : fault.Peer.Select(part => $"peer {part.Component} {part.Digest}")];
        _options.Faults.Tell(new FaultProtocol.Report(kind, severity, _options.Identity.Machine, "lockstep", fault.Message, "", evidence), Self);
        if (fault.Kind is ProtocolFaultKind.Divergence or ProtocolFaultKind.MemoryChanged or ProtocolFaultKind.MemoryCorrupt) DivergenceDump.Write(_options.DataDirectory, kind, fault);
    }

    private void Report(string kind, FaultSeverity severity, string component, string message) =>
        _options.Faults.Tell(new FaultProtocol.Report(kind, severity, _options.Identity.Machine, component, message), Self);

    private void ReportEvent(string kind, FaultSeverity severity, string message) => Report(kind, severity, "lockstep", message);

    private CommandProtocol.Outcome OnCommand(CommandProtocol.Command command)
    {
        string machine = _options.Identity.Machine, server = _options.Identity.Self.Server;
        ReplicaStatus status = _protocol.Status;
        switch (command.Verb)
        {
            case CommandProtocol.Verbs.FailOver:
                if (status.Role != ReplicaRoleName.Leading) return new(false, $"{server} does not lead machine {machine}.");
                if (status.IsDuplex && !_disks.ArePeersCurrent)
                    return new(false, $"Machine {machine} cannot be handed over now: {DisksSentence}.");
                if (!status.IsDuplex) return new(false, $"Machine {machine} is not protected now ({status.Detail}): there is nobody to hand it over to.");
                Feed(new HandOverRequested(Now));
                return new(true, $"{server} hands machine {machine} over to {_options.Identity.PeerServer}.");
            case CommandProtocol.Verbs.Protect:
                Feed(new PeerAllowed(Now));
                return new(true, $"{_options.Identity.PeerServer} may take part in machine {machine} again.");
            case CommandProtocol.Verbs.Leave:
                Feed(new LeaveRequested(Now));
                return status is { Role: ReplicaRoleName.Leading, IsDuplex: false } ? new(false, $"{server} cannot leave: it runs the only copy of machine {machine}.")
                    : new(true, $"{server} leaves machine {machine}.");
            case CommandProtocol.Verbs.Return:
                Feed(new AvailabilityChanged(Now, true));
                return new(true, $"{server} takes part in machine {machine} again.");
            case CommandProtocol.Verbs.Isolate:
                // Carried out by the server that goes on; which one is meant is told (HostActor).
                if (status.Role != ReplicaRoleName.Leading)
                    return new(false, $"{_options.Identity.PeerServer} leads machine {machine}, so it cannot be taken out: hand the machine over first (actorft failover {machine}).");
                if (!_areDisksCurrent) return new(false, $"{_options.Identity.PeerServer} cannot be taken out of machine {machine}: it has the only complete disks ({DisksSentence}).");
                Feed(new IsolatePeerRequested(Now, "an operator asked for it"));
                return new(true, $"{_options.Identity.PeerServer} is taken out of machine {machine} until \"actorft protect {machine}\"; {server} runs it alone.");
            case CommandProtocol.Verbs.ForceStart:
                Feed(new ColdStartForced(Now));
                return new(true, $"Machine {machine} boots on {server} if the arbiter allows it.");
            case CommandProtocol.Verbs.Inject: return FlipBit();
            default: return new(false, $"\"{command.Verb}\" is nothing that machine {machine} can do.");
        }
    }

    // Drills: a flipped bit in this replica's memory, which digests must find.
    private CommandProtocol.Outcome FlipBit()
    {
        if (_machine is null) return new(false, $"The replica of machine {_options.Identity.Machine} does not run on {_options.Identity.Self.Server}.");
        _machine.Memory.FlipBit(_machine.Memory.PageCount / 2);
        return new(true, $"A bit of the memory of {_options.Identity.Self.Server}'s replica was flipped.");
    }
}
