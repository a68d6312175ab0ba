using ActorFT.Machine.Devices;
using Xunit;

namespace ActorFT.Machine.Tests.Devices;

public sealed class GoldfishRtcTests : DeviceContract
{
    private const ulong TimeLow = 0x00, TimeHigh = 0x04, AlarmLow = 0x08, AlarmHigh = 0x0C;
    private const ulong IrqEnabled = 0x10, ClearAlarm = 0x14, AlarmStatus = 0x18, ClearInterrupt = 0x1C;
    private const ulong Start = 1_790_000_000_123_456_789;

    private readonly ManualClock _clock = new();
    private readonly RecordingLine _line = new();
    private readonly GoldfishRtc _rtc;

    public GoldfishRtcTests() => _rtc = new GoldfishRtc(_clock, _line, Start);

    private ulong Now() => _rtc.Read(TimeLow, 4) | (_rtc.Read(TimeHigh, 4) << 32);

    private void SetAlarm(ulong at)
    {
        _rtc.Write(AlarmHigh, 4, at >> 32);
        _rtc.Write(AlarmLow, 4, (uint)at);
        _rtc.Write(IrqEnabled, 4, 1);
    }

    private void Round(ulong timeNs)
    {
        _clock.TimeNs = timeNs;
        _rtc.OnRoundStart();
    }

    [Fact]
    public void Time_IsTheStartWallClockPlusTheRoundsTime()
    {
        Assert.Equal(Start, Now());
        Round(5_000_000_000);
        Assert.Equal(Start + 5_000_000_000, Now());
    }

    [Fact]
    public void Time_LowThenHighAcrossACarry_IsOneInstant()
    {
        _clock.TimeNs = 0xFFFF_FFFF - (Start & 0xFFFF_FFFF);
        ulong low = _rtc.Read(TimeLow, 4);
        Assert.Equal(0xFFFF_FFFFUL, low);
        _clock.TimeNs++;
        Assert.Equal(Start >> 32, _rtc.Read(TimeHigh, 4));
    }

    [Fact]
    public void Time_SetByTheGuest_RunsOnFromThere()
    {
        Round(1000);
        ulong wanted = 1_000_000_000_000_000_000;
        _rtc.Write(TimeHigh, 4, wanted >> 32);
        _rtc.Write(TimeLow, 4, (uint)wanted);
        Assert.Equal(wanted, Now());
        Round(1500);
        Assert.Equal(wanted + 500, Now());
    }

    [Fact]
    public void Alarm_AtItsTime_RaisesTheLineAtTheFirstRoundNotBefore()
    {
        SetAlarm(Start + 1000);
        Assert.Equal(1UL, _rtc.Read(AlarmStatus, 4));
        Assert.Equal(1000UL, _rtc.NextAlarmNs);
        Round(999);
        Assert.False(_line.Level);
        Round(1000);
        Assert.True(_line.Level);
        Assert.Equal(0UL, _rtc.Read(AlarmStatus, 4));
        Assert.Equal(ulong.MaxValue, _rtc.NextAlarmNs);
        _rtc.Write(ClearInterrupt, 4, 1);
        Assert.False(_line.Level);
    }

    [Fact]
    public void Alarm_InThePast_FiresAtOnce()
    {
        Round(1000);
        SetAlarm(Start + 1);
        Assert.True(_line.Level);
    }

    [Fact]
    public void Alarm_Cleared_NeverFires()
    {
        SetAlarm(Start + 1000);
        _rtc.Write(ClearAlarm, 4, 1);
        Assert.Equal(ulong.MaxValue, _rtc.NextAlarmNs);
        Round(2000);
        Assert.False(_line.Level);
    }

    [Fact]
    public void Alarm_InterruptOff_DoesNotWakeTheMachineAndPendsUntilEnabled()
    {
        SetAlarm(Start + 1000);
        _rtc.Write(IrqEnabled, 4, 0);
        Assert.Equal(ulong.MaxValue, _rtc.NextAlarmNs);
        Round(2000);
        Assert.False(_line.Level);
        _rtc.Write(IrqEnabled, 4, 1);
        Assert.True(_line.Level);
    }

    [Fact]
    public void NextAlarm_ClockSetByTheGuest_FollowsTheGuestsTime()
    {
        SetAlarm(Start + 1000);
        ulong moved = Start + 400;
        _rtc.Write(TimeHigh, 4, moved >> 32);
        _rtc.Write(TimeLow, 4, (uint)moved);
        Assert.Equal(600UL, _rtc.NextAlarmNs);
    }

    [Fact]
    public void NextAlarm_BeyondAllTime_IsNever()
    {
        Round(10);
        SetAlarm(ulong.MaxValue);
        Assert.Equal(ulong.MaxValue - Start, _rtc.NextAlarmNs);
        _rtc.Write(TimeHigh, 4, 0);
        _rtc.Write(TimeLow, 4, 0);
        Assert.Equal(ulong.MaxValue, _rtc.NextAlarmNs);
    }

    private protected override DeviceBench PowerOn() => new Bench(new ManualClock());

    private sealed class Bench : DeviceBench
    {
        private readonly ManualClock _clock;
        private readonly RecordingLine _line = new();
        private readonly GoldfishRtc _rtc;
        private readonly List<string> _observed = [];

        public Bench(ManualClock clock)
        {
            _clock = clock;
            _rtc = new GoldfishRtc(clock, _line, Start);
        }

        public override IMmioDevice Device => _rtc;

        public override DeviceBench Fresh() => new Bench(new ManualClock { TimeNs = _clock.TimeNs });

        public override void Drive(Random random)
        {
            ulong offset = 4UL * (ulong)random.Next(8);
            if (random.Next(2) == 0) _rtc.Write(offset, 4, (uint)random.Next());
            else _rtc.Write(AlarmLow, 4, (uint)(Start + _clock.TimeNs + (ulong)random.Next(3000)));
            _clock.TimeNs += (ulong)random.Next(2000);
            _rtc.OnRoundStart();
            _observed.Add($"{_rtc.Read(offset, 4)} {_rtc.NextAlarmNs}");
        }

        public override IReadOnlyList<string> TakeObservations()
        {
            string[] taken = [.. _observed, .. _line.Calls];
            _observed.Clear();
            _line.Calls.Clear();
            return taken;
        }
    }
}
