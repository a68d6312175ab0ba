using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Tests.Copies;
using Xunit;

namespace ActorFT.Storage.Tests.Metadata;

public class TornMetadataTests
{
    private static readonly DiskGeometry Geometry = new(256 << 10, DiskGeometry.MinRegionBytes);
    private static readonly DiskCopyOptions Options = CrashRig.Options;

    /// <summary>Remembers every metadata write and what the file held before and after.</summary>
    private sealed class RecordingFile(IBlockFile inner, Func<byte[]> content) : IBlockFile
    {
        internal List<(byte[] Before, long Offset, byte[] Data)> Writes { get; } = [];
        internal bool IsRecording { get; set; }
        public string Name => inner.Name;
        public long LengthBytes => inner.LengthBytes;
        public bool IsVanished => false;
        public void Read(long offsetBytes, Span<byte> buffer) => inner.Read(offsetBytes, buffer);
        public void Write(long offsetBytes, ReadOnlySpan<byte> data)
        {
            if (IsRecording) Writes.Add((content(), offsetBytes, data.ToArray()));
            inner.Write(offsetBytes, data);
        }
        public void ZeroRange(long offsetBytes, long lengthBytes) => inner.ZeroRange(offsetBytes, lengthBytes);
        public void Flush() => inner.Flush();
        public void Reserve(long lengthBytes) => inner.Reserve(lengthBytes);
        public void Dispose() { }
    }

    private static byte[] Pattern(int seed, int length)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    private static (CrashBlockFile Image, List<(byte[] Before, long Offset, byte[] Data, byte[] Image)> Writes) RecordLife()
    {
        var clock = new CrashClock();
        var image = new CrashBlockFile("image", Geometry.CapacityBytes, clock);
        var metadata = new CrashBlockFile("metadata", 0, clock);
        var recording = new RecordingFile(metadata, () => metadata.Content.ToArray());
        DiskCopy copy = DiskCopy.Create(image, recording, CrashRig.Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, Options);
        copy.Write(0, Pattern(1, 5 * 4096));
        copy.Flush();
        recording.IsRecording = true;
        var images = new List<byte[]>();
        // Everything that writes metadata: a data record, an intent record, a status change, a clean record, a checkpoint.
        copy.Write(4096, Pattern(2, 4096));
        copy.Flush();
        Note();
        copy.Write(8192, Pattern(3, 6 * 4096));
        copy.Flush();
        Note();
        copy.SetStatus(CopyState.Good, "", new MirrorVersion(7, 1), isAlone: true);
        Note();
        copy.MarkClean([2, 3], copy.Flush());
        Note();
        copy.Dispose();
        Note();
        return (image, [.. recording.Writes.Select((w, i) => (w.Before, w.Offset, w.Data, images[i]))]);

        void Note()
        {
            while (images.Count < recording.Writes.Count) images.Add(image.Content.ToArray());
        }
    }

    private static CrashBlockFile FileOf(string name, byte[] content)
    {
        var file = new CrashBlockFile(name, content.Length, new CrashClock());
        file.Write(0, content);
        file.Flush();
        return file;
    }

    [Fact]
    public void MetadataWrite_TornAtEveryOffset_LeavesACopyThatOpensAndReadsWhatWasFlushed()
    {
        var (_, writes) = RecordLife();
        Assert.True(writes.Count >= 9, $"{writes.Count}"); // three records, two slots twice, two or more pages
        int opened = 0;
        foreach ((byte[] before, long offset, byte[] data, byte[] imageContent) in writes)
        {
            // Every offset of the part that carries something, and one in the zero padding after it.
            int used = Array.FindLastIndex(data, b => b != 0) + 1;
            int stride = used > 8192 ? 61 : used > 4096 ? 13 : 1;
            for (int cut = 0; cut <= used; cut += stride)
            {
                byte[] torn = (byte[])before.Clone();
                data.AsSpan(0, cut).CopyTo(torn.AsSpan((int)offset));
                using DiskCopy copy = DiskCopy.Open(FileOf("image", imageContent), FileOf("metadata", torn), CrashRig.Name, Geometry.CapacityBytes, Options);
                byte[] read = new byte[4096];
                copy.Read(0, read); // flushed long before
                Assert.Equal(Pattern(1, 5 * 4096)[..4096], read);
                Assert.Contains(0, copy.DirtyRegions());
                opened++;
            }
        }
        Assert.True(opened > 1000, $"{opened}");
    }

