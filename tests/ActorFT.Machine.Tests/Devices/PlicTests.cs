using ActorFT.Machine.Devices;
using Xunit;

namespace ActorFT.Machine.Tests.Devices;

public sealed class PlicTests : DeviceContract
{
    private const ulong Pending = 0x1000;

    private readonly Plic _plic = new(2);

    private static ulong Priority(int source) => 4UL * (ulong)source;

    private static ulong Enable(int hart, int word = 0) => 0x2000UL + 0x80UL * (ulong)hart + 4UL * (ulong)word;

    private static ulong Threshold(int hart) => 0x20_0000UL + 0x1000UL * (ulong)hart;

    private static ulong ClaimComplete(int hart) => Threshold(hart) + 4;

    private int Claim(int hart) => (int)_plic.Read(ClaimComplete(hart), 4);

    private void Complete(int hart, int source) => _plic.Write(ClaimComplete(hart), 4, (ulong)source);

    private void Prepare(int source, int priority, params int[] harts)
    {
        _plic.Write(Priority(source), 4, (ulong)priority);
        foreach (int hart in harts)
        {
            ulong word = _plic.Read(Enable(hart, source / 32), 4);
            _plic.Write(Enable(hart, source / 32), 4, word | (1UL << (source % 32)));
        }
    }

    [Fact]
    public void ExternalPending_EnabledSourceAboveThreshold_IsHighForThatHartOnly()
    {
        Prepare(10, 1, 1);
        _plic.Line(10).SetLevel(true);
        Assert.False(_plic.ExternalPending(0));
        Assert.True(_plic.ExternalPending(1));
        Assert.Equal(1UL << 10, _plic.Read(Pending, 4));
    }

    [Theory]
    [InlineData(3, 2, true)]
    [InlineData(3, 3, false)]
    [InlineData(3, 7, false)]
    [InlineData(0, 0, false)]
    [InlineData(7, 6, true)]
    public void ExternalPending_PriorityAgainstThreshold_InterruptsOnlyAboveIt(int priority, int threshold, bool expected)
    {
        Prepare(40, priority, 0);
        _plic.Write(Threshold(0), 4, (ulong)threshold);
        _plic.Line(40).SetLevel(true);
        Assert.Equal(expected, _plic.ExternalPending(0));
    }

    [Fact]
    public void Claim_SeveralPending_GivesHighestPriorityThenLowestNumber()
    {
        Prepare(5, 2, 0);
        Prepare(6, 7, 0);
        Prepare(33, 7, 0);
        foreach (int source in (int[])[33, 5, 6]) _plic.Line(source).SetLevel(true);
        Assert.Equal(6, Claim(0));
        Assert.Equal(33, Claim(0));
        Assert.Equal(5, Claim(0));
        Assert.Equal(0, Claim(0));
        Assert.False(_plic.ExternalPending(0));
    }

    [Fact]
    public void Claim_BelowThreshold_StillGivesTheSource()
    {
        Prepare(5, 1, 0);
        _plic.Write(Threshold(0), 4, 7);
        _plic.Line(5).SetLevel(true);
        Assert.False(_plic.ExternalPending(0));
        Assert.Equal(5, Claim(0));
    }

    [Fact]
    public void Claim_SourceEnabledOnTwoHarts_GoesToTheFirstThatClaims()
    {
        Prepare(9, 4, 0, 1);
        _plic.Line(9).SetLevel(true);
        Assert.True(_plic.ExternalPending(0) && _plic.ExternalPending(1));
        Assert.Equal(9, Claim(1));
        Assert.False(_plic.ExternalPending(0) || _plic.ExternalPending(1));
        Assert.Equal(0, Claim(0));
    }

    [Fact]
    public void Complete_LineStillHigh_MakesItPendingAgain()
    {
        Prepare(9, 4, 0);
        _plic.Line(9).SetLevel(true);
        Assert.Equal(9, Claim(0));
        Assert.False(_plic.ExternalPending(0));
        Complete(0, 9);
        Assert.True(_plic.ExternalPending(0));
        Assert.Equal(9, Claim(0));
    }

    [Fact]
    public void Complete_LineFellMeanwhile_StaysQuiet()
    {
        Prepare(9, 4, 0);
        _plic.Line(9).SetLevel(true);
        Claim(0);
        _plic.Line(9).SetLevel(false);
        Complete(0, 9);
        Assert.False(_plic.ExternalPending(0));
        Assert.Equal(0, Claim(0));
    }

