using System.Diagnostics;
using ActorFT.Machine.IO;
using ActorFT.Storage.Raw;
using Xunit;

namespace ActorFT.Storage.Tests.Raw;

public sealed class RawImageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-raw-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Image(int bytes = 1 << 20)
    {
        string path = Path.Combine(_folder, "image");
        byte[] content = new byte[bytes];
        new Random(3).NextBytes(content);
        File.WriteAllBytes(path, content);
        return path;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(1000)]
    public void An_image_of_no_whole_sectors_is_refused_with_its_size(int bytes)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => RawImage.Open(Image(bytes), isReadOnly: false));
        Assert.Contains($"has {bytes} bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_and_the_rest_stays()
    {
        string path = Image();
        byte[] expected = File.ReadAllBytes(path);
        using (RawImage image = RawImage.Open(path, isReadOnly: false))
        {
            Assert.Equal(1UL << 20, image.CapacityBytes);
            byte[] data = [.. Enumerable.Range(0, 4096).Select(i => (byte)i)];
            image.Write(8192, data);
            data.CopyTo(expected, 8192);
            image.WriteZeroes(65536, 131072);
            Array.Clear(expected, 65536, 131072);
            image.WriteZeroes(512, 512); // less than a block of the file system
            Array.Clear(expected, 512, 512);
            image.Flush();
            byte[] read = new byte[1 << 20];
            image.Read(0, read);
            Assert.Equal(expected, read);
        }
        Assert.Equal(expected, File.ReadAllBytes(path));
    }

    [Fact]
    public void Zeroes_are_holes_that_give_the_space_back()
    {
        string path = Image();
        using RawImage image = RawImage.Open(path, isReadOnly: false);
        image.Flush();
        long before = AllocatedBlocks(path);
        image.WriteZeroes(0, 1 << 20);
        image.Flush();
        Assert.True(AllocatedBlocks(path) < before / 2, $"{AllocatedBlocks(path)} blocks of {before} are still allocated");
        Assert.Equal(1 << 20, new FileInfo(path).Length);
    }

    [Fact]
    public void An_image_has_one_writer_or_many_readers()
    {
        string path = Image();
        using (RawImage.Open(path, isReadOnly: false))
        {
            Assert.Throws<IOException>(() => RawImage.Open(path, isReadOnly: false));
            Assert.Throws<IOException>(() => RawImage.Open(path, isReadOnly: true));
        }
        using (RawImage.Open(path, isReadOnly: true))
        using (RawImage.Open(path, isReadOnly: true))
            Assert.Throws<IOException>(() => RawImage.Open(path, isReadOnly: false));
    }

    [Fact]
    public void Requests_complete_in_their_order_and_see_the_writes_before_them()
    {
        var completions = new List<BlockCompleted>();
        using (var worker = Worker(Image(), completions, []))
        {
            for (ulong i = 0; i < 200; i++)
            {
                byte[] data = new byte[4096];
                data.AsSpan().Fill((byte)i);
                worker.Submit(new BlockRequested(0, 3 * i, BlockOperation.Write, 4096 * (i % 3), 4096, data));
                worker.Submit(new BlockRequested(0, 3 * i + 1, BlockOperation.Read, 4096 * (i % 3), 4096, default));
                worker.Submit(new BlockRequested(0, 3 * i + 2, BlockOperation.Flush, 0, 0, default));
            }
            worker.WaitUntilIdle();
        }
        Assert.Equal(Enumerable.Range(0, 600).Select(i => (ulong)i), completions.Select(c => c.RequestId));
        Assert.All(completions, c => Assert.Equal(BlockStatus.Ok, c.Status));
        for (int i = 0; i < 200; i++) Assert.True(completions[3 * i + 1].Data.Span.IndexOfAnyExcept((byte)i) < 0, $"read {i} did not see write {i}");
    }

    [Fact]
    public void Discard_and_write_zeroes_read_as_zeroes_afterwards()
    {
        var completions = new List<BlockCompleted>();
        using (var worker = Worker(Image(), completions, []))
        {
            worker.Submit(new BlockRequested(0, 1, BlockOperation.Discard, 0, 8192, default));
            worker.Submit(new BlockRequested(0, 2, BlockOperation.WriteZeroes, 8192, 512, default));
            worker.Submit(new BlockRequested(0, 3, BlockOperation.Read, 0, 8192 + 1024, default));
        }
        ReadOnlySpan<byte> data = completions[2].Data.Span;
        Assert.True(data[..8704].IndexOfAnyExcept((byte)0) < 0);
        Assert.True(data[8704..].IndexOfAnyExcept((byte)0) >= 0);
    }

    [Fact]
    public void What_the_image_refuses_is_an_io_error_and_a_report_and_the_worker_goes_on()
    {
        string path = Image();
        var completions = new List<BlockCompleted>();
        var reports = new List<string>();
        using (var worker = Worker(path, completions, reports))
        {
            Cut(path, 4096);
            worker.Submit(new BlockRequested(0, 1, BlockOperation.Read, 65536, 4096, default));
            worker.Submit(new BlockRequested(0, 2, BlockOperation.Read, 0, RawDiskWorker.MaxTransferBytes + 512UL, default));
            worker.Submit(new BlockRequested(0, 3, (BlockOperation)99, 0, 0, default));
            worker.Submit(new BlockRequested(0, 4, BlockOperation.Read, 0, 4096, default));
            worker.WaitUntilIdle();
            Assert.Equal(1, worker.FailureCount);
        }
        Assert.Equal([BlockStatus.IoError, BlockStatus.IoError, BlockStatus.Unsupported, BlockStatus.Ok], completions.Select(c => c.Status));
        Assert.Contains("disk test: Read of 4096 bytes at 65536 failed", Assert.Single(reports), StringComparison.Ordinal);
    }

    private static RawDiskWorker Worker(string path, List<BlockCompleted> completions, List<string> reports) =>
        new("test", RawImage.Open(path, isReadOnly: false), completions.Add, reports.Add);

    private static void Cut(string path, int bytes) => Run("truncate", "-s", $"{bytes}", path);

    private static long AllocatedBlocks(string path) => long.Parse(Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture);

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(10_000));
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
