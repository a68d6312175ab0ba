using ActorFT.Cluster.Configuration;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Cluster.Tests.Configuration;

public sealed class MachineConfigReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("actorft-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private MachineConfig Read(string text, string name = "web.conf")
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return MachineConfigReader.ReadFile(path);
    }

    [Fact]
    public void A_full_description_is_read_as_written()
    {
        MachineConfig config = Read("""
            machine {
              name = db, vcpus = 4, memory = 2 GiB, quantum = 10000
              kernel = vmlinux, initrd = "sub/initrd", append = "console=ttyS0 quiet"
              console = "file:out/console.log", virtio-console = on, entropy = off
              disks = [ { name = root, path = root.img }, { path = "/dev/sdz", read-only = yes } ]
              nics = [ { name = lan, back-end = "tap:aft0", mac = "52:54:00:12:34:56", mtu = 9000 }, { } ]
            }
            """);
        Assert.Equal(("db", 4, 2UL << 30, 10_000), (config.Name, config.VcpuCount, config.MemoryBytes, config.QuantumInstructions));
        Assert.Equal((Path.Combine(_folder, "vmlinux"), Path.Combine(_folder, "sub/initrd"), "console=ttyS0 quiet"), (config.KernelPath, config.InitrdPath, config.CommandLine));
        Assert.Equal(new ConsoleBackEnd(ConsoleKind.File, Path.Combine(_folder, "out/console.log")), config.Console);
        Assert.True(config.HasVirtioConsole);
        Assert.False(config.HasEntropy);
        Assert.Equal([new DiskConfig("root", Path.Combine(_folder, "root.img")), new DiskConfig("disk1", "/dev/sdz", IsReadOnly: true)], config.Disks.AsEnumerable());
        Assert.Equal(("lan", "aft0", "52:54:00:12:34:56", 9000), (config.Nics[0].Name, config.Nics[0].TapName, Mac(config.Nics[0]), config.Nics[0].MtuBytes));
        Assert.Equal(("nic1", "", 1500), (config.Nics[1].Name, config.Nics[1].TapName, config.Nics[1].MtuBytes));
    }

    [Fact]
    public void What_is_not_written_has_the_documented_default()
    {
        MachineConfig config = Read("machine { kernel = k }");
        Assert.Equal(("web", 1, 512UL << 20, 50_000), (config.Name, config.VcpuCount, config.MemoryBytes, config.QuantumInstructions));
        Assert.Equal(("", "console=ttyS0", ConsoleBackEnd.Stdio), (config.InitrdPath, config.CommandLine, config.Console));
        Assert.Equal((false, true, 0, 0), (config.HasVirtioConsole, config.HasEntropy, config.Disks.Length, config.Nics.Length));
    }

    [Fact]
    public void A_made_mac_address_is_the_same_on_every_server_and_differs_between_machines_and_nics()
    {
        Assert.Equal(Mac(Read("machine { name = a, nics = [ {}, {} ] }").Nics[0]), Mac(Read("machine { name = a, nics = [ {} ] }", "other.conf").Nics[0]));
        string[] all = [.. new[] { "a", "b" }.SelectMany(name => Read($"machine {{ name = {name}, nics = [ {{}}, {{}} ] }}").Nics).Select(Mac)];
        Assert.Equal(4, all.Distinct().Count());
        Assert.All(all, mac => Assert.StartsWith("52:54:00:", mac, StringComparison.Ordinal));
    }

    [Fact]
    public void The_example_that_ships_is_right_and_every_key_in_it_is_known()
    {
        string path = Path.Combine(Repository.Root, "config", "machines", "debian.conf");
        MachineConfig config = MachineConfigReader.ReadFile(path);
        Assert.Equal(("debian", 2, 512UL << 20), (config.Name, config.VcpuCount, config.MemoryBytes));
        Assert.Equal(Path.Combine(Repository.Root, ".guest", "kernel"), config.KernelPath);
        // What is commented out must be accepted as it stands there: lines "# key = …" and the blocks of disks and nics.
        string uncommented = string.Join('\n', File.ReadLines(path).Select(line => line.Trim()).Where(line => !line.StartsWith('#') || System.Text.RegularExpressions.Regex.IsMatch(line, @"^#   ?\{|^# \]|^# [a-z-]+ = [^,]*$"))
            .Select(line => line.TrimStart('#')));
        MachineConfig all = Read(uncommented);
        Assert.Equal((1, 1), (all.Disks.Length, all.Nics.Length));
    }

    [Theory]
    [InlineData("", "machine is missing; it must be an object { … }.")]
    [InlineData("machine = 3", "machine is 3; allowed is an object { … }.")]
    [InlineData("machin { }", "unknown key machin; did you mean machine?")]
    [InlineData("machine { }\nother = 1", "unknown key other; allowed here are machine.")]
    [InlineData("machine { vcpu = 2 }", "unknown key machine.vcpu; did you mean machine.vcpus?")]
    [InlineData("machine { memroy = 1G }", "unknown key machine.memroy; did you mean machine.memory?")]
    [InlineData("machine { disk = [] }", "unknown key machine.disk; did you mean machine.disks?")]
    [InlineData("machine { zzzzzzzz = 1 }", "unknown key machine.zzzzzzzz; allowed here are name, vcpus")]
    [InlineData("machine { vcpus = 0 }", "machine.vcpus is 0; allowed is a whole number from 1 to 8.")]
    [InlineData("machine { vcpus = 9 }", "machine.vcpus is 9; allowed is a whole number from 1 to 8.")]
    [InlineData("machine { vcpus = 1.5 }", "machine.vcpus is 1.5; allowed is a whole number from 1 to 8.")]
    [InlineData("machine { vcpus = two }", "machine.vcpus is two; allowed is a whole number from 1 to 8.")]
    [InlineData("machine { vcpus = [ 1 ] }", "machine.vcpus is a list; allowed is a whole number from 1 to 8.")]
    [InlineData("machine { vcpus { a = 1 } }", "machine.vcpus is an object; allowed is a whole number from 1 to 8.")]
    [InlineData("machine { memory = 512 MX }", "machine.memory is 512 MX; allowed is a size such as 512 MiB")]
    [InlineData("machine { memory = -1 }", "machine.memory is -1; allowed is a size such as 512 MiB")]
    [InlineData("machine { memory = 3 MiB }", "machine.memory is 3 MiB; allowed is from 2 MiB to 1 TiB in steps of 2 MiB.")]
    [InlineData("machine { memory = 512 }", "machine.memory is 512; allowed is from 2 MiB to 1 TiB in steps of 2 MiB.")]
    [InlineData("machine { memory = 2 TiB }", "machine.memory is 2 TiB; allowed is from 2 MiB to 1 TiB in steps of 2 MiB.")]
    [InlineData("machine { memory = 99999999999999999999 }", "machine.memory is 99999999999999999999; allowed is a size")]
    [InlineData("machine { quantum = 10 }", "machine.quantum is 10; allowed is a whole number from 1000 to 10000000.")]
    [InlineData("machine { name = \"a b\" }", "machine.name is a b; allowed is 1 to 32 letters, digits, '-' and '_'.")]
    [InlineData("machine { name = \"\" }", "machine.name is empty; allowed is 1 to 32 letters, digits, '-' and '_'.")]
    [InlineData("machine { console = tty }", "machine.console is tty; allowed is stdio, none or file:PATH.")]
    [InlineData("machine { entropy = maybe }", "machine.entropy is maybe; allowed is on or off.")]
    [InlineData("machine { disks = root.img }", "machine.disks is root.img; allowed is a list of objects [ { … }, … ].")]
    [InlineData("machine { disks = [ root.img ] }", "machine.disks[0] is root.img; allowed is an object { … }.")]
    [InlineData("machine { disks = [ { name = a } ] }", "machine.disks[0].path is missing; it must be the path of a raw image or a block device.")]
    [InlineData("machine { disks = [ { path = a }, { path = b, readonly = on } ] }", "unknown key machine.disks[1].readonly; did you mean machine.disks[1].read-only?")]
    [InlineData("machine { disks = [ { name = a, path = x }, { name = a, path = y } ] }", "machine.disks has the name a twice; allowed is each name once.")]
    [InlineData("machine { disks = [ {path=a},{path=a},{path=a},{path=a},{path=a},{path=a},{path=a},{path=a},{path=a} ] }", "machine.disks is a list of 9; allowed is at most 8.")]
    [InlineData("machine { nics = [ { back-end = \"eth0\" } ] }", "machine.nics[0].back-end is eth0; allowed is tap:NAME (an interface name of 1 to 15 characters) or none.")]
    [InlineData("machine { nics = [ { back-end = \"tap:this-name-is-too-long\" } ] }", "allowed is tap:NAME")]
    [InlineData("machine { nics = [ { mac = \"01:00:5e:00:00:01\" } ] }", "machine.nics[0].mac is 01:00:5e:00:00:01; allowed is six bytes")]
    [InlineData("machine { nics = [ { mac = \"52:54:00\" } ] }", "machine.nics[0].mac is 52:54:00; allowed is six bytes")]
    [InlineData("machine { nics = [ { bridge = br0 } ] }", "machine.nics[0].bridge is br0; allowed is a name only beside back-end = \"tap:NAME\".")]
    [InlineData("machine { nics = [ { back-end = \"tap:aft0\", uplink = \"a b\" } ] }", "machine.nics[0].uplink is a b; allowed is an interface name of 1 to 15 characters.")]
    [InlineData("machine { nics = [ { probe-target = \"fe80::1\" } ] }", "machine.nics[0].probe-target is fe80::1; allowed is an IPv4 address")]
    [InlineData("machine { nics = [ { probe-target = 10 } ] }", "machine.nics[0].probe-target is 10; allowed is an IPv4 address")]
    [InlineData("machine { nics = [ { probe-interval = 1 ms } ] }", "machine.nics[0].probe-interval is 1 ms; allowed is a time with its unit")]
    [InlineData("machine { nics = [ { probe-misses = 0 } ] }", "machine.nics[0].probe-misses is 0; allowed is a whole number from 1 to 100.")]
    [InlineData("machine { nics = [ { return-after = soon } ] }", "machine.nics[0].return-after is soon; allowed is a time with its unit")]
    [InlineData("machine { nics = [ { mtu = 10 } ] }", "machine.nics[0].mtu is 10; allowed is a whole number from 68 to 65535.")]
    [InlineData("machine {\n vcpus = ", "is not HOCON: the '{' of line 1 is not closed.")]
    [InlineData("machine {\n vcpus = 2", "is not HOCON: the '{' of line 1 is not closed.")]
    [InlineData("machine { vcpus = 2 }\n}", "is not HOCON: '}' in line 2 closes nothing.")]
    [InlineData("machine { disks = [ { path = a ] }", "is not HOCON: ']' in line 1 does not close the '{' of line 1.")]
    [InlineData("machine {\n kernel = \"a }", "is not HOCON: the quote opened in line 2 is not closed.")]
    [InlineData("include \"other.conf\"\nmachine {}", "include \"other.conf\" is not supported")]
    [InlineData("machine { append = ${nothing.here} }", "web.conf")]
    public void A_mistake_is_one_sentence_with_key_value_and_what_is_allowed(string text, string sentence)
    {
        OperatorException error = Assert.Throws<OperatorException>(() => Read(text));
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.Contains("web.conf", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Brackets_in_quotes_and_comments_count_for_nothing() =>
        Assert.Equal("a}]{[ #//\"b", Read("machine { # }\n // ]\n kernel = k, append = \"a}]{[ #//\\\"b\" }").CommandLine);

    [Fact]
    public void A_file_that_is_missing_or_a_folder_is_the_operators_mistake()
    {
        Assert.Contains("does not exist", Assert.Throws<OperatorException>(() => MachineConfigReader.ReadFile(Path.Combine(_folder, "none.conf"))).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<OperatorException>(() => MachineConfigReader.ReadFile(_folder)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0", 0UL)]
    [InlineData("17", 17UL)]
    [InlineData("512 MiB", 512UL << 20)]
    [InlineData("512M", 512UL << 20)]
    [InlineData("1 GB", 1_000_000_000UL)]
    [InlineData("4KiB", 4096UL)]
    public void Sizes_are_read_in_their_units(string text, ulong bytes)
    {
        Assert.True(ByteSize.TryParse(text, out ulong found));
        Assert.Equal(bytes, found);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("1.5 GiB")]
    [InlineData("-1")]
    [InlineData("1 XB")]
    [InlineData("18446744073709551616")]
    [InlineData("17592186044416 TiB")]
    public void What_is_no_size_is_refused(string text) => Assert.False(ByteSize.TryParse(text, out _));

    private static string Mac(NicConfig nic) => string.Join(':', nic.MacAddress.Select(b => b.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));
}
