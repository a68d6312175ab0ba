using ActorFT.Storage.Files;
using Xunit;

namespace ActorFT.Storage.Tests.Files;

/// <summary>The contract of <see cref="IBlockFile"/>, held for every implementation.</summary>
public sealed class BlockFileContractTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-storage-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IBlockFile Make(string kind)
    {
        IBlockFile file = kind switch
        {
            "host" => HostBlockFile.Create(Path.Combine(_folder, "file"), "image"),
            "crash" => new CrashBlockFile("file", 0, new CrashClock()),
            _ => new FaultInjectingBlockFile(HostBlockFile.Create(Path.Combine(_folder, "file"), "image"), isFaultInjectionEnabled: true),
        };
        file.Reserve(1 << 20);
        return file;
    }

    [Theory]
    [InlineData("host")]
    [InlineData("crash")]
    [InlineData("faults")]
    public void BlockFile_RandomOperations_BehaveAsAnArrayOfBytes(string kind)
    {
        using IBlockFile file = Make(kind);
        Assert.Equal(1 << 20, file.LengthBytes);
        byte[] model = new byte[1 << 20];
        var random = new Random(3);
        for (int i = 0; i < 300; i++)
        {
            int offset = random.Next(model.Length), length = random.Next(Math.Min(20_000, model.Length - offset) + 1);
            switch (random.Next(5))
            {
                case < 2:
                    random.NextBytes(model.AsSpan(offset, length));
                    file.Write(offset, model.AsSpan(offset, length));
                    break;
                case 2:
                    model.AsSpan(offset, length).Clear();
                    file.ZeroRange(offset, length);
                    break;
                case 3:
                    byte[] read = new byte[length];
                    file.Read(offset, read);
                    Assert.True(read.AsSpan().SequenceEqual(model.AsSpan(offset, length)));
                    break;
                default:
                    if (i % 20 == 0) file.Flush();
                    break;
            }
        }
        file.Reserve(2 << 20);
        Assert.Equal(2 << 20, file.LengthBytes);
        byte[] grown = new byte[4096];
        file.Read((2 << 20) - 4096, grown);
        Assert.All(grown, b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData("host")]
    [InlineData("crash")]
    [InlineData("faults")]
    public void BlockFile_ReadPastTheEnd_IsAnIoError(string kind)
    {
        using IBlockFile file = Make(kind);
        Assert.Equal(CopyFaultKind.IoError, Assert.Throws<BlockIoException>(() => file.Read((1 << 20) - 10, new byte[20])).Kind);
    }

    [Fact]
    public void HostFile_Deleted_IsVanished()
    {
        using HostBlockFile file = HostBlockFile.Create(Path.Combine(_folder, "gone"), "image");
        Assert.False(file.IsVanished);
        File.Delete(file.Name);
        Assert.True(file.IsVanished);
        File.WriteAllText(file.Name, "another file of the same name");
        Assert.True(file.IsVanished);
    }

    [Fact]
    public void HostFile_Zeroed_GivesItsSpaceBack()
    {
        if (!OperatingSystem.IsLinux()) return;
        using HostBlockFile file = HostBlockFile.Create(Path.Combine(_folder, "sparse"), "image");
        file.Reserve(8 << 20);
        file.Write(0, new byte[8 << 20].Select(_ => (byte)7).ToArray());
        file.Flush();
        long before = AllocatedBlocks(file.Name);
        file.ZeroRange(0, 8 << 20);
        file.Flush();
        Assert.True(AllocatedBlocks(file.Name) < before / 4, $"{before} -> {AllocatedBlocks(file.Name)}");
    }

    private static long AllocatedBlocks(string path)
    {
        var start = new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%b", path]) { RedirectStandardOutput = true };
        using var stat = System.Diagnostics.Process.Start(start)!;
        string output = stat.StandardOutput.ReadToEnd();
        stat.WaitForExit();
        return long.Parse(output, System.Globalization.CultureInfo.InvariantCulture);
    }
}
