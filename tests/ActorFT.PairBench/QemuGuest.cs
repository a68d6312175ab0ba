using System.Diagnostics;
using ActorFT.EndToEnd.Machines;

namespace ActorFT.PairBench;

/// <summary>The guest of the disk bench in QEMU (TCG, unprotected), on core 0, with a disk of its own on the same file system.</summary>
internal sealed class QemuGuest : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-bench-").FullName;
    private readonly Process _qemu;

    public QemuGuest(string initrd, string does, int megabytes)
    {
        string image = Path.Combine(_folder, "disk.img"), console = Path.Combine(_folder, "console");
        DiskImages.MakeNoise(image, megabytes);
        File.WriteAllText(console, "");
        // The shell connects the machine's serial port: typed text comes by a pipe, output goes to a file.
        string[] command = ["exec", "taskset", "-c", "0", "qemu-system-riscv64", "-M", "virt", "-accel", "tcg", "-smp", "1", "-m", "256M", "-display", "none", "-monitor", "none", "-no-reboot",
            "-serial", "stdio", "-kernel", Guest.Kernel, "-initrd", initrd, "-append", $"'console=ttyS0 quiet loglevel=3 {does}'",
            "-drive", $"file={image},if=none,format=raw,id=d0", "-device", "virtio-blk-device,drive=d0", ">", console];
        _qemu = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", string.Join(' ', command)]) { RedirectStandardInput = true })!;
        Loads = new BenchGuest("qemu", console, text =>
        {
            _qemu.StandardInput.Write(text);
            _qemu.StandardInput.Flush();
        }, () =>
        {
            _qemu.Refresh();
            return _qemu.TotalProcessorTime.TotalSeconds;
        });
    }

    public BenchGuest Loads { get; }

    public void Dispose()
    {
        _qemu.Kill();
        _qemu.WaitForExit();
        _qemu.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
