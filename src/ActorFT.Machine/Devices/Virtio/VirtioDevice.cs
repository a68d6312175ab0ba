using ActorFT.Machine.Devices.Virtio.Queues;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Machine.Devices.Virtio;

/// <summary>
/// A virtio device without its transport: its queues, its configuration space and what it does with descriptor chains.
/// Everything happens inside the driver's notification, at a round's start, or when an input arrives.
/// <code>
///           DRIVER_OK                      driver's fault / FAILED
///  stopped ───────────► running ───────────────────────────────► stopped until reset
///     ▲                    │  status = 0
///     └────────────────────┘
/// </code>
/// Work that a guest can cause in one round is limited (<see cref="RoundBudgetUnits"/>): without a limit one
/// quantum could make a device copy gigabytes. What is left over goes on at the next round's start.
/// Invariant: while stopped, no chain is outstanding and nothing is deferred.
/// </summary>
internal abstract class VirtioDevice
{
    /// <summary>
    /// Work one device does in one round, at most (one request more, since it is checked before each): a unit is one descriptor looked at
    /// or 512 bytes begun that leave the machine. 8 MiB, or some thousand frames, a round is beyond what hosts can carry away.
    /// </summary>
    public const int RoundBudgetUnits = 16 * 1024;

    private const int BytesPerUnit = 512;

    private readonly int _queueCount;
    private IVirtioTransport _transport = null!; // set by Attach, which the transport's constructor calls
    private int _budgetUnits = RoundBudgetUnits;
    private uint _deferredQueues;

    protected VirtioDevice(string name, VirtioDeviceType type, int queueCount)
    {
        Name = name;
        DeviceType = type;
        _queueCount = queueCount;
    }

    /// <summary>The device's name in messages, such as "disk-root".</summary>
    public string Name { get; }

    public VirtioDeviceType DeviceType { get; }

    /// <summary>Features the device offers.</summary>
    public abstract ulong OfferedFeatures { get; }

    /// <summary>The device's configuration space as the driver reads it.</summary>
    public abstract ReadOnlySpan<byte> Config { get; }

    /// <summary>The queues, by index.</summary>
    public SplitVirtqueue[] Queues { get; private set; } = [];

    /// <summary>Features the driver accepted; 0 before FEATURES_OK.</summary>
    public ulong Features { get; private set; }

    /// <summary>Whether the driver is ready and neither side has given up.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Whether work waits for the next round's budget: the machine is not idle then.</summary>
    public bool HasDeferredWork => _deferredQueues != 0;

    /// <summary>What the driver last did wrong, for people to read; not state.</summary>
    public string? LastDriverFault { get; private set; }

    protected GuestMemory Memory { get; private set; } = null!; // set by Attach

    /// <summary>The chain being worked on; reused, never held across calls.</summary>
    protected DescriptorChain Chain { get; } = new();

    protected bool HasFeature(ulong feature) => (Features & feature) != 0;

    /// <summary>Binds the device to its transport; once, before anything else.</summary>
    internal void Attach(GuestMemory memory, IVirtioTransport transport)
    {
        if (_transport is not null) throw new InvalidOperationException($"Device {Name} has a transport already.");
        Memory = memory;
        _transport = transport;
        Queues = new SplitVirtqueue[_queueCount];
        for (int i = 0; i < _queueCount; i++) Queues[i] = new SplitVirtqueue(memory);
    }

    /// <summary>FEATURES_OK was accepted.</summary>
    internal void AcceptFeatures(ulong features)
    {
        Features = features;
        SetQueueFeatures();
        OnFeaturesAccepted();
    }

    /// <summary>DRIVER_OK: buffers that are there already are worked on (§3.1.1 lets the driver fill queues before).</summary>
    internal void Start()
    {
        IsRunning = true;
        for (int i = 0; i < Queues.Length && IsRunning; i++)
        {
            if (Queues[i].IsReady) OnNotified(i);
        }
    }

    /// <summary>The device may not touch its queues any more.</summary>
    internal void Stop()
    {
        IsRunning = false;
        _deferredQueues = 0;
        for (int i = 0; i < Queues.Length; i++)
        {
            Queues[i].Disable();
            OnQueueStopped(i);
        }
    }

    /// <summary>The driver takes one queue away (QueueReady = 0).</summary>
    internal void StopQueue(int index)
    {
        _deferredQueues &= ~(1u << index);
        Queues[index].Disable();
        OnQueueStopped(index);
    }

    /// <summary>The driver reset the device. The round's budget stays spent, or resets would be a way around it.</summary>
    internal void ResetByDriver()
    {
        if (IsRunning) Stop();
        Features = 0;
        for (int i = 0; i < Queues.Length; i++)
        {
            StopQueue(i);
            Queues[i].Reset();
        }
        OnReset();
    }

    /// <summary>Returns to the state after power-on.</summary>
    internal void PowerOn()
    {
        ResetByDriver();
        _budgetUnits = RoundBudgetUnits;
        LastDriverFault = null;
        OnPowerOn();
    }

    /// <summary>Notification of one queue.</summary>
    internal void Notify(int index)
    {
        if (IsRunning && Queues[index].IsReady) OnNotified(index);
    }

