using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ActorFT.Network.Frames;
using ActorFT.Network.Native;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Network.Tap;

/// <summary>
/// A Linux TAP (Documentation/networking/tuntap.rst): Ethernet frames to and from this host's network. Every frame that the machine sees
/// is complete: checksummed, not larger than the MTU. The host need not do that for each frame: it hands over large TCP packets and open checksums
/// with a virtio header (IFF_VNET_HDR), one call for some forty frames, and they are cut and summed here (<see cref="TapFrames"/>).
/// Owns one thread that reads frames and watches the interface, its bridge and its uplink. The MAC of the host's side
/// is left alone. Invariant: after <see cref="SetOpen"/>(false) returns, no frame leaves until the next open.
/// </summary>
public sealed unsafe class TapDevice : INicBackEnd
{
    // linux/if_tun.h
    private const nuint SetInterface = 0x400454CA, SetPersist = 0x400454CB, SetOffload = 0x400454D0, SetHeaderSize = 0x400454D8, SetCarrierRequest = 0x400454E2;
    private const short FlagTap = 0x0002, FlagNoPacketInformation = 0x1000, FlagVirtioHeader = 0x4000;
    private const nint OffloadChecksum = 1, OffloadTcp4 = 2, OffloadTcp6 = 4;

    private const int EthernetHeaderBytes = EtherType.HeaderBytes, VlanTagBytes = EtherType.VlanTagBytes;

    // Frames read in one go before the other descriptors are looked at again.
    private const int ReadBudgetFrames = 64;

    private readonly SafeFileHandle _tap;
    private readonly SafeFileHandle _wake;
    private readonly RouteSocket _requests;
    private readonly RouteSocket _changes;
    private readonly TapWatch _watch;
    private readonly ArpProbe? _probe;
    private readonly long _probeInterval;
    private readonly NicCounterSet _counters = new();
    private readonly Lock _sendGate = new();
    private readonly Lock _lookGate = new();
    private readonly byte[] _readBuffer = new byte[TapFrames.MaxReadBytes];
    private readonly byte[] _sendBuffer = new byte[TapFrames.HeaderBytes + TapOptions.MaxMtuBytes + EthernetHeaderBytes + VlanTagBytes]; // its header stays 0: nothing is left to do
    private NicLinkState _state;
    private NicFrameReceiver? _receive;
    private Thread? _thread;
    private bool _isOpen, _isListening;
    private volatile bool _isStopping;

    private TapDevice(SafeFileHandle tap, SafeFileHandle wake, RouteSocket requests, RouteSocket changes, TapWatch watch, TapOptions options)
    {
        _tap = tap;
        _wake = wake;
        _requests = requests;
        _changes = changes;
        _watch = watch;
        _probe = options.ProbeTarget is null ? null : new ArpProbe(options.ProbeTarget, NewMacAddress(), options.ProbeMissesAllowed);
        _probeInterval = options.ProbeIntervalMs * Stopwatch.Frequency / 1000;
        _state = watch.Look(requests);
    }

    /// <inheritdoc/>
    public event Action<NicLinkState>? StateChanged;

    /// <inheritdoc/>
    public string Name => _watch.TapName;

    /// <summary>The MTU that the interface had when it was opened.</summary>
    public int MtuBytes => _watch.MtuBytes;

    /// <inheritdoc/>
    public NicLinkState State => Volatile.Read(ref _state);

    /// <inheritdoc/>
    public bool IsOpen => Volatile.Read(ref _isOpen);

    /// <inheritdoc/>
    public NicCounters Counters => _counters.Snapshot();

    /// <summary>Makes the TAP, or takes over a persistent one of that name, in the calling thread's network namespace, and sets it up.</summary>
    /// <exception cref="NetworkConfigurationException">The options or the host do not allow it. Nothing is left behind.</exception>
    public static TapDevice Open(TapOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        SafeFileHandle? tap = null, wake = null;
        RouteSocket? requests = null, changes = null;
        try
        {
            requests = RouteSocket.Open(hearsChanges: false);
            changes = RouteSocket.Open(hearsChanges: true);
            wake = Libc.EventFd(0, Libc.EventFdNonBlock | Libc.EventFdCloseOnExec);
            if (wake.IsInvalid) throw new IOException(Libc.Describe(Marshal.GetLastPInvokeError()));
            TapSetup.CheckBefore(options, requests);
            tap = OpenControl(options.Name);
            string name = Attach(tap, options.Name);
            TapWatch watch = TapSetup.Configure(options, name, requests);
            // Last: a persistent interface exists only once all the rest has worked.
            if (options.IsPersistent && Libc.Ioctl(tap, SetPersist, (nint)1) < 0) throw TapSetup.Refused("tap", name, Marshal.GetLastPInvokeError());
            return new TapDevice(tap, wake, requests, changes, watch, options);
        }
        catch (Exception exception)
        {
            tap?.Dispose();
            wake?.Dispose();
            requests?.Dispose();
            changes?.Dispose();
            if (exception is not IOException) throw;
            throw new NetworkConfigurationException($"tap = '{options.Name}' cannot be opened: {exception.Message}.", exception);
        }
    }

