using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;

namespace ActorFT.PairBench;

/// <summary>Images for the disk bench.</summary>
internal static class DiskImages
{
    private const int MebibyteBytes = 1 << 20;

    /// <summary>Makes a file full of noise, stable: the loads do not care, and a disk of zeroes would be a special case everywhere.</summary>
    public static void MakeNoise(string path, int megabytes)
    {
        using FileStream file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        Random random = new(1);
        byte[] noise = new byte[MebibyteBytes];
        for (int i = 0; i < megabytes; i++)
        {
            random.NextBytes(noise);
            file.Write(noise);
        }

        file.Flush(flushToDisk: true);
    }

    /// <summary>The disk of a pair's first server, full of noise, and its metadata anew.</summary>
    public static void FillWithNoise(Pair pair, int megabytes)
    {
        MakeNoise(pair.ImagePath(Pair.ServerA), megabytes);
        Shell(pair.Folder, $"$ACTORFT disk create --config {Pair.ServerA}.conf --force");
    }

    /// <summary>Runs a shell command that must succeed.</summary>
    /// <exception cref="TimeoutException">It did not.</exception>
    public static void Shell(string folder, string command)
    {
        (int code, _, string errors) = ActorftProcess.RunShell(folder, command);
        if (code != 0) throw new TimeoutException($"{command}: {errors}");
    }
}
