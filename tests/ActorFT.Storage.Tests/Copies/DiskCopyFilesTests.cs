using ActorFT.Storage.Copies;
using ActorFT.Storage.Metadata;
using Xunit;

namespace ActorFT.Storage.Tests.Copies;

/// <summary>Operator's faults: one sentence that names the culprit, and nothing touched.</summary>
public sealed class DiskCopyFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-storage-").FullName;
    private static readonly DiskCopyOptions Options = new() { JournalBytes = 64 << 10, CacheBytes = 64 << 10, DataJournalBlocks = 4 };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private DiskCopySettings Settings(string image = "vda.img", string machine = "db", long capacityBytes = 1 << 20) =>
        new(new DiskName(machine, "vda"), capacityBytes, Path.Combine(_folder, image)) { Options = Options, RegionBytes = DiskGeometry.MinRegionBytes };

    /// <summary>Runs what must fail and checks that every file is as it was.</summary>
    private StorageConfigurationException Refused(Action action)
    {
        var before = Directory.GetFiles(_folder).Order().ToDictionary(f => f, f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(ReadShared(f))));
        StorageConfigurationException e = Assert.ThrowsAny<StorageConfigurationException>(action);
        var after = Directory.GetFiles(_folder).Order().ToDictionary(f => f, f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(ReadShared(f))));
        Assert.Equal(before, after);
        Assert.DoesNotContain('\n', e.Message);
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
        return e;
    }

    private static byte[] ReadShared(string path)
    {
        // Not through .NET's opening with a lock: the copy under test holds it.
        var start = new System.Diagnostics.ProcessStartInfo("cat", [path]) { RedirectStandardOutput = true };
        using var cat = System.Diagnostics.Process.Start(start)!;
        using var content = new MemoryStream();
        cat.StandardOutput.BaseStream.CopyTo(content);
        cat.WaitForExit();
        return content.ToArray();
    }

    [Fact]
    public void Copy_CreatedClosedAndOpened_KeepsContentIdentityAndStatus()
    {
        Guid id = Guid.NewGuid();
        byte[] data = new byte[100 * 512];
        new Random(1).NextBytes(data);
        using (DiskCopy copy = DiskCopyFiles.Create(Settings(), id, NewCopyRole.Current).Copy)
        {
            copy.Write(3 * 512, data);
            copy.SetStatus(CopyState.Degraded, "slow", new MirrorVersion(4, 2), isAlone: true);
        }
        Assert.True(DiskCopyFiles.HasMetadata(Settings()));
        using DiskCopy opened = DiskCopyFiles.Open(Settings()).Copy;
        byte[] read = new byte[data.Length];
        opened.Read(3 * 512, read);
        Assert.Equal(data, read);
        CopyDescription d = opened.Describe();
        Assert.Equal((id, CopyState.Degraded, "slow", new MirrorVersion(4, 2), true, true), (d.DiskId, d.State, d.Reason, d.Version, d.IsAlone, d.NeedsFullCompare));
    }

    [Fact]
    public void Copy_MadeForAnImageWithContent_TakesTheContent()
    {
        byte[] content = new byte[1 << 20];
        new Random(2).NextBytes(content);
        File.WriteAllBytes(Path.Combine(_folder, "vda.img"), content);
        using DiskCopy copy = DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current).Copy;
        byte[] read = new byte[1 << 20];
        copy.Read(0, read);
        Assert.Equal(content, read);
    }

    [Theory]
    [InlineData(1000, "1000 bytes")]
    [InlineData(0, "0 bytes")]
    [InlineData(-512, "-512 bytes")]
    public void Create_SizeNoMultipleOf512_IsRefused(long capacityBytes, string named) =>
        Assert.Contains(named, Refused(() => DiskCopyFiles.Create(Settings(capacityBytes: capacityBytes), Guid.NewGuid(), NewCopyRole.Current)).Message, StringComparison.Ordinal);

    [Fact]
    public void Open_ImageInUse_IsRefused()
    {
        using DiskCopy copy = DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current).Copy;
        Assert.Contains("in use", Refused(() => DiskCopyFiles.Open(Settings())).Message, StringComparison.Ordinal);
        File.CreateSymbolicLink(Path.Combine(_folder, "link.img"), Path.Combine(_folder, "vda.img"));
        Assert.Contains("in use", Refused(() => DiskCopyFiles.Create(Settings("link.img", "web"), Guid.NewGuid(), NewCopyRole.Current)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_TwoMachinesNamingOneImage_IsRefusedAlsoThroughALink()
    {
        File.WriteAllBytes(Path.Combine(_folder, "vda.img"), new byte[1 << 20]);
        File.CreateSymbolicLink(Path.Combine(_folder, "link.img"), Path.Combine(_folder, "vda.img"));
        string message = Refused(() => DiskCopySettings.Validate([Settings(), Settings("link.img", "web")])).Message;
        Assert.Contains("db/vda", message, StringComparison.Ordinal);
        Assert.Contains("web/vda", message, StringComparison.Ordinal);
        Assert.Contains("both", Refused(() => DiskCopySettings.Validate([Settings(), Settings("vda.img.actorft", "web")])).Message, StringComparison.Ordinal);
        DiskCopySettings.Validate([Settings(), Settings("other.img", "web")]);
    }

    [Fact]
    public void Open_ForeignMetadata_IsRefused()
    {
        File.WriteAllBytes(Path.Combine(_folder, "vda.img"), new byte[1 << 20]);
        File.WriteAllText(Path.Combine(_folder, "vda.img.actorft"), "a letter to a friend");
        Assert.Contains("not a disk's metadata", Refused(() => DiskCopyFiles.Open(Settings())).Message, StringComparison.Ordinal);
        Assert.Contains("not a disk's metadata", Refused(() => DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Path.Combine(_folder, "vda.img.actorft"), [.. Enumerable.Repeat((byte)3, 500_000)]);
        Assert.Contains("not a disk's metadata", Refused(() => DiskCopyFiles.Open(Settings())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NewerMetadata_IsRefusedWithBothVersions()
    {
        DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current).Copy.Dispose();
        string path = Path.Combine(_folder, "vda.img.actorft");
        byte[] metadata = File.ReadAllBytes(path);
        foreach (long at in new[] { 0, MetadataLayout.SuperblockSlotStride })
        {
            Span<byte> slot = metadata.AsSpan((int)at, MetadataLayout.PageBytes);
            slot[8] = 9;
            slot.Slice(16, 8).Clear();
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(slot[16..], System.IO.Hashing.XxHash3.HashToUInt64(slot));
        }
        File.WriteAllBytes(path, metadata);
        string message = Refused(() => DiskCopyFiles.Open(Settings())).Message;
        Assert.Contains("format 9", message, StringComparison.Ordinal);
        Assert.Contains("formats 1 to 2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AnotherDisksImageOrAnotherSize_IsRefused()
    {
        DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current).Copy.Dispose();
        Assert.Contains("belongs to disk db/vda, not to web/vda", Refused(() => DiskCopyFiles.Open(Settings(machine: "web"))).Message, StringComparison.Ordinal);
        Assert.Contains("must be equal", Refused(() => DiskCopyFiles.Open(Settings(capacityBytes: 1 << 19))).Message, StringComparison.Ordinal);
        Assert.Contains("exists already", Refused(() => DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_MissingOrTooSmallImage_IsRefused()
    {
        Assert.Contains("does not exist", Refused(() => DiskCopyFiles.Open(Settings())).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Path.Combine(_folder, "vda.img"), new byte[512]);
        Assert.Contains("has 512 bytes", Refused(() => DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current)).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Refused(() => DiskCopyFiles.Open(Settings("missing/vda.img"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_NoSpaceForMetadata_IsRefused()
    {
        var clock = new ActorFT.Storage.Files.CrashClock();
        var image = new ActorFT.Storage.Files.CrashBlockFile("image", 1 << 20, clock);
        var metadata = new ActorFT.Storage.Files.CrashBlockFile("metadata", 0, clock) { SpaceLimitBytes = 1000 };
        StorageConfigurationException e = Assert.ThrowsAny<StorageConfigurationException>(
            () => DiskCopy.Create(image, metadata, CrashRig.Name, new DiskGeometry(1 << 20), Guid.NewGuid(), NewCopyRole.Current, Options));
        Assert.Contains("no space for the metadata", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, metadata.LengthBytes);
    }

    [Fact]
    public void Flush_ImageDeletedUnderneath_FailsTheCopyAsVanished()
    {
        using DiskCopy copy = DiskCopyFiles.Create(Settings(), Guid.NewGuid(), NewCopyRole.Current).Copy;
        copy.Write(0, new byte[512].Select(_ => (byte)1).ToArray());
        File.Delete(Path.Combine(_folder, "vda.img"));
        Assert.Equal(ActorFT.Storage.Files.CopyFaultKind.Vanished, Assert.Throws<ActorFT.Storage.Files.BlockIoException>(() => copy.Flush()).Kind);
    }
}