    /// <inheritdoc/>
    public void Start(NicFrameReceiver receive)
    {
        ArgumentNullException.ThrowIfNull(receive);
        if (_thread is not null) throw new InvalidOperationException("The TAP receives already.");
        _receive = receive;
        _thread = new Thread(Run) { IsBackground = true, Name = $"tap {Name}" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void SetOpen(bool open)
    {
        // The lock makes a close wait for a write that is under way: fencing rests on it.
        lock (_sendGate) Volatile.Write(ref _isOpen, open);
    }

    /// <inheritdoc/>
    public void SetListening(bool on) => Volatile.Write(ref _isListening, on);

    /// <inheritdoc/>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EthernetHeaderBytes || frame.Length > MtuBytes + EthernetHeaderBytes + VlanTagBytes)
        {
            _counters.SendDroppedLength();
            return false;
        }

        lock (_sendGate)
        {
            if (!_isOpen)
            {
                _counters.SendDroppedClosed();
                return false;
            }

            return Write(frame);
        }
    }

    /// <inheritdoc/>
    public void SetCarrier(bool on)
    {
        int value = on ? 1 : 0;
        try
        {
            if (Libc.Ioctl(_tap, SetCarrierRequest, &value) < 0) _counters.SendError();
        }
        catch (ObjectDisposedException)
        {
            // Closed meanwhile: a closed TAP has no carrier.
        }

        Look();
    }

    /// <summary>Closes the interface: a transient one is gone when this returns.</summary>
    public void Dispose()
    {
        SetOpen(false);
        lock (_lookGate)
        {
            if (_isStopping) return;
            _isStopping = true;
        }

        Wake();
        if (_thread is not null && _thread != Thread.CurrentThread) _thread.Join();
        _tap.Dispose();
        _requests.Dispose();
        _changes.Dispose();
        _wake.Dispose();
    }

    private static SafeFileHandle OpenControl(string name)
    {
        SafeFileHandle tap = Libc.Open("/dev/net/tun", Libc.OpenReadWrite | Libc.OpenNonBlock | Libc.OpenCloseOnExec);
        if (!tap.IsInvalid) return tap;
        int errno = Marshal.GetLastPInvokeError();
        throw errno is Libc.ENOENT or Libc.ENODEV
            ? new NetworkConfigurationException(
                $"tap = '{name}' needs /dev/net/tun, which this host does not have: load the kernel's module 'tun' ('modprobe tun') or give the container that device.")
            : TapSetup.Refused("tap", name, errno);
    }

    private static string Attach(SafeFileHandle tap, string name)
    {
        // struct ifreq: 16 bytes of name, then the flags; 40 bytes in all.
        byte* request = stackalloc byte[40];
        Span<byte> bytes = new(request, 40);
        bytes.Clear();
        System.Text.Encoding.ASCII.GetBytes(name, bytes);
        *(short*)(request + 16) = FlagTap | FlagNoPacketInformation | FlagVirtioHeader;
        if (Libc.Ioctl(tap, SetInterface, request) < 0) throw TapSetup.Refused("tap", name, Marshal.GetLastPInvokeError());
        string given = System.Text.Encoding.ASCII.GetString(bytes[..16]).TrimEnd('\0');
        // Both whatever a persistent TAP kept of its last user.
        int headerBytes = TapFrames.HeaderBytes;
        if (Libc.Ioctl(tap, SetHeaderSize, &headerBytes) < 0 || Libc.Ioctl(tap, SetOffload, OffloadChecksum | OffloadTcp4 | OffloadTcp6) < 0)
            throw TapSetup.Refused("tap", given, Marshal.GetLastPInvokeError());
        return given;
    }

    // Locally administered, unicast, random: the probe must not teach switches anything about the machine's MAC.
    private static byte[] NewMacAddress()
    {
        byte[] address = RandomNumberGenerator.GetBytes(6);
        address[0] = (byte)((address[0] & 0xFC) | 0x02);
        return address;
    }

    private bool Write(ReadOnlySpan<byte> frame)
    {
        frame.CopyTo(_sendBuffer.AsSpan(TapFrames.HeaderBytes));
        fixed (byte* bytes = _sendBuffer)
        {
            while (true)
            {
                nint written;
                try
                {
                    written = Libc.Write(_tap, bytes, (nuint)(TapFrames.HeaderBytes + frame.Length));
                }
                catch (ObjectDisposedException)
                {
                    _counters.SendDroppedClosed();
                    return false;
                }

                if (written >= 0)
                {
                    _counters.Sent(frame.Length);
                    return true;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno == Libc.EINTR) continue;
                if (errno is Libc.EAGAIN or Libc.ENOBUFS or Libc.ENOMEM) _counters.SendDroppedFull();
                else _counters.SendError();
                return false;
            }
        }
    }

    private void Wake()
    {
        ulong one = 1;
        try
        {
            _ = Libc.Write(_wake, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // Nobody is left to wake.
        }
    }

    private void Run()
    {
        const int Tap = 0, Changes = 1, WakeUp = 2;
        Libc.PollDescriptor* polls = stackalloc Libc.PollDescriptor[3];
        polls[Tap] = new() { Descriptor = (int)_tap.DangerousGetHandle(), Events = Libc.PollIn };
        polls[Changes] = new() { Descriptor = (int)_changes.Handle.DangerousGetHandle(), Events = Libc.PollIn };
        polls[WakeUp] = new() { Descriptor = (int)_wake.DangerousGetHandle(), Events = Libc.PollIn };
        Look();
        long nextProbe = Stopwatch.GetTimestamp();
        while (!_isStopping)
        {
            int timeoutMs = _probe is null ? -1 : Probe(ref nextProbe);
            if (Libc.Poll(polls, 3, timeoutMs) < 0 && Marshal.GetLastPInvokeError() != Libc.EINTR) break;
            if (polls[WakeUp].Returned != 0)
            {
                ulong ignored;
                _ = Libc.Read(_wake, &ignored, sizeof(ulong));
            }

            if (polls[Changes].Returned != 0) _changes.Drain();
            if (polls[Changes].Returned != 0) Look();
            // POLLERR stands for as long as the interface is down or gone: then only a change is waited for.
            bool isDead = (polls[Tap].Returned & (Libc.PollErr | Libc.PollHup | Libc.PollNval)) != 0;
            if ((polls[Tap].Returned & Libc.PollIn) != 0) isDead |= !ReadFrames();
            polls[Tap].Descriptor = isDead || State.Condition == NicCondition.Failed ? -1 : (int)_tap.DangerousGetHandle();
            if (isDead) Look();
        }
    }

    /// <summary>Asks the probe's target when it is time; returns the time until the next question, in ms.</summary>
    private int Probe(ref long nextAt)
    {
        long now = Stopwatch.GetTimestamp();
        if (now >= nextAt)
        {
            // Past the gate: the frame is this server's own question, not the machine's.
            const int Bytes = TapFrames.HeaderBytes + EtherType.MinFrameBytes;
            byte* question = stackalloc byte[Bytes];
            new Span<byte>(question, Bytes).Clear();
            _probe!.Ask()[..EtherType.MinFrameBytes].CopyTo(new Span<byte>(question + TapFrames.HeaderBytes, EtherType.MinFrameBytes));
            _ = Libc.Write(_tap, question, Bytes);
            nextAt = now + _probeInterval;
            if (_probe.IsLost) Look();
        }

        return (int)Math.Max(1, (nextAt - now) * 1000 / Stopwatch.Frequency);
    }

    /// <summary>Reads what waits; false when the interface cannot be read any more.</summary>
    private bool ReadFrames()
    {
        for (int i = 0; i < ReadBudgetFrames && !_isStopping; i++)
        {
            nint length;
            fixed (byte* buffer = _readBuffer) length = Libc.Read(_tap, buffer, (nuint)_readBuffer.Length);
            if (length < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                if (errno == Libc.EAGAIN) return true;
                if (errno == Libc.EINTR) continue;
                _counters.ReceiveError();
                return false;
            }

            Deliver(_readBuffer.AsSpan(0, (int)length));
        }

        return true;
    }

    private void Deliver(Span<byte> read)
    {
        // Before the work: a closed gate lets nothing in.
        bool isWanted = Volatile.Read(ref _isOpen) || Volatile.Read(ref _isListening);
        if (!TapFrames.TryRead(read, MtuBytes + EthernetHeaderBytes + VlanTagBytes, out TapFrames frames))
        {
            if (read.Length >= TapFrames.HeaderBytes + EthernetHeaderBytes) _counters.ReceiveError();
            return;
        }

        if (_probe is not null && frames.Count == 1 && IsProbes(frames.Whole)) return;
        for (int i = 0; i < frames.Count; i++)
        {
            if (!isWanted)
            {
                _counters.ReceiveDroppedClosed();
                continue;
            }

            byte[] frame = frames.Make(i);
            if (_receive!(frame)) _counters.Received(frame.Length);
            else _counters.ReceiveDroppedFull();
        }
    }

    private bool IsProbes(ReadOnlySpan<byte> frame)
    {
        bool wasLost = _probe!.IsLost;
        if (!_probe.TryTake(frame)) return false;
        if (wasLost != _probe.IsLost) Look();
        return true;
    }

    private void Look()
    {
        lock (_lookGate)
        {
            if (_isStopping) return;
            NicLinkState state = _watch.Look(_requests);
            if (state.Condition == NicCondition.Good && _probe is { IsLost: true })
            {
                state = NicLinkState.NoCarrier($"Probe target {_probe.Target} does not answer through TAP '{Name}'.");
            }

            if (Interlocked.Exchange(ref _state, state) != state) StateChanged?.Invoke(state);
        }
    }
}