    [Fact]
    public void Metadata_AnyByteRotten_NeverGivesWrongData()
    {
        var (image, writes) = RecordLife();
        byte[] final = (byte[])writes[^1].Before.Clone();
        writes[^1].Data.CopyTo(final.AsSpan((int)writes[^1].Offset));
        byte[] truth = image.Content.ToArray();
        var random = new Random(5);
        int refused = 0, harmless = 0, detected = 0;
        int[] interesting = [.. Enumerable.Range(0, final.Length).Where(i => final[i] != 0)];
        for (int i = 0; i < 800; i++)
        {
            byte[] rotten = (byte[])final.Clone();
            rotten[interesting[random.Next(interesting.Length)]] ^= (byte)(1 << random.Next(8));
            try
            {
                using DiskCopy copy = DiskCopy.Open(FileOf("image", truth), FileOf("metadata", rotten), CrashRig.Name, Geometry.CapacityBytes, Options);
                bool isDetected = false;
                byte[] block = new byte[4096];
                for (int at = 0; at < truth.Length; at += 4096)
                {
                    try
                    {
                        copy.Read(at, block);
                        Assert.True(block.AsSpan().SequenceEqual(truth.AsSpan(at, 4096)));
                    }
                    catch (BlockCorruptException)
                    {
                        isDetected = true;
                    }
                }
                Assert.Equal(new MirrorVersion(7, 1), copy.Describe().Version); // never an older opinion of itself
                if (isDetected) detected++;
                else harmless++;
            }
            catch (Exception e) when (e is MetadataDamagedException or StorageConfigurationException)
            {
                refused++;
            }
        }
        Assert.True(harmless > 100 && refused + detected > 0, $"{harmless} harmless, {detected} detected, {refused} refused");
    }

    [Fact]
    public void Journal_DurableRecordLost_IsFoundAndNotReplayedAround()
    {
        var clock = new CrashClock();
        var image = new CrashBlockFile("image", Geometry.CapacityBytes, clock);
        var metadata = new CrashBlockFile("metadata", 0, clock);
        DiskCopy copy = DiskCopy.Create(image, metadata, CrashRig.Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, Options);
        for (int i = 0; i < 3; i++)
        {
            copy.Write(i * 4096, Pattern(i, 4096));
            copy.Flush();
        }
        metadata.Corrupt(MetadataLayout.JournalOffset + Journal.RecordBytes(1, 1) + 100, 1); // in the second of three records
        MetadataDamagedException e = Assert.Throws<MetadataDamagedException>(() => DiskCopy.Open(image, metadata, CrashRig.Name, Geometry.CapacityBytes, Options));
        Assert.Contains("lacks record 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Journal_GuestDataShapedLikeARecord_IsNotTakenForOne()
    {
        var clock = new CrashClock();
        var image = new CrashBlockFile("image", Geometry.CapacityBytes, clock);
        var metadata = new CrashBlockFile("metadata", 0, clock);
        var other = new CrashBlockFile("other", 0, clock);
        DiskCopy forger = DiskCopy.Create(new CrashBlockFile("i", Geometry.CapacityBytes, clock), other, CrashRig.Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, Options);
        for (int i = 0; i < 4; i++)
        {
            forger.WriteZeroes(i * 4096, 4096);
            forger.Flush();
        }
        // Real records of another copy, numbers 1 to 4, of the same epoch, placed by the guest so that they land on record boundaries.
        byte[] records = other.Content.Slice((int)MetadataLayout.JournalOffset, 4 * 4096).ToArray();
        DiskCopy copy = DiskCopy.Create(image, metadata, CrashRig.Name, Geometry, Guid.NewGuid(), NewCopyRole.Current, Options);
        const int blocks = 3;
        byte[] data = new byte[blocks * 4096];
        int header = Journal.HeaderBytes + blocks * Journal.EntryBytes;
        records.AsSpan(4096, data.Length - (4096 - header)).CopyTo(data.AsSpan(4096 - header));
        copy.Write(0, data);
        copy.Flush();
        using DiskCopy opened = DiskCopy.Open(image, metadata, CrashRig.Name, Geometry.CapacityBytes, Options);
        byte[] read = new byte[data.Length];
        opened.Read(0, read);
        Assert.Equal(data, read);
        Assert.Equal(1, opened.Recovery.JournalRecords);
    }
}