    /// <summary>A round begins: there is budget again, and deferred work goes on, in the queues' order.</summary>
    internal void BeginRound()
    {
        _budgetUnits = RoundBudgetUnits;
        if (_deferredQueues == 0) return;
        uint deferred = _deferredQueues;
        _deferredQueues = 0;
        for (int i = 0; i < Queues.Length; i++)
        {
            if ((deferred & (1u << i)) != 0) Notify(i);
        }
    }

    /// <summary>A store of 1, 2, 4 or 8 bytes to the configuration space; by default nothing there is writable.</summary>
    internal virtual void WriteConfig(int offset, int widthBytes, ulong value) { }

    /// <summary>Adds requests made and not completed, by rising id.</summary>
    internal virtual void AddPendingRequests(List<MachineOutput> requests) { }

    /// <summary>Writes the budget, deferred work and the device's own state. The queues are the transport's to write.</summary>
    internal void Save(StateWriter writer)
    {
        writer.U16((ushort)_budgetUnits);
        writer.U8((byte)_deferredQueues);
        SaveDevice(writer);
    }

    /// <summary>Reads what <see cref="Save"/> wrote; features and queues are restored already.</summary>
    internal void Restore(ref StateReader reader, ulong features, bool isRunning)
    {
        Features = features;
        SetQueueFeatures();
        IsRunning = isRunning;
        LastDriverFault = null;
        ushort budgetUnits = reader.U16();
        byte deferred = reader.U8();
        if (budgetUnits > RoundBudgetUnits)
            throw new StateFormatException($"Saved state of {Name} has a budget of {budgetUnits} units where at most {RoundBudgetUnits} are allowed.");
        if (deferred >> Queues.Length != 0 || (deferred != 0 && !isRunning))
            throw new StateFormatException($"Saved state of {Name} defers work of queues 0x{deferred:x2}, which do not run.");
        _budgetUnits = budgetUnits;
        _deferredQueues = deferred;
        RestoreDevice(ref reader);
        for (int i = 0; i < Queues.Length; i++)
        {
            int outstanding = OutstandingChains(i);
            if (Queues[i].Outstanding != outstanding || (outstanding != 0 && !isRunning))
                throw new StateFormatException($"Saved state of {Name} has {Queues[i].Outstanding} chains outstanding in queue {i} for {outstanding} requests.");
        }
    }

    /// <summary>The driver made buffers available in a ready queue of the running device.</summary>
    protected abstract void OnNotified(int queueIndex);

    protected virtual void OnFeaturesAccepted() { }

    /// <summary>A queue was taken away: its outstanding chains must never be written to or returned.</summary>
    protected virtual void OnQueueStopped(int queueIndex) { }

    protected virtual void OnReset() { }

    /// <summary>Forgets what survives a reset by the driver.</summary>
    protected virtual void OnPowerOn() { }

    /// <summary>Chains of a queue that the device holds between calls, to check a restored state by.</summary>
    protected virtual int OutstandingChains(int queueIndex) => 0;

    protected abstract void SaveDevice(StateWriter writer);

    protected abstract void RestoreDevice(ref StateReader reader);

    /// <summary>Takes the next available chain into <see cref="Chain"/>; false when there is none, the budget is spent or the driver is at fault.</summary>
    protected bool TryPop(int queueIndex)
    {
        SplitVirtqueue queue = Queues[queueIndex];
        if (!IsRunning) return false;
        if (_budgetUnits == 0)
        {
            if (queue.HasAvailable) _deferredQueues |= 1u << queueIndex;
            return false;
        }
        PopResult result = queue.Pop(Chain);
        Spend(Chain.DescriptorsSeen);
        if (result == PopResult.Fault) Fail(queue.FaultReason);
        return result == PopResult.Chain;
    }

    /// <summary>Whether the round's budget is spent.</summary>
    protected bool IsBudgetSpent => _budgetUnits == 0;

    /// <summary>Pays for bytes that leave the machine.</summary>
    protected void SpendBytes(int bytes) => Spend((bytes + BytesPerUnit - 1) / BytesPerUnit);

    private void Spend(int units) => _budgetUnits = Math.Max(0, _budgetUnits - units);

    /// <summary>Returns a chain to the driver.</summary>
    protected void Push(int queueIndex, ushort head, uint writtenBytes) => Queues[queueIndex].Push(head, writtenBytes);

    /// <summary>Interrupts the driver if buffers were used since the last call and it wants to hear of them.</summary>
    protected void SignalUsed(int queueIndex)
    {
        if (IsRunning && Queues[queueIndex].ShouldInterrupt()) _transport.SignalUsedBuffers();
    }

    /// <summary>The driver broke the rules: the device stops and asks for a reset. Never an exception.</summary>
    protected void Fail(string reason)
    {
        LastDriverFault = reason;
        _transport.SignalNeedsReset();
    }

    private void SetQueueFeatures()
    {
        foreach (SplitVirtqueue queue in Queues)
            queue.SetFeatures(HasFeature(VirtioFeatures.EventIndex), HasFeature(VirtioFeatures.IndirectDescriptors));
    }
}
