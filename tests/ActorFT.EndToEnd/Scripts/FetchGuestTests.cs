using System.Security.Cryptography;
using Xunit;

namespace ActorFT.EndToEnd.Scripts;

/// <summary>scripts/fetch-guest without any network: its mirrors here are folders of this machine, or none.</summary>
[Trait("Category", Collections.Compute)]
public sealed class FetchGuestTests : IDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);
    private readonly ScratchFolder _mirror = new();
    private readonly ScratchFolder _guest = new();

    public void Dispose()
    {
        _mirror.Dispose();
        _guest.Dispose();
    }

    [Fact]
    public void FetchGuest_MirrorWithoutTheRelease_SaysSoAndExits3()
    {
        CommandResult result = Fetch();

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("the mirror has no 'trixie' release, or cannot be reached", result.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_guest["manifest.json"]));
    }

    [Theory]
    [InlineData("Origin: Debian\nSuite: stable\nCodename: trixie\n")]
    [InlineData("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nCodename: trixie\n-----BEGIN PGP SIGNATURE-----\n\niQIz\n-----END PGP SIGNATURE-----\n")]
    public void FetchGuest_ReleaseNotSignedByDebian_FetchesNothingAndExits3(string release)
    {
        _mirror.Write("dists/trixie/InRelease", release);
        _mirror.Write("dists/stable/InRelease", release);

        CommandResult result = Fetch();

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("the signature of 'trixie' is not by Debian's archive keys", result.Errors, StringComparison.Ordinal);
        Assert.Equal([".lock"], Directory.EnumerateFileSystemEntries(_guest.FullPath).Select(Path.GetFileName));
    }

    [Fact]
    public void FetchGuest_MirrorsAddress_IsNeverPrinted()
    {
        CommandResult result = Fetch();

        Assert.DoesNotContain(_mirror.FullPath, result.Output + result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void FetchGuest_MirrorOfUnknownKind_IsTheOperatorsMistake() =>
        Assert.Equal(2, Script.Run("fetch-guest", [], s_bound, ("ACTORFT_GUEST_DIR", _guest.FullPath), ("ACTORFT_DEBIAN_MIRROR", "ftp://mirror.invalid/")).ExitCode);

    // A fresh machine or container: apt knows its mirror, and no "apt-get update" was ever made.
    [Fact]
    public void FetchGuest_PackageListsNeverLoaded_FindsTheMachinesMirror()
    {
        _mirror.Write("apt/sources.list", $"deb [trusted=yes] file:{_mirror.FullPath} stable main\n");
        _mirror.Write("apt/apt.conf", $"""
            Dir::Etc::sourcelist "{_mirror["apt/sources.list"]}";
            Dir::Etc::sourceparts "-";
            Dir::State::lists "{_mirror["apt/lists"]}";
            """);

        CommandResult result = Script.Run(
            "fetch-guest",
            [],
            s_bound,
            ("ACTORFT_GUEST_DIR", _guest.FullPath),
            ("ACTORFT_DEBIAN_MIRROR", ""),
            ("APT_CONFIG", _mirror["apt/apt.conf"]));

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("the mirror has no 'trixie' release, or cannot be reached", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void FetchGuest_UnknownOption_IsTheOperatorsMistake()
    {
        CommandResult result = Script.Run("fetch-guest", ["--fast"], s_bound);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("'--fast' is not known", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void FetchGuest_CompleteGuest_SaysOneLineWithoutAMirror()
    {
        CommandResult result = Script.Run("fetch-guest", [], s_bound, ("ACTORFT_DEBIAN_MIRROR", $"file:{_mirror.FullPath}"));

        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"\Afetch-guest: the guest is complete: [^\n]+\n\z", result.Errors);
    }

    [Theory]
    [InlineData("initrd")]
    [InlineData(".init")]
    public void FetchGuest_InitrdDamagedOrOfAnotherInit_IsMadeAgainTheSameWithoutAMirror(string damage)
    {
        foreach (string name in (string[])["kernel", "files.tar", "initrd", "manifest.json"])
            File.Copy(Path.Combine(Script.GuestFolder, name), _guest[name]);
        byte[] original = SHA256.HashData(File.ReadAllBytes(_guest["initrd"]));
        if (damage == "initrd") File.WriteAllText(_guest["initrd"], "cut off");
        else File.WriteAllText(_guest["manifest.json"], File.ReadAllText(_guest["manifest.json"]).Replace("\"init_sha256\": \"", "\"init_sha256\": \"0", StringComparison.Ordinal));

        CommandResult result = Fetch();

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(original, SHA256.HashData(File.ReadAllBytes(_guest["initrd"])));
    }

    [Fact]
    public void FetchGuest_DamagedKernel_IsFetchedAnewAndNeverUsed()
    {
        foreach (string name in (string[])["files.tar", "initrd", "manifest.json"])
            File.Copy(Path.Combine(Script.GuestFolder, name), _guest[name]);
        File.WriteAllText(_guest["kernel"], "not the kernel");

        Assert.Equal(3, Fetch().ExitCode);
    }

    private CommandResult Fetch() =>
        Script.Run("fetch-guest", [], s_bound, ("ACTORFT_GUEST_DIR", _guest.FullPath), ("ACTORFT_DEBIAN_MIRROR", $"file:{_mirror.FullPath}"));
}