    [Fact]
    public void Line_RisesWhileInService_IsHeldByTheGatewayUntilCompletion()
    {
        Prepare(9, 4, 0);
        IInterruptLine line = _plic.Line(9);
        line.SetLevel(true);
        Claim(0);
        line.SetLevel(false);
        line.SetLevel(true);
        Assert.Equal(0UL, _plic.Read(Pending, 4));
        Complete(0, 9);
        Assert.Equal(9, Claim(0));
    }

    [Fact]
    public void Line_FallsBeforeTheClaim_RequestRemains()
    {
        Prepare(9, 4, 0);
        _plic.Line(9).SetLevel(true);
        _plic.Line(9).SetLevel(false);
        Assert.Equal(9, Claim(0));
    }

    [Fact]
    public void Complete_SourceNotEnabledForTheContext_IsIgnored()
    {
        Prepare(9, 4, 0);
        _plic.Line(9).SetLevel(true);
        Claim(0);
        Complete(1, 9);
        Assert.Equal(0UL, _plic.Read(Pending, 4));
        Complete(0, 64);
        Complete(0, 0);
        Assert.Equal(0UL, _plic.Read(Pending, 4));
        Complete(0, 9);
        Assert.Equal(9, Claim(0));
    }

    [Fact]
    public void Registers_SourceZeroAndBeyondTheLast_AreHardwiredToZero()
    {
        _plic.Write(Priority(0), 4, 7);
        _plic.Write(Priority(64), 4, 7);
        _plic.Write(Enable(0), 4, uint.MaxValue);
        _plic.Write(Enable(0, 1), 4, uint.MaxValue);
        _plic.Write(Enable(0, 2), 4, uint.MaxValue);
        _plic.Write(Enable(2), 4, uint.MaxValue); // a hart that does not exist
        _plic.Write(Threshold(2), 4, 3);
        _plic.Write(Pending, 4, uint.MaxValue);
        Assert.Equal(0UL, _plic.Read(Priority(0), 4));
        Assert.Equal(0UL, _plic.Read(Priority(64), 4));
        Assert.Equal(0xFFFF_FFFEUL, _plic.Read(Enable(0), 4));
        Assert.Equal(0xFFFF_FFFFUL, _plic.Read(Enable(0, 1), 4));
        Assert.Equal(0UL, _plic.Read(Enable(0, 2), 4));
        Assert.Equal(0UL, _plic.Read(Enable(2), 4));
        Assert.Equal(0UL, _plic.Read(Threshold(2), 4));
        Assert.Equal(0UL, _plic.Read(Pending, 4));
    }

    [Fact]
    public void Registers_PriorityAndThreshold_KeepThreeBits()
    {
        _plic.Write(Priority(1), 4, 0xFFFF_FFFF);
        _plic.Write(Threshold(1), 4, 0xFFFF_FFFD);
        Assert.Equal(7UL, _plic.Read(Priority(1), 4));
        Assert.Equal(5UL, _plic.Read(Threshold(1), 4));
    }

    [Fact]
    public void Registers_OtherWidths_ReadZeroAndWriteNothing()
    {
        foreach (int width in (int[])[1, 2, 8])
        {
            _plic.Write(Priority(2), width, 5);
            Assert.Equal(0UL, _plic.Read(Priority(2), 4));
        }
        _plic.Write(Priority(2), 4, 5);
        Assert.Equal(0UL, _plic.Read(Priority(2), 8));
    }

    [Fact]
    public void ExternalPendingChanged_EveryChange_IsToldOnce()
    {
        List<string> changes = [];
        _plic.ExternalPendingChanged = (hart, level) => changes.Add($"{hart}:{level}");
        Prepare(3, 1, 0, 1);
        _plic.Line(3).SetLevel(true);
        _plic.Line(3).SetLevel(true);
        Claim(0);
        _plic.Line(3).SetLevel(false);
        Complete(0, 3);
        Assert.Equal(["0:True", "1:True", "0:False", "1:False"], changes);
    }

