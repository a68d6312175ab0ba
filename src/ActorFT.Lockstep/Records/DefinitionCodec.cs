using System.Collections.Immutable;
using ActorFT.Machine;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Records;

/// <summary>A machine's definition as bytes, without those of kernel and initrd: for a log's header and for <see cref="MachineIdentity"/>.</summary>
internal static class DefinitionCodec
{
    private const int MaxTextBytes = 64 << 10, MaxDevices = RecordLimits.MaxDeviceIndex + 1, MaxSeedBytes = 4096, MacBytes = 6;

    public static void Write(StateWriter writer, MachineDefinition definition)
    {
        writer.VarintText(definition.Name);
        writer.Varint((ulong)definition.VcpuCount);
        writer.Varint(definition.MemoryBytes);
        writer.Varint((ulong)definition.QuantumInstructions);
        writer.VarintText(definition.CommandLine);
        writer.U64(definition.StartWallClockNs);
        writer.VarintBytes(definition.RngSeed.Span);
        writer.Bool(definition.HasVirtioConsole);
        writer.Bool(definition.HasEntropy);
        writer.Varint((ulong)definition.Disks.Length);
        foreach (DiskDefinition disk in definition.Disks)
        {
            writer.VarintText(disk.Name);
            writer.Varint(disk.CapacityBytes);
            writer.Bool(disk.IsReadOnly);
        }
        writer.Varint((ulong)definition.Nics.Length);
        foreach (NicDefinition nic in definition.Nics)
        {
            writer.VarintText(nic.Name);
            writer.VarintBytes(nic.MacAddress.AsSpan());
            writer.Varint((ulong)nic.MtuBytes);
        }
    }

    public static MachineDefinition Read(ref StateReader reader) => new()
    {
        Kernel = default,
        Name = reader.VarintText(MaxTextBytes, "machine's name"),
        VcpuCount = reader.VarintInt(RecordLimits.MaxVcpus, "number of vCPUs"),
        MemoryBytes = reader.Varint(RecordLimits.MaxMemoryBytes, "memory size"),
        QuantumInstructions = reader.VarintInt(int.MaxValue, "quantum"),
        CommandLine = reader.VarintText(MaxTextBytes, "command line"),
        StartWallClockNs = reader.U64(),
        RngSeed = reader.VarintBytes(MaxSeedBytes, "random seed"),
        HasVirtioConsole = reader.Bool(),
        HasEntropy = reader.Bool(),
        Disks = ReadDisks(ref reader),
        Nics = ReadNics(ref reader),
    };

    private static ImmutableArray<DiskDefinition> ReadDisks(ref StateReader reader)
    {
        int count = reader.VarintInt(MaxDevices, "count of disks");
        var disks = ImmutableArray.CreateBuilder<DiskDefinition>(count);
        for (int i = 0; i < count; i++)
            disks.Add(new DiskDefinition(reader.VarintText(MaxTextBytes, "disk's name"), reader.Varint(ulong.MaxValue, "disk's size"), reader.Bool()));
        return disks.MoveToImmutable();
    }

    private static ImmutableArray<NicDefinition> ReadNics(ref StateReader reader)
    {
        int count = reader.VarintInt(MaxDevices, "count of NICs");
        var nics = ImmutableArray.CreateBuilder<NicDefinition>(count);
        for (int i = 0; i < count; i++)
        {
            string name = reader.VarintText(MaxTextBytes, "NIC's name");
            byte[] mac = reader.VarintBytes(MacBytes, "MAC address");
            if (mac.Length != MacBytes) throw new StateFormatException($"A MAC address has {mac.Length} bytes; {MacBytes} are required.");
            nics.Add(new NicDefinition(name, [.. mac], reader.VarintInt(ushort.MaxValue, "MTU")));
        }
        return nics.MoveToImmutable();
    }
}
