using System.Diagnostics;
using System.Globalization;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Mirror;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.Storage.Tests.Copies;

/// <summary>
/// What decides a copy's speed is how many operations it makes of one: that is counted and held here, for no load on the machine
/// can change it. The times beside a plain file of the same size are printed for whoever looks (size: ACTORFT_BENCH_MIB, default 8).
/// </summary>
public sealed class ThroughputTests(ITestOutputHelper output) : IDisposable
{
    private const int Mebi = 1 << 20;
    private static readonly int SizeMebi = int.TryParse(Environment.GetEnvironmentVariable("ACTORFT_BENCH_MIB"), CultureInfo.InvariantCulture, out int size) ? size : 8;
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-storage-").FullName;
    private readonly byte[] _mebi = new byte[Mebi];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class Counting(IBlockFile inner) : IBlockFile
    {
        internal int Reads, Writes, Flushes, Zeroings;
        public string Name => inner.Name;
        public long LengthBytes => inner.LengthBytes;
        public bool IsVanished => inner.IsVanished;
        public void Read(long offsetBytes, Span<byte> buffer) { Reads++; inner.Read(offsetBytes, buffer); }
        public void Write(long offsetBytes, ReadOnlySpan<byte> data) { Writes++; inner.Write(offsetBytes, data); }
        public void ZeroRange(long offsetBytes, long lengthBytes) { Zeroings++; inner.ZeroRange(offsetBytes, lengthBytes); }
        public void Flush() { Flushes++; inner.Flush(); }
        public void Reserve(long lengthBytes) => inner.Reserve(lengthBytes);
        public void Dispose() => inner.Dispose();
        internal void Reset() => Reads = Writes = Flushes = Zeroings = 0;
    }

    private (DiskCopy Copy, Counting Image, Counting Metadata) Make(string name)
    {
        var image = new Counting(HostBlockFile.Create(Path.Combine(_folder, name), "image"));
        image.Reserve((long)SizeMebi * Mebi);
        var metadata = new Counting(HostBlockFile.Create(Path.Combine(_folder, name + ".actorft"), "metadata"));
        DiskCopy copy = DiskCopy.Create(image, metadata, CrashRig.Name, new DiskGeometry((long)SizeMebi * Mebi), Guid.NewGuid(), NewCopyRole.Current, new DiskCopyOptions { CacheBytes = 4 * Mebi });
        image.Reset();
        metadata.Reset();
        return (copy, image, metadata);
    }

    private HostBlockFile MakePlain()
    {
        HostBlockFile plain = HostBlockFile.Create(Path.Combine(_folder, "plain"), "image");
        plain.Reserve((long)SizeMebi * Mebi);
        return plain;
    }

