using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.Memory;
using ActorFT.Machine.State;

namespace ActorFT.Cluster.Tests.Support;

/// <summary>A real machine, one vCPU of which throws once it is told to.</summary>
internal sealed class FailingMachine(IMachine inner, int failingVcpu, Func<bool> isArmed) : IMachine
{
    public MachineDefinition Definition => inner.Definition;
    public ulong RoundNumber => inner.RoundNumber;
    public ulong TimeNs => inner.TimeNs;
    public MachinePower Power => inner.Power;
    public bool IsIdle => inner.IsIdle;
    public ulong NextTimerNs => inner.NextTimerNs;
    public IReadOnlyList<MachineOutput> PendingRequests => inner.PendingRequests;
    public GuestMemory Memory => inner.Memory;

    public QuantumResult RunQuantum(int vcpu) =>
        vcpu == failingVcpu && isArmed() ? throw new InvalidOperationException("planted") : inner.RunQuantum(vcpu);

    public void BeginRound(ulong timeNs, IReadOnlyList<MachineInput> inputs) => inner.BeginRound(timeNs, inputs);
    public void EndRound() => inner.EndRound();
    public void TakeOutputs(List<MachineOutput> outputs) => inner.TakeOutputs(outputs);
    public int ReceiveBuffersFree(int nicIndex) => inner.ReceiveBuffersFree(nicIndex);
    public Digest ComputeDigest() => inner.ComputeDigest();
    public IReadOnlyList<KeyValuePair<string, Digest>> ComputeComponentDigests() => inner.ComputeComponentDigests();
    public void SaveDevices(StateWriter writer) => inner.SaveDevices(writer);
    public void RestoreDevices(ReadOnlySpan<byte> state) => inner.RestoreDevices(state);
    public void Dispose() => inner.Dispose();
}
