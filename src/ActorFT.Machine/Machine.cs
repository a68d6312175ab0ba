using ActorFT.Machine.Boot;
using ActorFT.Machine.Cpu;
using ActorFT.Machine.Devices;
using ActorFT.Machine.Devices.Virtio.Mmio;
using ActorFT.Machine.Devices.Virtio.Net;
using ActorFT.Machine.Firmware;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Machine;

/// <summary>
/// The deterministic computer: harts, RAM, bus and devices, and the rounds that move them.
/// Invariant: everything that can influence the guest's future is in RAM or in what <see cref="SaveDevices"/> writes; all else
/// (decoded blocks, TLBs, buffers) is derived or empty between rounds.
/// Not here: where inputs come from and outputs go, and what the time is.
/// </summary>
public sealed partial class Machine : IMachine, IHartEnvironment, IMachineClock, IOutputSink
{
    private readonly MachineOptions _options;
    private readonly BootImage _boot;
    private readonly DerivedState _derived;
    private readonly Hart[] _harts;
    private readonly MmioBus _bus = new();
    private readonly Plic _plic;
    private readonly Uart16550 _uart;
    private readonly GoldfishRtc _rtc;
    private readonly SbiFirmware _firmware;
    private readonly List<KeyValuePair<string, ISavable>> _components = [];
    private readonly StateWriter _stateBuffer = new();
    private readonly List<MachineOutput> _outputs = [];
    private PowerEvent? _powerEvent;
    private bool _inRound;
    private ulong _lastRequestId;

    /// <summary>Builds a machine and switches it on; it runs when rounds are run.</summary>
    /// <exception cref="MachineConfigurationException">The definition does not describe a machine that can be built.</exception>
    public Machine(MachineDefinition definition, MachineOptions? options = null)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("The machine needs a little-endian host.");
        _boot = KernelLoader.Prepare(definition);
        Definition = definition;
        _options = options ?? new MachineOptions();
        Memory = new GuestMemory(MemoryMap.RamBase, definition.MemoryBytes);
        _derived = new DerivedState(Memory);
        _plic = new Plic(definition.VcpuCount);
        _uart = new Uart16550(_plic.Line(MemoryMap.UartIrq), this);
        _rtc = new GoldfishRtc(this, _plic.Line(MemoryMap.RtcIrq), definition.StartWallClockNs);
        _harts = new Hart[definition.VcpuCount];
        for (int i = 0; i < _harts.Length; i++) _harts[i] = new Hart(i, Memory, _derived, this);
        _derived.Attach(_harts);
        _firmware = new SbiFirmware(_harts, Memory, _uart, what => _powerEvent ??= what);

