using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices;

/// <summary>
/// A 16550A UART, 8-bit registers at consecutive addresses, as accurate as drivers can tell (National Semiconductor
/// PC16550D data sheet; chapter numbers below are its). Differences, all invisible to a driver: bytes are sent at
/// once whatever the divisor, so the transmitter is always empty; the receive timeout runs out at once; a character always
/// has 8 bits, and breaks are not sent.
///
/// Receive: Type() -> backlog (64 KiB, "still on the wire") -> FIFO (16, or 1 with FIFOs off) -> RBR.
/// Send: THR or firmware -> transmit buffer -> <see cref="Flush"/> -> one <see cref="ConsoleWritten"/>.
/// </summary>
internal sealed class Uart16550 : IMmioDevice
{
    /// <summary>Bytes kept beyond the FIFO; what is typed beyond them is lost and reported as an overrun.</summary>
    public const int BacklogLimitBytes = 64 * 1024;

    private const int FifoBytes = 16;
    private const int TransmitLimitBytes = 64 * 1024; // a longer burst leaves in several outputs

    /// <summary>
    /// Bytes that firmware sends in one round, at most. One ECALL can ask for thousands of bytes, so without a limit one
    /// quantum could make the machine send gigabytes; a store to THR sends one.
    /// </summary>
    public const int FirmwareRoundLimitBytes = 256 * 1024;

    private const ulong Rbr = 0, Ier = 1, Iir = 2, Lcr = 3, Mcr = 4, Lsr = 5, Msr = 6, Scr = 7;

    private const byte IerReceive = 1, IerTransmitEmpty = 2, IerLineStatus = 4, IerModemStatus = 8, IerMask = 0x0F;
    private const byte IirModemStatus = 0x00, IirNone = 0x01, IirTransmitEmpty = 0x02, IirReceive = 0x04, IirLineStatus = 0x06, IirTimeout = 0x0C;
    private const byte IirFifosEnabled = 0xC0;
    private const byte FcrEnable = 1, FcrClearReceive = 2;
    private const byte LcrDivisorLatch = 0x80;
    private const byte McrLoopback = 0x10, McrMask = 0x1F;
    private const byte LsrDataReady = 0x01, LsrOverrun = 0x02, LsrErrors = 0x1E, LsrTransmitterEmpty = 0x60;
    private const byte MsrDeltas = 0x0F, MsrRing = 0x40, MsrRingTrailingEdge = 0x04, MsrConnected = 0xB0; // DCD, DSR, CTS

    private readonly IInterruptLine _line;
    private readonly IOutputSink _outputs;
    private readonly ByteQueue _fifo = new(FifoBytes);
    private readonly ByteQueue _backlog = new(BacklogLimitBytes);
    private byte[] _transmitted = new byte[256];
    private int _transmittedCount;
    private int _firmwareRoundBytes;

    private byte _ier, _lcr, _mcr, _scr, _dll, _dlm;
    private byte _lineErrors, _modemDeltas, _triggerLevel;
    private bool _fifosEnabled, _transmitEmptyPending;

    /// <summary>Creates the UART with its interrupt line and the place where sent bytes go.</summary>
    public Uart16550(IInterruptLine line, IOutputSink outputs)
    {
        _line = line;
        _outputs = outputs;
    }

    /// <inheritdoc/>
    public string Name => "uart";

    /// <inheritdoc/>
    public ulong WindowBytes => 0x100;

    /// <summary>Bytes that can be typed now without loss.</summary>
    public int BacklogFreeBytes => BacklogLimitBytes - _backlog.Count;

    /// <summary>Typed bytes lost because the backlog was full. A statistic of this host, not state.</summary>
    public ulong OverrunBytes { get; private set; }

    private bool IsLoopback => (_mcr & McrLoopback) != 0;

    private bool IsDivisorLatchOpen => (_lcr & LcrDivisorLatch) != 0;

    private int FifoCapacity => _fifosEnabled ? FifoBytes : 1;

