using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using Xunit;

namespace ActorFT.Storage.Tests.Copies;

/// <summary>Every fault that can be injected, on every kind of operation, on both files: what comes of it, and that it is never wrong data.</summary>
public class FaultTableTests
{
    private const int Block = DiskGeometry.BlockBytes;
    private static readonly DiskGeometry Geometry = new(1 << 20, DiskGeometry.MinRegionBytes);

    private sealed class Rig
    {
        internal CrashBlockFile Image { get; }
        internal CrashBlockFile Metadata { get; }
        internal FaultInjectingBlockFile ImageFaults { get; }
        internal FaultInjectingBlockFile MetadataFaults { get; }
        internal DiskCopy Copy { get; private set; }

        internal Rig()
        {
            var clock = new CrashClock();
            Image = new CrashBlockFile("image", Geometry.CapacityBytes, clock);
            Metadata = new CrashBlockFile("metadata", 0, clock);
            ImageFaults = new FaultInjectingBlockFile(Image, isFaultInjectionEnabled: true);
            MetadataFaults = new FaultInjectingBlockFile(Metadata, isFaultInjectionEnabled: true);
            Copy = DiskCopy.Create(ImageFaults, MetadataFaults, CrashRig.Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, CrashRig.Options);
            Copy.Write(0, Filled(1, 16 * Block));
            Copy.Flush();
        }

        internal void Reopen() => Copy = DiskCopy.Open(ImageFaults, MetadataFaults, CrashRig.Name, Geometry.CapacityBytes, CrashRig.Options);
    }

    private static byte[] Filled(byte value, int length)
    {
        byte[] data = new byte[length];
        Array.Fill(data, value);
        return data;
    }

    private static byte[] Read(DiskCopy copy, long offset, int length)
    {
        byte[] data = new byte[length];
        copy.Read(offset, data);
        return data;
    }

    [Theory]
    [InlineData(InjectedFaultKind.IoError, CopyFaultKind.IoError)]
    [InlineData(InjectedFaultKind.Flip, CopyFaultKind.Corrupt)]
    public void Read_BlockGoesBad_NamesThatBlockAloneAndTheOthersStayReadable(InjectedFaultKind injected, CopyFaultKind expected)
    {
        var rig = new Rig();
        rig.ImageFaults.Inject(new InjectedFault(injected, FaultOperations.Read, 5 * Block, Block));
        BlockCorruptException e = Assert.Throws<BlockCorruptException>(() => Read(rig.Copy, 5 * Block, Block));
        Assert.Equal((expected, 5L), (e.Kind, Assert.Single(e.Blocks)));
        Assert.Equal(Filled(1, 5 * Block), Read(rig.Copy, 0, 5 * Block));
        Assert.Equal(Filled(1, Block), Read(rig.Copy, 6 * Block, Block));
        Assert.True(rig.ImageFaults.FiredCount(injected) > 0);
        Assert.Null(rig.Copy.Failure); // a bad block does not fail the copy
    }

    [Fact]
    public void Read_BitFlippedOnTheDisk_IsFoundAndRepairedInPlace()
    {
        var rig = new Rig();
        rig.Image.Corrupt(7 * Block + 99, 0x04);
        Assert.Equal([7L], Assert.Throws<BlockCorruptException>(() => Read(rig.Copy, 0, 16 * Block)).Blocks);
        Assert.Throws<BlockCorruptException>(() => rig.Copy.Write(7 * Block, Filled(9, 512))); // a write in part must not bless the rest
        Assert.True(rig.Copy.RepairBlock(7, Filled(1, Block)));
        Assert.Equal(Filled(1, 16 * Block), Read(rig.Copy, 0, 16 * Block));
        Assert.Equal((1UL, true), (rig.Copy.Describe().BlocksRepaired, rig.Copy.Describe().CorruptBlocksFound >= 1));
    }

    [Theory]
    [InlineData(InjectedFaultKind.IoError, FaultOperations.Write, CopyFaultKind.IoError)]
    [InlineData(InjectedFaultKind.IoError, FaultOperations.Flush, CopyFaultKind.IoError)]
    [InlineData(InjectedFaultKind.NoSpace, FaultOperations.Write, CopyFaultKind.NoSpace)]
    [InlineData(InjectedFaultKind.Vanish, FaultOperations.All, CopyFaultKind.Vanished)]
    public void Flush_ImageFails_FailsTheCopyWhichRecoversWhenOpenedAgain(InjectedFaultKind injected, FaultOperations operations, CopyFaultKind expected)
    {
        var rig = new Rig();
        rig.ImageFaults.Inject(new InjectedFault(injected, operations));
        rig.Copy.Write(0, Filled(2, 6 * Block)); // held in memory: fails at the flush
        AssertFails(rig, rig.ImageFaults, injected, expected);
    }

    [Theory]
    [InlineData(InjectedFaultKind.IoError, FaultOperations.Write, CopyFaultKind.IoError)]
    [InlineData(InjectedFaultKind.IoError, FaultOperations.Flush, CopyFaultKind.IoError)]
    [InlineData(InjectedFaultKind.NoSpace, FaultOperations.Write, CopyFaultKind.NoSpace)]
    [InlineData(InjectedFaultKind.Vanish, FaultOperations.All, CopyFaultKind.Vanished)]
    public void Flush_MetadataFails_FailsTheCopyWhichRecoversWhenOpenedAgain(InjectedFaultKind injected, FaultOperations operations, CopyFaultKind expected)
    {
        var rig = new Rig();
        rig.MetadataFaults.Inject(new InjectedFault(injected, operations));
        rig.Copy.Write(0, Filled(2, Block));
        AssertFails(rig, rig.MetadataFaults, injected, expected);
    }

