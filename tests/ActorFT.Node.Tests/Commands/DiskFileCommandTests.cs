using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Commands;

/// <summary>Bad input about disks: one sentence that names what is wrong, and nothing touched.</summary>
public sealed class DiskFileCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DiskFileCommandTests()
    {
        _folder.Write("kernel", TinyGuest.PrintAndShutDown("x"));
        Configure("one", """disks = [ { name = data, path = "data.img" } ]""");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Create_ThenVerify_TellsWhatIsThere()
    {
        Assert.Equal(0, Run("disk", "create", "--config", "one.conf", "--size", "1 MiB").ExitCode);
        Assert.Equal(1 << 20, new FileInfo(_folder["data.img"]).Length);
        (int code, string output, _) = Run("disk", "verify", "--config", "one.conf");
        Assert.Equal(0, code);
        Assert.Contains("256 blocks, 0 bad", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_FindsAFlippedBit()
    {
        File.WriteAllBytes(_folder["data.img"], [.. Enumerable.Range(0, 1 << 20).Select(i => (byte)(i * 7))]);
        Assert.Equal(0, Run("disk", "create", "--config", "one.conf").ExitCode);
        byte[] image = File.ReadAllBytes(_folder["data.img"]);
        image[5000] ^= 1;
        File.WriteAllBytes(_folder["data.img"], image);
        (int code, string output, _) = Run("disk", "verify", "--config", "one.conf");
        Assert.Equal(2, code);
        Assert.Contains("1 bad", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_OfAnImageThatIsNoMultipleOf512_IsRefused()
    {
        File.WriteAllBytes(_folder["data.img"], new byte[1000]);
        Refused(["disk", "create", "--config", "one.conf"], "1000", "512");
        Assert.False(File.Exists(_folder["data.img.actorft"]));
    }

    [Fact]
    public void Create_WithoutImageOrSize_IsRefused() => Refused(["disk", "create", "--config", "one.conf"], "data.img", "--size");

    [Fact]
    public void Create_Twice_IsRefused_AndForcedOnlyOnRequest()
    {
        Assert.Equal(0, Run("disk", "create", "--config", "one.conf", "--size", "1 MiB").ExitCode);
        byte[] metadata = File.ReadAllBytes(_folder["data.img.actorft"]);
        Refused(["disk", "create", "--config", "one.conf", "--replacement"], "metadata already", "--force", "copy of disk guest/data", "overwrites");
        Assert.Equal(metadata, File.ReadAllBytes(_folder["data.img.actorft"]));
        Assert.Equal(0, Run("disk", "create", "--config", "one.conf", "--replacement", "--force").ExitCode);
    }

    [Fact]
    public void Create_OverAForeignFile_IsRefused()
    {
        _folder.Write("data.img.actorft", [.. Enumerable.Repeat((byte)'x', 1 << 20)]);
        File.WriteAllBytes(_folder["data.img"], new byte[1 << 20]);
        Refused(["disk", "verify", "--config", "one.conf"], "data.img.actorft", "not a disk's metadata");
        Assert.All(File.ReadAllBytes(_folder["data.img.actorft"]), b => Assert.Equal((byte)'x', b));
    }

    [Fact]
    public void Node_WhoseDiskHasNoMetadata_SaysHowToMakeIt()
    {
        File.WriteAllBytes(_folder["data.img"], new byte[1 << 20]);
        Refused(["node", "--config", "one.conf"], "data.img.actorft", "actorft disk create");
    }

    [Fact]
    public void Node_WithTwoDisksOnOneImage_IsRefused()
    {
        Configure("two", """disks = [ { name = a, path = "data.img" }, { name = b, path = "./data.img", metadata = "b.meta" } ]""");
        Refused(["node", "--config", "two.conf"], "data.img", "each needs its own");
    }

    [Fact]
    public void Verify_OfAnImageInUse_IsRefused()
    {
        Assert.Equal(0, Run("disk", "create", "--config", "one.conf", "--size", "1 MiB").ExitCode);
        using FileStream inUse = new(_folder["data.img"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Refused(["disk", "verify", "--config", "one.conf"], "data.img", "in use");
    }

    [Fact]
    public void UnknownDisk_IsRefused_WithTheOnesThereAre() => Refused(["disk", "verify", "--config", "one.conf", "--disk", "root"], "data of machine guest");

    private void Configure(string name, string disks) => _folder.Write(name + ".conf", $$"""
        actorft {
          role = server, pair = test, name = {{name}}, address = "127.0.0.1:4551", arbiter = "127.0.0.1:4553", data = "{{name}}"
          peer { name = other, address = "127.0.0.1:4552" }
          links = [ { name = ft0, local = "127.0.0.1:4561", peer = "127.0.0.1:4562" } ]
          machines = [ { name = guest, memory = 16 MiB, kernel = "kernel", {{disks}} } ]
        }
        """);

    private (int ExitCode, string Output, string Errors) Run(params string[] arguments) => ActorftProcess.Run(_folder.Root, arguments);

    private void Refused(string[] arguments, params string[] words)
    {
        (int code, string output, string errors) = Run(arguments);
        Assert.True(code == 2, $"exit code {code}: {output}{errors}");
        Assert.Single(errors.TrimEnd().Split('\n'));
        foreach (string word in words) Assert.Contains(word, errors, StringComparison.Ordinal);
    }
}
