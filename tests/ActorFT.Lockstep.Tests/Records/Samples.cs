using System.Collections.Immutable;
using ActorFT.Lockstep.Records;
using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;

namespace ActorFT.Lockstep.Tests.Records;

internal static class Samples
{
    public static readonly MachineDefinition Machine = new()
    {
        Name = "test",
        VcpuCount = 2,
        MemoryBytes = 64 << 20,
        Kernel = new byte[] { 1, 2, 3 },
        Initrd = new byte[] { 4, 5 },
        CommandLine = "console=ttyS0 name=größe",
        Disks = [new DiskDefinition("root", 1 << 20), new DiskDefinition("data", 1 << 30, IsReadOnly: true)],
        Nics = [new NicDefinition("net", [2, 0, 0, 0, 0, 1])],
        RngSeed = new byte[] { 9, 8, 7 },
        StartWallClockNs = 1_700_000_000_000_000_000,
    };

    public static Record Record(ulong firstRound = 7, ulong timeNs = 1_000_000) => new()
    {
        FirstRound = firstRound,
        Rounds =
        [
            new Round(timeNs),
            new Round(timeNs + 1_000, Inputs()),
            new Round(timeNs + 1_000),
            new Round(timeNs + 900_000, [new ConsoleTyped(0, "ls\n"u8.ToArray())]),
        ],
        OutputCount = 3,
        OutputHash = 0x1234_5678_9abc_def0,
        DigestAtEnd = new Digest(1, ulong.MaxValue),
    };

    public static ImmutableArray<MachineInput> Inputs() =>
    [
        new FrameReceived(0, new byte[] { 1, 2, 3, 4, 5 }),
        new ConsoleTyped(1, new byte[] { 10 }),
        new BlockCompleted(1, ulong.MaxValue, BlockStatus.Ok, new byte[512]),
        new BlockCompleted(0, 3, BlockStatus.IoError, default),
        new EntropyArrived(12, new byte[] { 1 }),
    ];

    public static byte[] Encode(Record record, BlockDataMode mode)
    {
        var writer = new StateWriter();
        RecordCodec.Encode(writer, record, mode);
        return writer.Written.ToArray();
    }

    public static byte[] Log(params Record[] records) => Log(BlockDataMode.Carried, isEnded: true, records);

    public static byte[] Log(BlockDataMode mode, bool isEnded, params Record[] records)
    {
        var log = new RecordLogWriter(RecordLogHeader.Of(Machine, mode, "vmlinux", "initrd.img"));
        var bytes = new List<byte>(log.Start.ToArray());
        foreach (Record record in records) bytes.AddRange(log.Append(record).ToArray());
        if (isEnded) bytes.AddRange(log.End(new RecordLogEnd(records[^1].EndRound, new Digest(5, 6), MachinePower.Off)).ToArray());
        return [.. bytes];
    }
}
