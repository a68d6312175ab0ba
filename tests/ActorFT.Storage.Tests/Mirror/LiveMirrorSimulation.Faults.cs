using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror.Live;

namespace ActorFT.Storage.Tests.Mirror;

// What goes wrong, and what may go wrong beside it. One thing at a time is lost for good: while one copy holds wrong data, nothing takes the other away.
internal sealed partial class LiveMirrorSimulation
{
    private static readonly InjectedFaultKind[] s_loud = [InjectedFaultKind.IoError, InjectedFaultKind.NoSpace, InjectedFaultKind.Vanish, InjectedFaultKind.Stall];
    private static readonly InjectedFaultKind[] s_silent = [InjectedFaultKind.Flip, InjectedFaultKind.TornWrite, InjectedFaultKind.LostWrite];

    private Side? _wrong; // holds wrong data, perhaps
    private int? _healedAt; // in the history; what was made before it may still need the other copy
    private bool _isCut;
    internal long Cuts;
    internal readonly long[] Fired = new long[Enum.GetValues<InjectedFaultKind>().Length];

    private bool IsWhole => _isPaired && !_isCut && _sides.All(s => s.IsOn && s.Mirror.Use == CopyUse.Current && s.Mirror.Resync is null);

    private void Fault()
    {
        if (_isQuiet) return;
        ConsiderHealed();
        Side side = _wrong ?? _sides[_random.Next(2)], other = _sides[1 - side.Index];
        int kind = _random.Next(20);
        if (kind < 4) OffAndOn(side, 30 + _random.Next(300));
        else if (kind < 6 && _wrong is null && _sides.All(s => s.IsOn)) BothOff(side, other);
        else if (kind < 9 && _isPaired && !_isCut && _sides.All(s => s.IsOn)) Cut(mayWin: other);
        else if (kind < 14 && IsWhole) Break(side, s_loud[_random.Next(s_loud.Length)]);
        else if (kind < 15 && IsWhole) Isolate(side);
        else if (kind < 17 && IsWhole && _wrong is null) FlipAtRest(side);
        else if (IsWhole && _wrong is null) Lie(side, s_silent[_random.Next(s_silent.Length)]);
        else _wrong?.Mirror.BeginScrub();
        After(60 + _random.Next(400), Fault);
    }

    private void OffAndOn(Side side, int milliseconds)
    {
        if (!side.IsOn) return;
        side.PowerOff();
        After(milliseconds, side.PowerOn);
    }

    private void BothOff(Side side, Side other)
    {
        OffAndOn(side, 30 + _random.Next(200));
        OffAndOn(other, 30 + _random.Next(200));
    }

    // The device says that it fails, or says nothing at all; often something else fails right behind it.
    private void Break(Side side, InjectedFaultKind kind)
    {
        CopyFailures++;
        Say($"side {side.Index}: {kind} injected");
        FaultOperations operations = kind == InjectedFaultKind.IoError ? (FaultOperations)(1 << _random.Next(3)) : FaultOperations.All;
        if (kind == InjectedFaultKind.Stall) side.Stall(60 + _random.Next(200));
        else
        {
            int count = kind == InjectedFaultKind.Vanish ? int.MaxValue : 1 + _random.Next(3);
            side.Inject(new InjectedFault(kind, operations, Count: count), isOfMetadata: kind != InjectedFaultKind.IoError || operations != FaultOperations.Read && _random.Next(3) == 0);
            After(40 + _random.Next(150), side.ClearFaults);
        }

        // While the image cannot be read the other copy is the only one: its loss is a second fault, and only stops the machine.
        if (_wrong is not null || _random.Next(2) == 0) return;
        Side second = _sides[_random.Next(2)];
        After(_random.Next(90), () =>
        {
            if (_isQuiet) return;
            if (_random.Next(2) == 0 && _sides.All(s => s.IsOn)) BothOff(second, _sides[1 - second.Index]);
            else OffAndOn(second, 30 + _random.Next(200));
        });
    }

    private void Isolate(Side side)
    {
        side.Isolate();
        After(30 + _random.Next(200), side.Repair);
    }

    private void FlipAtRest(Side side)
    {
        _wrong = side;
        Fired[(int)InjectedFaultKind.Flip]++;
        Say($"side {side.Index}: a bit flips");
        side.Image.Corrupt(_random.NextInt64(Geometry.CapacityBytes), (byte)(1 << _random.Next(8)));
        side.Mirror.BeginScrub();
    }

    // The device says that it wrote and did not, or wrote something else.
    private void Lie(Side side, InjectedFaultKind kind)
    {
        _wrong = side;
        Say($"side {side.Index}: {kind} injected");
        side.Inject(new InjectedFault(kind, FaultOperations.Write, Count: 1), isOfMetadata: false);
    }

    // A partition: the mirrors hear nothing of each other; one side goes on alone, the other loses the machine (design.md §3 rule 2).
    private void Cut(Side mayWin)
    {
        Cuts++;
        _isCut = true;
        Say("partition");
        After(20 + _random.Next(80), () =>
        {
            if (!_isPaired || _leader < 0) return;
            Side winner = _wrong is null && _random.Next(2) == 0 ? _sides[1 - mayWin.Index] : mayWin;
            if (!winner.IsCurrent && _wrong is null) winner = _sides[1 - winner.Index];
            if (!winner.IsCurrent)
            {
                Fence();
                return;
            }

            Say($"side {winner.Index} won");
            while (winner.Executed < _history.Count) winner.Execute();
            _leader = winner.Index;
            Alone(winner.Index);
            if (_sides[1 - winner.Index].IsOn) _sides[1 - winner.Index].Forget();
        });
        After(120 + _random.Next(300), () => _isCut = false);
    }

    // Armed faults are taken back where they would take the last copy: that is two faults, and not what is shown here.
    private void Disarm()
    {
        foreach (Side side in _sides)
            if (side.IsOn && side.IsArmed && !(_isPaired && _sides[1 - side.Index] is { IsOn: true, Mirror.Use: CopyUse.Current })) side.ClearFaults();
    }

    private void ConsiderHealed()
    {
        if (_wrong is not { } wrong) return;
        if (_healedAt is null && IsHealed(wrong)) _healedAt = wrong.Executed;
        if (_healedAt is { } at && _sides.All(s => s.IsOn && s.Executed >= at && !s.Pending.Any(i => i < at))) (_wrong, _healedAt) = (null, null);
    }

    private bool IsHealed(Side side)
    {
        if (!side.IsOn || side.IsArmed || side.Copy is not { } copy || side.Mirror.Use != CopyUse.Current || side.Mirror.Resync is not null) return false;
        for (int region = 0; region < Geometry.RegionCount; region++) if (copy.CheckRegion(region).Any(check => !check.IsGood)) return false;
        Healed++;
        return true;
    }

    // Once faults have ended: what is wrong is found by a scrub, and both copies become complete.
    private void Calm()
    {
        _isQuiet = true;
        _isCut = false;
        foreach (Side side in _sides) side.Calm();
        long limit = _nowMs + 60_000;
        while (!(IsWhole && (_wrong is null || IsHealed(_wrong))))
        {
            Advance(50);
            if (_wrong is { } wrong && IsWhole) wrong.Mirror.BeginScrub();
            if (_nowMs > limit) throw new MirrorRuleBrokenException($"both copies become equal once faults end (they stay {_sides[0].Mirror.Use} and {_sides[1].Mirror.Use}, {(_isPaired ? "paired" : "not paired")}; {_sides[0].Mirror.Reason}; {_sides[1].Mirror.Reason})");
        }

        _wrong = null;
    }
}
