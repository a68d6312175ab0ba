using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices;

/// <summary>
/// The "google,goldfish-rtc" real-time clock: nanoseconds since 1970 in two 32-bit halves, and one alarm.
/// Shows the wall clock at power-on plus the round's time plus what the guest moved it by.
/// An alarm fires at the first round at or after its time: time does not pass inside a round.
/// </summary>
internal sealed class GoldfishRtc : IMmioDevice
{
    // Register offsets of the goldfish RTC (Linux drivers/rtc/rtc-goldfish.c is the interface's reference).
    private const ulong TimeLow = 0x00, TimeHigh = 0x04, AlarmLow = 0x08, AlarmHigh = 0x0C;
    private const ulong IrqEnabled = 0x10, ClearAlarm = 0x14, AlarmStatus = 0x18, ClearInterrupt = 0x1C;

    private readonly IMachineClock _clock;
    private readonly IInterruptLine _line;
    private ulong _startWallClockNs; // state: a replica rebuilt from another has that one's

    private ulong _offsetNs;      // what the guest moved the clock by, modulo 2^64
    private uint _latchedHigh;    // reading TIME_LOW latches the other half, so that a pair of reads is one instant
    private ulong _alarmNs;       // in the RTC's own time
    private bool _alarmArmed, _irqEnabled, _irqPending;

    /// <summary>Creates the clock.</summary>
    public GoldfishRtc(IMachineClock clock, IInterruptLine line, ulong startWallClockNs)
    {
        _clock = clock;
        _line = line;
        _startWallClockNs = startWallClockNs;
    }

    /// <inheritdoc/>
    public string Name => "rtc";

    /// <inheritdoc/>
    public ulong WindowBytes => 0x1000;

    private ulong NowNs => unchecked(_startWallClockNs + _clock.TimeNs + _offsetNs);

    /// <summary>When an alarm that would interrupt is due, in the machine's time; <see cref="ulong.MaxValue"/> if there is none.</summary>
    public ulong NextAlarmNs
    {
        get
        {
            if (!_alarmArmed || !_irqEnabled) return ulong.MaxValue;
            ulong now = NowNs, left = _alarmNs > now ? _alarmNs - now : 0;
            return left <= ulong.MaxValue - _clock.TimeNs ? _clock.TimeNs + left : ulong.MaxValue;
        }
    }

    /// <summary>Fires the alarm if it is due. Called at each round's start, after the clock was set.</summary>
    public void OnRoundStart()
    {
        if (_alarmArmed && _alarmNs <= NowNs) FireAlarm();
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int widthBytes)
    {
        if (widthBytes != 4) return 0;
        switch (offset)
        {
            case TimeLow:
                ulong now = NowNs;
                _latchedHigh = (uint)(now >> 32);
                return (uint)now;
            case TimeHigh: return _latchedHigh;
            case AlarmLow: return (uint)_alarmNs;
            case AlarmHigh: return _alarmNs >> 32;
            case IrqEnabled: return _irqEnabled ? 1UL : 0;
            case AlarmStatus: return _alarmArmed ? 1UL : 0;
            default: return 0;
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int widthBytes, ulong value)
    {
        if (widthBytes != 4) return;
        value = (uint)value;
        switch (offset)
        {
            case TimeLow: MoveTo((NowNs & 0xFFFF_FFFF_0000_0000) | value); break;
            case TimeHigh: MoveTo((NowNs & 0xFFFF_FFFF) | (value << 32)); break;
            case AlarmHigh: _alarmNs = (_alarmNs & 0xFFFF_FFFF) | (value << 32); break;
            case AlarmLow: // writing the low half arms it
                _alarmNs = (_alarmNs & 0xFFFF_FFFF_0000_0000) | value;
                _alarmArmed = true;
                OnRoundStart();
                break;
            case IrqEnabled:
                _irqEnabled = (value & 1) != 0;
                UpdateLine();
                break;
            case ClearAlarm: _alarmArmed = false; break;
            case ClearInterrupt:
                _irqPending = false;
                UpdateLine();
                break;
        }
    }

    private void MoveTo(ulong newNowNs) => _offsetNs = unchecked(_offsetNs + newNowNs - NowNs);

    private void FireAlarm()
    {
        _alarmArmed = false;
        _irqPending = true;
        UpdateLine();
    }

    private void UpdateLine() => _line.SetLevel(_irqPending && _irqEnabled);

    /// <inheritdoc/>
    public void Reset()
    {
        _offsetNs = _alarmNs = 0;
        _latchedHigh = 0;
        _alarmArmed = _irqEnabled = _irqPending = false;
        UpdateLine();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Section("RTC ", 2);
        writer.U64(_startWallClockNs);
        writer.U64(_offsetNs);
        writer.U32(_latchedHigh);
        writer.U64(_alarmNs);
        writer.Bool(_alarmArmed);
        writer.Bool(_irqEnabled);
        writer.Bool(_irqPending);
    }

    /// <inheritdoc/>
    public void Restore(ref StateReader reader)
    {
        reader.Section("RTC ", 2);
        _startWallClockNs = reader.U64();
        _offsetNs = reader.U64();
        _latchedHigh = reader.U32();
        _alarmNs = reader.U64();
        _alarmArmed = reader.Bool();
        _irqEnabled = reader.Bool();
        _irqPending = reader.Bool();
    }
}