    private void Time(string what, double units, string unit, Action copy, Action plain)
    {
        double ours = Seconds(copy), theirs = Seconds(plain);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: copy {units / ours:F0} {unit}/s, plain file {units / theirs:F0} {unit}/s, ratio {theirs / ours:F2}"));
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Math.Max(1e-6, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    [Fact]
    public void Copy_BesideAPlainFile_MakesFewOperationsOfMany()
    {
        (DiskCopy copy, Counting image, Counting metadata) = Make("vda.img");
        using DiskCopy disposed = copy;
        using HostBlockFile plain = MakePlain();
        new Random(1).NextBytes(_mebi);

        Time("sequential write of 1 MiB, one flush", SizeMebi, "MiB",
            () => { for (int i = 0; i < SizeMebi; i++) copy.Write((long)i * Mebi, _mebi); copy.Flush(); },
            () => { for (int i = 0; i < SizeMebi; i++) plain.Write((long)i * Mebi, _mebi); plain.Flush(); });
        // A write of 1 MiB to the image for each, a record and its flush for every 4 MiB, one flush of the image.
        int batches = (SizeMebi + 3) / 4;
        Assert.True(image.Writes <= SizeMebi + 1 && image.Reads == 0 && metadata.Writes <= batches + 2, $"{image.Writes} {image.Reads} {metadata.Writes}");
        Assert.True(image.Flushes <= 1 + SizeMebi / 512 && metadata.Flushes <= batches + 2, $"{image.Flushes} {metadata.Flushes}");

        image.Reset();
        Time("sequential read of 1 MiB, cached", SizeMebi, "MiB",
            () => { for (int i = 0; i < SizeMebi; i++) copy.Read((long)i * Mebi, _mebi); },
            () => { for (int i = 0; i < SizeMebi; i++) plain.Read((long)i * Mebi, _mebi); });
        Assert.Equal(4 * SizeMebi, image.Reads);

        int count = 64 * SizeMebi, flushes = 4 * SizeMebi, blocks = 256 * SizeMebi;
        byte[] block = new byte[4096];
        var random = new Random(2);
        image.Reset();
        Time("random read of 4 KiB, cached", count, "reads",
            () => { for (int i = 0; i < count; i++) copy.Read(random.Next(blocks) * 4096L, block); },
            () => { for (int i = 0; i < count; i++) plain.Read(random.Next(blocks) * 4096L, block); });
        Assert.Equal(count, image.Reads);

        Time("random write of 4 KiB, one flush", count, "writes",
            () => { for (int i = 0; i < count; i++) { block[0]++; copy.Write(random.Next(blocks) * 4096L, block); } copy.Flush(); },
            () => { for (int i = 0; i < count; i++) plain.Write(random.Next(blocks) * 4096L, block); plain.Flush(); });

        image.Reset();
        metadata.Reset();
        Time("random write of 4 KiB with a flush each", flushes, "flushes",
            () => { for (int i = 0; i < flushes; i++) { block[1]++; copy.Write(random.Next(blocks) * 4096L, block); copy.Flush(); } },
            () => { for (int i = 0; i < flushes; i++) { plain.Write(random.Next(blocks) * 4096L, block); plain.Flush(); } });
        // One flush each, and a checkpoint's few now and then.
        Assert.InRange(metadata.Flushes + image.Flushes, flushes, flushes + 8 + flushes / 50);

        image.Reset();
        Time("zeroing all", SizeMebi, "MiB", () => { copy.WriteZeroes(0, (long)SizeMebi * Mebi); copy.Flush(); },
            () => { plain.ZeroRange(0, (long)SizeMebi * Mebi); plain.Flush(); });
        Assert.Equal((1 + SizeMebi / 1025, 0), (image.Zeroings, image.Writes));
        image.Reset();
        copy.WriteZeroes(0, (long)SizeMebi * Mebi);
        Assert.Equal(0, image.Zeroings); // zero already
    }

    [Fact]
    public void Resync_OfEverything_ReadsEachSideOnceToCompareAndSendsWhatDiffers()
    {
        (DiskCopy source, Counting sourceImage, _) = Make("source.img");
        (DiskCopy target, Counting targetImage, _) = Make("target.img");
        using DiskCopy disposedSource = source, disposedTarget = target;
        using HostBlockFile plain = MakePlain();
        new Random(3).NextBytes(_mebi);
        for (int i = 0; i < SizeMebi; i++) source.Write((long)i * Mebi, _mebi);
        source.Flush();
        sourceImage.Reset();
        int regions = source.Geometry.RegionCount;
        Time("resync of everything, compared first", SizeMebi, "MiB", () => Resync(source, target), () =>
        {
            for (int i = 0; i < SizeMebi; i++)
            {
                source.Read((long)i * Mebi, _mebi);
                plain.Write((long)i * Mebi, _mebi);
            }
            plain.Flush();
        });
        Assert.Equal((regions * 2 + SizeMebi * 4, regions), (sourceImage.Reads, targetImage.Reads)); // compared and read; the plain copy reads too
        targetImage.Reset();
        sourceImage.Reset();
        Time("resync of what is equal already", SizeMebi, "MiB", () => Resync(source, target), () => { });
        Assert.Equal((regions, regions, 0), (sourceImage.Reads, targetImage.Reads, targetImage.Writes));
    }

    private static void Resync(DiskCopy source, DiskCopy target)
    {
        var plan = new ResyncPlan(source.Geometry, Enumerable.Range(0, source.Geometry.RegionCount));
        byte[] content = new byte[source.Geometry.RegionBytes];
        while (plan.TakeNext() is { } next)
        {
            BlockCheck[] ours = source.CheckRegion(next.Region), theirs = target.CheckRegion(next.Region);
            Assert.True(plan.TryApply(next.Region, 0));
            List<int> send = RegionCompare.BlocksToSend(ours, theirs, out _);
            if (send.Count > 0) source.Read(source.Geometry.RegionOffset(next.Region), content);
            foreach (int i in send) target.Write(source.Geometry.RegionOffset(next.Region) + i * 4096L, content.AsSpan(i * 4096, 4096));
            plan.Applied(next.Region, 0);
        }
        target.Flush();
    }
}
