using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Tests.Copies;
using Xunit;

namespace ActorFT.Storage.Tests.Metadata;

/// <summary>A copy of a build whose pages counted their own versions: after checkpoints that were cut short these may be beyond the epoch, and count all the same.</summary>
public class FormatOneTests
{
    private readonly CrashRig _rig = new(1);

    // As such a build left it: format 1, and an epoch that the pages' numbers are beyond.
    private void MakeFormatOne(ulong epochsBehind)
    {
        _rig.Write(0, 64);
        _rig.Flush(isMirrored: false);
        _rig.Copy.Dispose();
        Superblock now = Superblock.Read(_rig.Metadata)!;
        Assert.True(now.Epoch > epochsBehind);
        (now with { Format = 1, Epoch = now.Epoch - epochsBehind }).Write(_rig.Metadata);
    }

    private DiskCopy Open() => DiskCopy.Open(_rig.Image, _rig.Metadata, CrashRig.Name, _rig.Geometry.CapacityBytes, CrashRig.Options);

    [Fact]
    public void PagesBeyondTheEpoch_Count_AndTheFirstCheckpointMakesItFormatTwo()
    {
        MakeFormatOne(epochsBehind: 1);
        using (DiskCopy copy = Open())
        {
            copy.Read(0, new byte[64 * CrashRig.Sector]);
            Assert.Equal(1, Superblock.Read(_rig.Metadata)!.Format); // until pages have a number beyond all that were counted
            copy.Write(0, new byte[8 * CrashRig.Sector]);
            copy.Flush();
        }

        Superblock after = Superblock.Read(_rig.Metadata)!;
        Assert.Equal(Superblock.FormatVersion, after.Format);
        Assert.True(after.Epoch > 1UL << 32);
        using DiskCopy again = Open();
        again.Read(0, new byte[_rig.Geometry.CapacityBytes]);
    }

    [Fact]
    public void CopyThatCrashesOnTheWayToFormatTwo_KeepsWhatFlushesCovered()
    {
        for (int operations = 1; operations < 60; operations++)
        {
            FormatOneTests one = new();
            one.MakeFormatOne(epochsBehind: 1);
            one._rig.Clock.CrashAtOperation = one._rig.Clock.Operations + operations;
            try
            {
                using DiskCopy copy = one.Open();
                byte[] data = new byte[8 * CrashRig.Sector];
                copy.Read(0, data);
                copy.Write(0, data); // the same again: whatever of it is there, the content is known
                copy.Flush();
            }
            catch (SimulatedCrashException)
            {
                // On the way.
            }

            one._rig.CrashAndRecover(0);
        }
    }
}