    private int TriggerBytes => _fifosEnabled ? _triggerLevel switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 } : 1; // §8.4

    /// <summary>Bytes were typed: an input, taken at a round's start.</summary>
    public void Type(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (_backlog.TryEnqueue(value)) continue;
            OverrunBytes++;
            _lineErrors |= LsrOverrun;
        }
        Receive();
        UpdateLine();
    }

    /// <summary>Emits what was sent since the last call as one output. The machine calls it at the round's end, before outputs are taken.</summary>
    public void Flush()
    {
        _firmwareRoundBytes = 0;
        EmitTransmitted();
    }

    private void EmitTransmitted()
    {
        if (_transmittedCount == 0) return;
        byte[] bytes = _transmitted.AsSpan(0, _transmittedCount).ToArray();
        _transmittedCount = 0;
        _outputs.Emit(new ConsoleWritten(0, bytes));
    }

    /// <summary>
    /// Sends bytes for the SBI console, in order with what the guest sends through the registers. Returns how many were
    /// taken: fewer once <see cref="FirmwareRoundLimitBytes"/> is reached.
    /// </summary>
    public int WriteFromFirmware(ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, FirmwareRoundLimitBytes - _firmwareRoundBytes);
        foreach (byte value in bytes[..count]) Transmit(value);
        _firmwareRoundBytes += count;
        return count;
    }

    /// <summary>Takes one received byte for the SBI console; false when there is none.</summary>
    public bool TryReadForFirmware(out byte value)
    {
        value = 0;
        if (_fifo.Count == 0) return false;
        value = ReadReceiveBuffer();
        return true;
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int widthBytes)
    {
        if (widthBytes != 1) return 0;
        switch (offset)
        {
            case Rbr: return IsDivisorLatchOpen ? _dll : ReadReceiveBuffer();
            case Ier: return IsDivisorLatchOpen ? _dlm : _ier;
            case Iir: return ReadInterruptIdentification();
            case Lcr: return _lcr;
            case Mcr: return _mcr;
            case Lsr:
                byte status = (byte)((_fifo.Count != 0 ? LsrDataReady : 0) | _lineErrors | LsrTransmitterEmpty);
                _lineErrors = 0; // §8.3: reading clears the errors
                UpdateLine();
                return status;
            case Msr:
                byte modem = (byte)(ModemStatus | _modemDeltas);
                _modemDeltas = 0; // §8.7: reading clears the deltas
                UpdateLine();
                return modem;
            case Scr: return _scr;
            default: return 0;
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int widthBytes, ulong value)
    {
        if (widthBytes != 1) return;
        byte data = (byte)value;
        switch (offset)
        {
            case Rbr: if (IsDivisorLatchOpen) _dll = data; else WriteTransmitHolding(data); break;
            case Ier: if (IsDivisorLatchOpen) _dlm = data; else WriteInterruptEnable(data); break;
            case Iir: WriteFifoControl(data); break;
            case Lcr: _lcr = data; break;
            case Mcr: WriteModemControl(data); break;
            case Scr: _scr = data; break;
        }
        UpdateLine();
    }

    private byte ReadReceiveBuffer()
    {
        byte value = _fifo.Count != 0 ? _fifo.Dequeue() : (byte)0;
        Receive();
        UpdateLine();
        return value;
    }

    /// <summary>Moves bytes from the wire into the FIFO; in loop-back the wire is cut off (§8.6).</summary>
    private void Receive()
    {
        while (!IsLoopback && _backlog.Count != 0 && _fifo.Count < FifoCapacity) _fifo.TryEnqueue(_backlog.Dequeue());
    }

    private void WriteTransmitHolding(byte value)
    {
        if (IsLoopback) ReceiveLooped(value);
        else Transmit(value);
        _transmitEmptyPending = true; // it was sent at once: the register is empty again
    }

    private void ReceiveLooped(byte value)
    {
        if (_fifo.Count < FifoCapacity) { _fifo.TryEnqueue(value); return; }
        _lineErrors |= LsrOverrun;
        if (_fifosEnabled) return; // §8.3: the character in the shift register is lost; without FIFOs the one in the buffer is
        _fifo.Clear();
        _fifo.TryEnqueue(value);
    }

    private void Transmit(byte value)
    {
        if (_transmittedCount == _transmitted.Length)
        {
            if (_transmittedCount == TransmitLimitBytes) EmitTransmitted();
            else Array.Resize(ref _transmitted, _transmitted.Length * 2);
        }
        _transmitted[_transmittedCount++] = value;
    }

    private void WriteInterruptEnable(byte value)
    {
        byte risen = (byte)(value & ~_ier);
        _ier = (byte)(value & IerMask);
        // Enabling the interrupt while the register is empty raises it, each time anew (Linux's THRE test relies on it).
        if ((risen & IerTransmitEmpty) != 0) _transmitEmptyPending = true;
        if ((_ier & IerTransmitEmpty) == 0) _transmitEmptyPending = false;
    }

    private void WriteFifoControl(byte value)
    {
        bool enable = (value & FcrEnable) != 0;
        if (enable != _fifosEnabled || (value & FcrClearReceive) != 0) _fifo.Clear(); // §8.4
        _fifosEnabled = enable;
        if (enable) _triggerLevel = (byte)(value >> 6); // other bits are programmed only together with the enable bit
        Receive();
    }

    private void WriteModemControl(byte value)
    {
        byte before = ModemStatus;
        _mcr = (byte)(value & McrMask);
        byte after = ModemStatus;
        int changed = before ^ after;
        _modemDeltas |= (byte)((changed >> 4) & MsrDeltas & ~MsrRingTrailingEdge);
        if ((changed & before & MsrRing) != 0) _modemDeltas |= MsrRingTrailingEdge;
        Receive();
    }

    /// <summary>CTS, DSR, RI and DCD; in loop-back they are RTS, DTR, OUT1 and OUT2 (§8.6).</summary>
    private byte ModemStatus => IsLoopback
        ? (byte)(((_mcr & 2) << 3) | ((_mcr & 1) << 5) | ((_mcr & 4) << 4) | ((_mcr & 8) << 4))
        : MsrConnected;

    private byte ReadInterruptIdentification()
    {
        byte cause = InterruptCause;
        if (cause == IirTransmitEmpty)
        {
            _transmitEmptyPending = false; // §8.5: reading clears it when it is what was reported
            UpdateLine();
        }
        return (byte)(cause | (_fifosEnabled ? IirFifosEnabled : 0));
    }

    /// <summary>The pending interrupt of highest priority (§8.5, table IV).</summary>
    private byte InterruptCause
    {
        get
        {
            if ((_ier & IerLineStatus) != 0 && (_lineErrors & LsrErrors) != 0) return IirLineStatus;
            if ((_ier & IerReceive) != 0 && _fifo.Count != 0) return _fifo.Count >= TriggerBytes ? IirReceive : IirTimeout;
            if ((_ier & IerTransmitEmpty) != 0 && _transmitEmptyPending) return IirTransmitEmpty;
            if ((_ier & IerModemStatus) != 0 && _modemDeltas != 0) return IirModemStatus;
            return IirNone;
        }
    }

    private void UpdateLine() => _line.SetLevel(InterruptCause != IirNone);

    /// <inheritdoc/>
    public void Reset()
    {
        Flush(); // what was sent has left the guest
        _fifo.Clear();
        _backlog.Clear();
        _ier = _lcr = _mcr = _scr = _dll = _dlm = 0;
        _lineErrors = _modemDeltas = _triggerLevel = 0;
        _fifosEnabled = _transmitEmptyPending = false;
        UpdateLine();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Section("UART", 1);
        writer.U8(_ier);
        writer.U8(_lcr);
        writer.U8(_mcr);
        writer.U8(_scr);
        writer.U8(_dll);
        writer.U8(_dlm);
        writer.U8(_lineErrors);
        writer.U8(_modemDeltas);
        writer.U8(_triggerLevel);
        writer.Bool(_fifosEnabled);
        writer.Bool(_transmitEmptyPending);
        _fifo.Save(writer);
        _backlog.Save(writer);
        writer.Bytes(_transmitted.AsSpan(0, _transmittedCount)); // empty between rounds, as the count below is zero
        writer.U32((uint)_firmwareRoundBytes);
    }

    /// <inheritdoc/>
    public void Restore(ref StateReader reader)
    {
        reader.Section("UART", 1);
        _ier = Masked(reader.U8(), IerMask, "IER");
        _lcr = reader.U8();
        _mcr = Masked(reader.U8(), McrMask, "MCR");
        _scr = reader.U8();
        _dll = reader.U8();
        _dlm = reader.U8();
        _lineErrors = Masked(reader.U8(), LsrOverrun, "LSR errors");
        _modemDeltas = Masked(reader.U8(), MsrDeltas, "MSR deltas");
        _triggerLevel = Masked(reader.U8(), 3, "trigger level");
        _fifosEnabled = reader.Bool();
        _transmitEmptyPending = reader.Bool();
        _fifo.Restore(ref reader);
        if (_fifo.Count > FifoCapacity) throw new StateFormatException($"The saved UART holds {_fifo.Count} received bytes with its FIFOs off; at most 1 is allowed.");
        _backlog.Restore(ref reader);
        ReadOnlySpan<byte> transmitted = reader.Bytes(TransmitLimitBytes);
        _transmittedCount = 0;
        foreach (byte value in transmitted) Transmit(value);
        _firmwareRoundBytes = reader.Count(FirmwareRoundLimitBytes);
    }

    private static byte Masked(byte value, byte mask, string register) => (value & ~mask) == 0
        ? value
        : throw new StateFormatException($"The saved UART's {register} is 0x{value:x2}; only the bits of 0x{mask:x2} exist.");
}
