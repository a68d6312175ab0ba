using ActorFT.Machine.Devices;
using ActorFT.Machine.IO;
using Xunit;

namespace ActorFT.Machine.Tests.Devices;

public sealed class Uart16550Tests : DeviceContract
{
    private const ulong Rbr = 0, Thr = 0, Dll = 0, Ier = 1, Dlm = 1, Iir = 2, Fcr = 2, Lcr = 3, Mcr = 4, Lsr = 5, Msr = 6, Scr = 7;

    private readonly RecordingLine _line = new();
    private readonly OutputList _outputs = new();
    private readonly Uart16550 _uart;

    public Uart16550Tests() => _uart = new Uart16550(_line, _outputs);

    private int In(ulong register) => (int)_uart.Read(register, 1);

    private void Out(ulong register, int value) => _uart.Write(register, 1, (ulong)value);

    private static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)i)];

    [Fact]
    public void Transmit_BytesOfOneRound_LeaveAsOneOutputAtFlush()
    {
        foreach (byte value in "hello"u8) Out(Thr, value);
        _uart.WriteFromFirmware(" world"u8);
        Assert.Empty(_outputs.Outputs);
        _uart.Flush();
        _uart.Flush();
        ConsoleWritten written = Assert.IsType<ConsoleWritten>(Assert.Single(_outputs.Outputs));
        Assert.Equal(0, written.ConsoleIndex);
        Assert.Equal("hello world"u8.ToArray(), written.Bytes.ToArray());
    }

    [Fact]
    public void Transmit_MoreThanTheBuffer_LosesNothingAndStaysBounded()
    {
        byte[] much = new byte[200_000];
        new Random(1).NextBytes(much);
        _uart.WriteFromFirmware(much);
        Assert.Equal(3, _outputs.Outputs.Count);
        _uart.Flush();
        Assert.Equal(much, _outputs.ConsoleBytes);
    }

    [Fact]
    public void FirmwareConsole_MoreThanARoundMayCarry_TakesWhatFitsUntilTheNextRound()
    {
        byte[] much = new byte[Uart16550.FirmwareRoundLimitBytes - 1];
        Assert.Equal(much.Length, _uart.WriteFromFirmware(much));
        Assert.Equal(1, _uart.WriteFromFirmware("ab"u8));
        Assert.Equal(0, _uart.WriteFromFirmware("b"u8));
        Out(Thr, 'c'); // the registers are not limited: a byte costs the guest an instruction
        _uart.Flush();
        Assert.Equal(2, _uart.WriteFromFirmware("de"u8));
        _uart.Flush();
        Assert.Equal([.. much, .. "acde"u8], _outputs.ConsoleBytes);
    }

    [Fact]
    public void Receive_MoreThanTheFifo_AllBytesArriveInOrder()
    {
        Out(Fcr, 1);
        byte[] typed = [.. Bytes(256), .. Bytes(256)];
        _uart.Type(typed);
        List<byte> received = [];
        while ((In(Lsr) & 1) != 0) received.Add((byte)In(Rbr));
        Assert.Equal(typed, received);
        Assert.Equal(0UL, _uart.OverrunBytes);
    }

    [Fact]
    public void Receive_MoreThanTheBacklog_FlagsAndCountsTheOverrun()
    {
        _uart.Type(new byte[Uart16550.BacklogLimitBytes]);
        Assert.Equal(0, In(Lsr) & 2);
        _uart.Type(new byte[10]);
        Assert.Equal(9UL, _uart.OverrunBytes); // one byte moved on into the receive buffer
        Assert.Equal(2, In(Lsr) & 2);
        Assert.Equal(0, In(Lsr) & 2);
    }

    [Fact]
    public void Receive_OverrunWithLineStatusInterrupt_IsReportedFirst()
    {
        Out(Ier, 0x05);
        _uart.Type(new byte[Uart16550.BacklogLimitBytes]);
        _uart.Type(new byte[10]);
        Assert.Equal(0x06, In(Iir));
        In(Lsr);
        Assert.Equal(0x04, In(Iir));
    }

    [Theory]
    [InlineData(0x01, 1)]
    [InlineData(0x41, 4)]
    [InlineData(0x81, 8)]
    [InlineData(0xC1, 14)]
    public void ReceiveInterrupt_AtTheTriggerLevel_IsDataAvailableBelowItTimeout(int fifoControl, int trigger)
    {
        Out(Fcr, fifoControl);
        Out(Ier, 1);
        Assert.Equal(0xC1, In(Iir));
        for (int count = 1; count <= 16; count++)
        {
            _uart.Type([0x55]);
            Assert.Equal(count >= trigger ? 0xC4 : 0xCC, In(Iir));
            Assert.True(_line.Level);
        }
        for (int count = 15; count >= 0; count--)
        {
            In(Rbr);
            Assert.Equal(count == 0 ? 0xC1 : count >= trigger ? 0xC4 : 0xCC, In(Iir));
        }
        Assert.False(_line.Level);
    }

    [Fact]
    public void TransmitInterrupt_EnabledTwice_PendsBothTimes()
    {
        // Linux, drivers/tty/serial/8250/8250_port.c: the THRE test at start-up looks for a UART that does not.
        Out(Ier, 2);
        Assert.Equal(0x02, In(Iir));
        Assert.Equal(0x01, In(Iir));
        Out(Ier, 0);
        Out(Ier, 2);
        Assert.Equal(0x02, In(Iir));
        Out(Ier, 0);
        Assert.Equal(0x01, In(Iir));
    }

    [Fact]
    public void TransmitInterrupt_AfterAByte_PendsAgainUntilReadOrDisabled()
    {
        Out(Ier, 2);
        In(Iir);
        Assert.False(_line.Level);
        Out(Thr, 'a');
        Assert.True(_line.Level);
        Assert.Equal(0x60, In(Lsr));
        Assert.Equal(0x02, In(Iir));
        Assert.False(_line.Level);
        Out(Ier, 2); // already enabled: nothing new
        Assert.False(_line.Level);
    }

    [Fact]
    public void InterruptIdentification_ReceiveBeforeTransmit_KeepsTheTransmitInterruptPending()
    {
        Out(Ier, 3);
        _uart.Type("x"u8);
        Assert.Equal(0x04, In(Iir));
        Assert.Equal('x', In(Rbr));
        Assert.Equal(0x02, In(Iir));
        Assert.Equal(0x01, In(Iir));
    }

    [Fact]
    public void Autoconfiguration_AsLinuxDoesIt_FindsA16550A()
    {
        // The sequence of autoconfig() and autoconfig_16550a() in Linux's 8250_port.c.
        Out(Ier, 0);
        Assert.Equal(0, In(Ier));
        Out(Ier, 0x0F);
        Assert.Equal(0x0F, In(Ier) & 0x0F);
        Out(Ier, 0);
        Out(Mcr, 0x10 | 0x08 | 0x02);
        Assert.Equal(0x90, In(Msr) & 0xF0);
        Out(Mcr, 0);
        Out(Lcr, 0xBF);
        Out(Fcr, 0); // EFR of later chips
        Out(Lcr, 0);
        Out(Fcr, 1);
        Assert.Equal(3, In(Iir) >> 6);
        Out(Lcr, 0x80);
        Assert.NotEqual(0, In(Fcr)); // no EFR
        Out(Lcr, 0);
        Out(Fcr, 0x21);
        Assert.Equal(6, In(Iir) >> 5); // not a 16750
        Out(Fcr, 1);
        Out(Lcr, 0x80);
        Out(Fcr, 0x21);
        Assert.Equal(6, In(Iir) >> 5);
        Out(Lcr, 0);
        Out(Ier, 0x40);
        Assert.Equal(0, In(Ier) & 0x40); // not an XScale
    }

    [Fact]
    public void Registers_ScratchDivisorAndControl_KeepWhatIsWritten()
    {
        Out(Scr, 0xA5);
        Out(Lcr, 0x83);
        Out(Dll, 0x12);
        Out(Dlm, 0x34);
        Assert.Equal((0x12, 0x34), (In(Dll), In(Dlm)));
        Out(Lcr, 0x03);
        Assert.Equal((0xA5, 0x03), (In(Scr), In(Lcr)));
        Assert.Equal(0, In(Ier));
        Out(Mcr, 0xFF);
        Assert.Equal(0x1F, In(Mcr));
        _uart.Flush();
        Assert.Empty(_outputs.Outputs); // the divisor was not sent as a byte
    }

    [Fact]
    public void Loopback_Bytes_ComeBackAndDoNotLeave()
    {
        Out(Fcr, 1);
        Out(Mcr, 0x10);
        foreach (byte value in Bytes(16)) Out(Thr, value);
        Assert.Equal(0, In(Lsr) & 2);
        Out(Thr, 99);
        Assert.Equal(2, In(Lsr) & 2);
        for (int i = 0; i < 16; i++) Assert.Equal(i, In(Rbr));
        Assert.Equal(0, In(Lsr) & 1);
        _uart.Flush();
        Assert.Empty(_outputs.Outputs);
    }

    [Fact]
    public void Loopback_TypedBytes_WaitUntilItEnds()
    {
        Out(Fcr, 1);
        Out(Mcr, 0x10);
        _uart.Type("ab"u8);
        Assert.Equal(0, In(Lsr) & 1);
        Out(Mcr, 0);
        Assert.Equal('a', In(Rbr));
        Assert.Equal('b', In(Rbr));
    }

    [Fact]
    public void Loopback_WithoutFifos_LaterByteReplacesTheUnread()
    {
        Out(Mcr, 0x10);
        Out(Thr, 1);
        Out(Thr, 2);
        Assert.Equal(0x63, In(Lsr));
        Assert.Equal(2, In(Rbr));
    }

    [Fact]
    public void ModemStatus_LoopedLinesChange_SetsDeltasAndInterrupts()
    {
        Assert.Equal(0xB0, In(Msr));
        Out(Mcr, 0x10); // all inputs fall
        Assert.Equal(0x0B, In(Msr));
        Assert.Equal(0x00, In(Msr));
        Out(Ier, 8);
        Out(Mcr, 0x10 | 4); // OUT1 -> RI rises: not an edge that counts
        Assert.Equal(0x01, In(Iir));
        Out(Mcr, 0x10); // trailing edge
        Assert.Equal(0x00, In(Iir));
        Assert.True(_line.Level);
        Assert.Equal(0x04, In(Msr));
        Assert.False(_line.Level);
    }

    [Fact]
    public void FifoControl_ClearOrSwitch_DropsTheFifoButNotWhatIsStillOnTheWire()
    {
        Out(Fcr, 1);
        _uart.Type(Bytes(20));
        Out(Fcr, 3);
        Assert.Equal(16, In(Rbr));
        Out(Fcr, 0); // off: 17, 18, 19 were in the FIFO
        Assert.Equal(0, In(Lsr) & 1);
    }

    [Fact]
    public void FirmwareConsole_ReadsWhatWasTyped_InOrderWithTheRegisters()
    {
        _uart.Type("abc"u8);
        Assert.True(_uart.TryReadForFirmware(out byte first));
        Assert.Equal('b', In(Rbr));
        Assert.True(_uart.TryReadForFirmware(out byte last));
        Assert.Equal(((byte)'a', (byte)'c'), (first, last));
        Assert.False(_uart.TryReadForFirmware(out _));
    }

    [Fact]
    public void Registers_OtherWidths_ReadZeroAndWriteNothing()
    {
        _uart.Write(Scr, 2, 0x55);
        _uart.Write(Scr, 4, 0x55);
        Assert.Equal(0, In(Scr));
        Assert.Equal(0UL, _uart.Read(Lsr, 2));
        Assert.Equal(0, In(8));
    }

    private protected override DeviceBench PowerOn() => new Bench();

    private sealed class Bench : DeviceBench
    {
        private readonly RecordingLine _line = new();
        private readonly OutputList _outputs = new();
        private readonly Uart16550 _uart;
        private readonly List<string> _observed = [];

        public Bench() => _uart = new Uart16550(_line, _outputs);

        public override IMmioDevice Device => _uart;

        public override DeviceBench Fresh() => new Bench();

        public override void Drive(Random random)
        {
            for (int i = 0; i < 20; i++)
            {
                switch (random.Next(8))
                {
                    case 0: _uart.Type(Bytes(random.Next(40))); break;
                    case 1: _uart.WriteFromFirmware(Bytes(random.Next(20))); break;
                    case 2: _observed.Add($"firmware {_uart.TryReadForFirmware(out byte value)} {value}"); break;
                    case 3 or 4: _uart.Write((ulong)random.Next(8), 1, (ulong)random.Next(256)); break;
                    default:
                        ulong register = (ulong)random.Next(8);
                        _observed.Add($"{register} is {_uart.Read(register, 1)}");
                        break;
                }
            }
            if (random.Next(3) == 0) _uart.Flush();
        }

        public override IReadOnlyList<string> TakeObservations()
        {
            string[] taken = [.. _observed, .. _line.Calls, Convert.ToHexString(_outputs.ConsoleBytes)];
            _observed.Clear();
            _line.Calls.Clear();
            _outputs.Outputs.Clear();
            return taken;
        }
    }
}
