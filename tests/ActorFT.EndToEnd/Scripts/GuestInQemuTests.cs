using Xunit;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>The guest is right by itself: it does in QEMU what tests in ActorFT ask of it.</summary>
[Trait("Category", Collections.Compute)]
public sealed class GuestInQemuTests : IDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(120);
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Guest_WithNVcpus_CountsThemAndPowersOff(int vcpus)
    {
        string[] console = Boot("actorft.run=poweroff", "-smp", $"{vcpus}", "-no-reboot");

        Assert.Contains($"actorft-guest: ready nproc={vcpus}", console);
        Assert.Contains("actorft-guest: poweroff", console);
    }

    [Fact]
    public void Guest_RebootOnceWithADisk_ComesUpTwice()
    {
        string[] console = Boot("actorft.run=reboot-once", Disk(1 << 20));

        Assert.Equal(2, console.Count(line => line == "actorft-guest: ready nproc=1"));
        Assert.Single(console, "actorft-guest: reboot");
    }

    [Fact]
    public void Guest_ReadsBackItsBlocks_NamesTheOneThatChanged()
    {
        string[] disk = Disk(1 << 20);
        Assert.Contains("actorft-guest: stable 10", Boot("actorft.run=diskwrite actorft.count=10", disk));
        using (FileStream image = File.OpenWrite(_folder["disk"]))
        {
            image.Position = (6 * 4096) + 3000;
            image.WriteByte((byte)'x');
        }

        string[] console = Boot("actorft.run=diskverify", disk);

        Assert.Contains("actorft-guest: bad 7", console);
        Assert.Contains("actorft-guest: verified 10 bad 1", console);
    }

    private string[] Disk(long sizeBytes)
    {
        using (FileStream image = File.Create(_folder["disk"])) image.SetLength(sizeBytes);
        return ["-drive", $"file={_folder["disk"]},if=none,format=raw,id=d", "-device", "virtio-blk-device,drive=d"];
    }

    private static string[] Boot(string keys, params string[] options)
    {
        string[] arguments =
        [
            "-M", "virt", "-accel", "tcg", "-m", "256M", "-nographic", "-kernel", Path.Combine(Script.GuestFolder, "kernel"),
            "-initrd", Path.Combine(Script.GuestFolder, "initrd"), "-append", $"console=ttyS0 quiet loglevel=3 {keys}", .. options,
        ];
        CommandResult result = Script.RunCommand("qemu-system-riscv64", arguments, s_bound);
        Assert.Equal(0, result.ExitCode);
        return [.. result.Output.Split('\n').Select(line => line.TrimEnd('\r'))];
    }
}
