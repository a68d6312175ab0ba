using ActorFT.EndToEnd.Scripts;
using Xunit;

namespace ActorFT.EndToEnd.Machines;

/// <summary>The stock Debian guest that scripts/fetch-guest brings.</summary>
internal static class Guest
{
    /// <summary>Bound for one boot and what follows: many times what a free host needs, since hosts of tests are not free.</summary>
    public const double BoundSeconds = 240;

    private static readonly Lazy<string> s_folder = new(() =>
    {
        CommandResult result = Script.Run("fetch-guest", [], TimeSpan.FromMinutes(10));
        Assert.True(result.ExitCode == 0, result.Errors);
        return Script.GuestFolder;
    });

    /// <summary>Path of the kernel.</summary>
    public static string Kernel => Path.Combine(s_folder.Value, "kernel");

    /// <summary>Path of the initial RAM disk.</summary>
    public static string Initrd => Path.Combine(s_folder.Value, "initrd");

    /// <summary>For machines whose boot is not what is tested: the kernel leaves out trying its ciphers and its jitter generator, more than half of a boot's instructions.</summary>
    public const string BootsSooner = "cryptomgr.notests=1 initcall_blacklist=jent_mod_init";

    /// <summary>The arguments of <c>actorft run</c> for the guest, over the example description that ships.</summary>
    /// <param name="vcpus">vCPUs.</param>
    /// <param name="does">What its init does: words of its command line (scripts/guest/init).</param>
    /// <param name="more">More options.</param>
    public static string[] Arguments(int vcpus, string does, params string[] more) =>
    [
        "run", "--config", Path.Combine(Script.Root, "config", "machines", "debian.conf"), "--kernel", Kernel, "--initrd", Initrd, "--vcpus", $"{vcpus}", "--memory", "256M",
        "--append", $"console=ttyS0 quiet loglevel=3 {does}", "--max-time", $"{BoundSeconds}", .. more,
    ];

    /// <summary>A shell command as the guest's init takes it.</summary>
    public static string Command(string shell) => "actorft.run=script actorft.cmd=" + shell.Replace(" ", "%20", StringComparison.Ordinal);
}