        _bus.Map(MemoryMap.PlicBase, _plic);
        _bus.Map(MemoryMap.UartBase, _uart);
        _bus.Map(MemoryMap.RtcBase, _rtc);
        foreach (Hart hart in _harts) _components.Add(new($"vcpu-{hart.Id}", hart));
        foreach (IMmioDevice device in (ReadOnlySpan<IMmioDevice>)[_plic, _uart, _rtc]) _components.Add(new(device.Name, device));
        AddVirtioDevices(new PlatformLayout(definition));
        PowerOn();
    }

    /// <inheritdoc/>
    public MachineDefinition Definition { get; }

    /// <inheritdoc/>
    public GuestMemory Memory { get; }

    /// <inheritdoc/>
    public ulong RoundNumber { get; private set; }

    /// <inheritdoc cref="IMachine.TimeNs"/>
    public ulong TimeNs { get; private set; }

    /// <inheritdoc/>
    public MachinePower Power { get; private set; }

    /// <summary>Instructions that a vCPU has retired since power-on or reboot.</summary>
    public ulong RetiredInstructions(int vcpu) => _harts[vcpu].Retired;

    /// <inheritdoc/>
    public bool IsIdle
    {
        get
        {
            if (Power != MachinePower.Running) return true;
            foreach (Hart hart in _harts)
                if (hart.IsRunnable) return false;
            foreach (VirtioMmioTransport transport in _virtio)
                if (transport.HasDeferredWork) return false; // goes on at the next round's start, whatever the harts do
            return true;
        }
    }

    /// <inheritdoc/>
    public ulong NextTimerNs
    {
        get
        {
            ulong next = _rtc.NextAlarmNs;
            foreach (Hart hart in _harts)
            {
                if (hart.State == HartState.Stopped || (hart.EnabledInterrupts & InterruptBits.Timer) == 0) continue;
                ulong ticks = hart.TimerCompareTicks;
                if (ticks < ulong.MaxValue / MemoryMap.NsPerTimebaseTick) next = Math.Min(next, ticks * MemoryMap.NsPerTimebaseTick);
            }

            return next;
        }
    }

    /// <inheritdoc/>
    public void BeginRound(ulong timeNs, IReadOnlyList<MachineInput> inputs)
    {
        if (_inRound) throw new InvalidOperationException("A round was begun before the last one ended.");
        if (timeNs < TimeNs) throw new InvalidOperationException($"Round {RoundNumber} was given the time {timeNs} ns, which lies before {TimeNs} ns.");
        _inRound = true;
        TimeNs = timeNs;
        _rtc.OnRoundStart();
        BeginVirtioRound();
        for (int i = 0; i < inputs.Count; i++) Apply(inputs[i]);
        foreach (NetDevice nic in _nics) nic.EndReceive();
    }

    /// <inheritdoc/>
    public QuantumResult RunQuantum(int vcpu)
    {
        if (!_inRound) throw new InvalidOperationException("A quantum was run outside a round.");
        if (Power != MachinePower.Running) return new QuantumResult(QuantumEnd.PowerOff, 0);
        Hart hart = _harts[vcpu];
        int quantum = Definition.QuantumInstructions;
        if (!_options.ThrashCaches && !_options.SplitQuanta) return hart.RunQuantum(quantum);
        bool disturb = RoundNumber % (ulong)_options.EveryRounds == 0;
        hart.ThrashCaches = disturb && _options.ThrashCaches;
        return disturb ? RunInPieces(hart, quantum) : hart.RunQuantum(quantum);
    }

    // Test options: the same quantum in pieces of 1, 38, 75, … instructions, with or without derived state between them.
    private QuantumResult RunInPieces(Hart hart, int quantum)
    {
        int used = 0, piece = (int)(RoundNumber % 211) + 1;
        QuantumResult result = default;
        while (used < quantum)
        {
            if (_options.ThrashCaches && used == 0 && RoundNumber / (ulong)_options.EveryRounds % 8 == 0) _derived.DropAll();
            else if (_options.ThrashCaches) _derived.DropTranslations();
            result = hart.Run(Math.Min(piece, quantum - used));
            used += result.Retired;
            if (result.End != QuantumEnd.Exhausted) break;
            piece = (piece + 37) % 499 + 1;
        }

        hart.EndQuantum();
        return new QuantumResult(result.End, used);
    }

    /// <inheritdoc/>
    public void EndRound()
    {
        if (!_inRound) throw new InvalidOperationException("A round was ended that had not begun.");
        _inRound = false;
        _uart.Flush();
        RoundNumber++;
        if (_powerEvent is not { } what) return;
        _powerEvent = null;
        Emit(new PowerChanged(what));
        if (what == PowerEvent.Reboot) PowerOn();
        else Power = what == PowerEvent.Shutdown ? MachinePower.Off : MachinePower.Failed;
    }

    /// <inheritdoc/>
    public void TakeOutputs(List<MachineOutput> outputs)
    {
        outputs.AddRange(_outputs);
        _outputs.Clear();
    }

    private void PowerOn()
    {
        for (int i = 0; i < _bus.Devices.Length; i++) _bus.Devices[i].Reset();
        foreach (Hart hart in _harts) hart.Reset();
        _derived.DropAll();
        _boot.Load(Memory);
        _harts[0].Start(_boot.EntryAddress, _boot.DeviceTreeAddress);
    }

    /// <summary>Frees memory. The machine must not be used any more.</summary>
    public void Dispose()
    {
        foreach (Hart hart in _harts) hart.Dispose();
        _derived.Dispose();
        Memory.Dispose();
    }

    void IOutputSink.Emit(MachineOutput output) => Emit(output);

    private void Emit(MachineOutput output) => _outputs.Add(output);

    ulong IHartEnvironment.TimeTicks => TimeNs / MemoryMap.NsPerTimebaseTick;

    bool IHartEnvironment.IsPoweringOff => _powerEvent is not null;

    bool IHartEnvironment.ExternalInterruptPending(int hartId) => _plic.ExternalPending(hartId);

    bool IHartEnvironment.TryReadDevice(ulong address, int widthBytes, out ulong value) => _bus.TryRead(address, widthBytes, out value);

    bool IHartEnvironment.TryWriteDevice(ulong address, int widthBytes, ulong value) => _bus.TryWrite(address, widthBytes, value);

    void IHartEnvironment.CallFirmware(Hart hart) => _firmware.Call(hart);
}