    private static void AssertFails(Rig rig, FaultInjectingBlockFile faults, InjectedFaultKind injected, CopyFaultKind expected)
    {
        BlockIoException e = Assert.Throws<BlockIoException>(() => rig.Copy.Flush());
        Assert.Equal(expected, e.Kind);
        Assert.Equal(expected, rig.Copy.Failure!.Kind);
        Assert.Equal(Filled(2, Block - 512), Read(rig.Copy, 0, Block - 512)); // what was acknowledged is still read
        Assert.Equal(CopyFaultKind.Failed, Assert.Throws<BlockIoException>(() => rig.Copy.Write(0, new byte[512])).Kind);
        Assert.Equal(CopyFaultKind.Failed, Assert.Throws<BlockIoException>(() => rig.Copy.Flush()).Kind);
        if (injected != InjectedFaultKind.Vanish) Assert.True(faults.FiredCount(injected) > 0);
        faults.Clear();
        rig.Reopen();
        byte[] found = Read(rig.Copy, 0, 16 * Block);
        Assert.All(found, b => Assert.True(b is 1 or 2));
        Assert.Equal(Filled(1, Block), found[^Block..]);
        Assert.Contains(0, rig.Copy.DirtyRegions());
    }

    [Theory]
    [InlineData(InjectedFaultKind.LostWrite)]
    [InlineData(InjectedFaultKind.TornWrite)]
    [InlineData(InjectedFaultKind.Flip)]
    public void Write_DeviceLiesAboutIt_IsFoundWhenRead(InjectedFaultKind injected)
    {
        var rig = new Rig();
        rig.ImageFaults.Inject(new InjectedFault(injected, FaultOperations.Write, Count: 1));
        rig.Copy.Write(2 * Block, Filled(2, Block));
        rig.Copy.Flush();
        Assert.Equal(1, rig.ImageFaults.FiredCount(injected));
        Assert.Equal([2L], Assert.Throws<BlockCorruptException>(() => Read(rig.Copy, 0, 16 * Block)).Blocks);
        Assert.True(rig.Copy.RepairBlock(2, Filled(2, Block)));
        Assert.Equal(Filled(2, Block), Read(rig.Copy, 2 * Block, Block));
    }

    [Theory]
    [InlineData(InjectedFaultKind.LostWrite)]
    [InlineData(InjectedFaultKind.TornWrite)]
    public void Zeroing_DeviceLiesAboutIt_IsFoundWhenRead(InjectedFaultKind injected)
    {
        var rig = new Rig();
        rig.ImageFaults.Inject(new InjectedFault(injected, FaultOperations.Write));
        rig.Copy.WriteZeroes(0, 2 * Block);
        rig.Copy.Flush();
        Assert.True(rig.ImageFaults.FiredCount(injected) > 0);
        Assert.Throws<BlockCorruptException>(() => Read(rig.Copy, 0, 2 * Block));
    }

    [Theory]
    [InlineData(InjectedFaultKind.LostWrite)]
    [InlineData(InjectedFaultKind.TornWrite)]
    [InlineData(InjectedFaultKind.Flip)]
    public void MetadataWrite_DeviceLiesAboutIt_IsRefusedOrFoundButNeverWrongData(InjectedFaultKind injected)
    {
        int found = 0, refused = 0, right = 0;
        for (int skip = 0; skip < 60; skip++)
        {
            var rig = new Rig();
            rig.MetadataFaults.Inject(new InjectedFault(injected, FaultOperations.Write, Skip: skip, Count: 1));
            var expected = new byte[16];
            for (int i = 0; i < 30; i++)
            {
                int block = i * 7 % 16;
                expected[block] = (byte)(2 + i);
                rig.Copy.Write(block * Block, Filled(expected[block], Block));
                rig.Copy.Flush();
            }
            if (rig.MetadataFaults.FiredCount(injected) == 0) break; // every metadata write of this life had its turn
            try
            {
                rig.Reopen(); // as after a crash: nothing was closed
            }
            catch (ActorFT.Storage.Metadata.MetadataDamagedException)
            {
                refused++;
                continue;
            }
            for (int block = 0; block < 16; block++)
            {
                try
                {
                    Assert.Equal(Filled(expected[block], Block), Read(rig.Copy, block * Block, Block));
                    right++;
                }
                catch (BlockCorruptException)
                {
                    found++;
                }
            }
        }
        Assert.True(right > 100 && found + refused > 0, $"{right} right, {found} found, {refused} refused");
    }

    [Fact]
    public void Read_MetadataCannotBeRead_IsAnErrorNotUnverifiedData()
    {
        var rig = new Rig();
        rig.Copy.Dispose();
        rig.Reopen(); // nothing to recover, no checksums in memory
        rig.MetadataFaults.Inject(new InjectedFault(InjectedFaultKind.IoError, FaultOperations.Read));
        Assert.Equal(CopyFaultKind.IoError, Assert.Throws<BlockIoException>(() => Read(rig.Copy, 200 * Block, Block)).Kind);
        rig.MetadataFaults.Clear();
        Assert.Equal(new byte[Block], Read(rig.Copy, 200 * Block, Block));
    }

    [Fact]
    public void FaultInjection_SwitchOff_IsRefused() =>
        Assert.Throws<StorageConfigurationException>(() => new FaultInjectingBlockFile(new CrashBlockFile("x", 512, new CrashClock()), isFaultInjectionEnabled: false));
}