    [Fact]
    public void ExternalPending_EveryOperationAtRandom_AgreesWithAPlainModel()
    {
        var random = new Random(7);
        var model = new PlicModel(2);
        for (int i = 0; i < 20_000; i++)
        {
            int source = random.Next(1, 64), hart = random.Next(2), value = random.Next(8);
            switch (random.Next(6))
            {
                case 0: _plic.Write(Priority(source), 4, (ulong)value); model.Priority[source] = value; break;
                case 1: _plic.Write(Threshold(hart), 4, (ulong)value); model.Threshold[hart] = value; break;
                case 2:
                    ulong bit = 1UL << (source % 32), word = _plic.Read(Enable(hart, source / 32), 4);
                    bool on = random.Next(3) != 0;
                    _plic.Write(Enable(hart, source / 32), 4, on ? word | bit : word & ~bit);
                    model.Enabled[hart][source] = on;
                    break;
                case 3: bool level = random.Next(2) == 0; _plic.Line(source).SetLevel(level); model.SetLevel(source, level); break;
                case 4: Assert.Equal(model.Claim(hart), Claim(hart)); break;
                default: Complete(hart, source); model.Complete(hart, source); break;
            }
            for (int h = 0; h < 2; h++) Assert.Equal(model.External(h), _plic.ExternalPending(h));
        }
        Assert.True(model.Claims > 500, $"Only {model.Claims} claims found something: the sequence shows little.");
    }

    [Fact]
    public void Restore_StateOfAMachineWithOtherHarts_IsRefused()
    {
        var writer = new State.StateWriter();
        new Plic(3).Save(writer);
        Assert.Throws<State.StateFormatException>(() =>
        {
            var reader = new State.StateReader(writer.Written);
            _plic.Restore(ref reader);
        });
    }

    /// <summary>The specification written as slowly and plainly as possible.</summary>
    private sealed class PlicModel(int harts)
    {
        private readonly bool[] _level = new bool[64], _pending = new bool[64], _inService = new bool[64];

        public int[] Priority { get; } = new int[64];

        public int[] Threshold { get; } = new int[harts];

        public bool[][] Enabled { get; } = [.. Enumerable.Range(0, harts).Select(_ => new bool[64])];

        public int Claims { get; private set; }

        public void SetLevel(int source, bool level)
        {
            _level[source] = level;
            if (level && !_inService[source]) _pending[source] = true;
        }

        public int Claim(int hart)
        {
            int best = 0;
            for (int source = 1; source < 64; source++)
                if (_pending[source] && Enabled[hart][source] && Priority[source] > (best == 0 ? 0 : Priority[best])) best = source;
            if (best == 0) return 0;
            _pending[best] = false;
            _inService[best] = true;
            Claims++;
            return best;
        }

        public void Complete(int hart, int source)
        {
            if (!Enabled[hart][source]) return;
            _inService[source] = false;
            if (_level[source]) _pending[source] = true;
        }

        public bool External(int hart) =>
            Enumerable.Range(1, 63).Any(source => _pending[source] && Enabled[hart][source] && Priority[source] > Threshold[hart]);
    }

    private protected override DeviceBench PowerOn() => new Bench();

    private sealed class Bench : DeviceBench
    {
        private readonly Plic _plic = new(2);
        private readonly List<string> _observed = [];

        public Bench() => _plic.ExternalPendingChanged = (hart, level) => _observed.Add($"hart {hart}: {level}");

        public override IMmioDevice Device => _plic;

        public override DeviceBench Fresh() => new Bench();

        public override void Drive(Random random)
        {
            for (int i = 0; i < 20; i++)
            {
                int source = random.Next(1, 64), hart = random.Next(2);
                switch (random.Next(6))
                {
                    case 0: _plic.Line(source).SetLevel(random.Next(2) == 0); break;
                    case 1: _plic.Write(Priority(source), 4, (ulong)random.Next(8)); break;
                    case 2: _plic.Write(Threshold(hart), 4, (ulong)random.Next(3)); break;
                    case 3: _plic.Write(Enable(hart, random.Next(2)), 4, (uint)random.Next() | 0x8000_0000); break;
                    case 4: _observed.Add($"claim {_plic.Read(ClaimComplete(hart), 4)}"); break;
                    default: _plic.Write(ClaimComplete(hart), 4, (ulong)source); break;
                }
            }
            _observed.Add($"{_plic.ExternalPending(0)} {_plic.ExternalPending(1)}");
        }

        public override IReadOnlyList<string> TakeObservations()
        {
            string[] taken = [.. _observed];
            _observed.Clear();
            return taken;
        }
    }
}
