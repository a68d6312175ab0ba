using System.Text.Json;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.EndToEnd.Machines;

/// <summary>A run of the guest that was recorded: boot to userland, work there, shutdown.</summary>
/// <param name="Path">The record.</param>
/// <param name="Console">What the guest wrote.</param>
/// <param name="Digest">Its digest at the end.</param>
/// <param name="Rounds">Its rounds at the end.</param>
/// <param name="Retired">Instructions of all vCPUs.</param>
internal sealed record RecordedBoot(string Path, string Console, string Digest, ulong Rounds, ulong Retired);

/// <summary>One recorded run for each number of vCPUs, made when first asked for and shared by the tests of the collection.</summary>
public sealed class RecordedBoots : IDisposable
{
    /// <summary>The collection's name.</summary>
    public const string Collection = "recorded boots";

    // Integers, floating point, compression, processes, the disk, the entropy device: userland that touches most of the machine.
    private const string Work = "md5sum /dev/vda;head -c 16 /dev/hwrng|md5sum;awk 'BEGIN{for(i=0;i<20000;i++)x+=sin(i)*sqrt(i);print x}';"
        + "gzip -c /bin/busybox|sha256sum;(seq 1 9000|sort -rn|md5sum)&(seq 1 9000|sort -n|sha1sum)&wait;dd if=/dev/zero of=/dev/vda bs=64k count=4 conv=fsync;echo work is done";

    private const ulong LeastInstructions = 1_000_000_000;

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<int, RecordedBoot> _boots = [];

    internal RecordedBoot this[int vcpus] => _boots.TryGetValue(vcpus, out RecordedBoot? boot) ? boot : _boots[vcpus] = Make(vcpus);

    internal string this[string name] => _folder[name];

    public void Dispose() => _folder.Dispose();

    private RecordedBoot Make(int vcpus)
    {
        byte[] disk = new byte[1 << 20];
        new Random(vcpus).NextBytes(disk);
        string record = _folder[$"boot-{vcpus}.aftlog"];
        // One boot is the stock one; the others leave out the kernel's trials of its ciphers, half of all instructions and the same ones with any number of vCPUs.
        string does = vcpus == 1 ? Guest.Command(Work) : $"{Guest.BootsSooner} {Guest.Command(Work)}";
        (int code, string output, string errors) = RunToEnd(Guest.Arguments(vcpus, does,
            "--disk", _folder.Write($"disk-{vcpus}", disk), "--console", $"file:{_folder[$"console-{vcpus}"]}", "--record", record, "--output", "json"));
        string console = File.ReadAllText(_folder[$"console-{vcpus}"]);
        Assert.True(code == 0, $"exit code {code}: {errors}{console}");
        JsonElement json = JsonDocument.Parse(output).RootElement;
        File.Delete(_folder[$"disk-{vcpus}"]); // a replay needs none
        ulong retired = json.GetProperty("retiredTotal").GetUInt64();
        Assert.True(retired > LeastInstructions, $"a recorded run of {vcpus} vCPUs has only {retired} instructions");
        return new RecordedBoot(record, console, json.GetProperty("digest").GetString()!, json.GetProperty("endRound").GetUInt64(), retired);
    }

    internal (int ExitCode, string Output, string Errors) RunToEnd(params string[] arguments)
    {
        using ActorftProcess process = ActorftProcess.Start(_folder.Root, arguments);
        process.CloseInput();
        return process.WaitForEnd(Guest.BoundSeconds * 2);
    }
}

[CollectionDefinition(RecordedBoots.Collection)]
public sealed class RecordedBootsDefinition : ICollectionFixture<RecordedBoots>;
