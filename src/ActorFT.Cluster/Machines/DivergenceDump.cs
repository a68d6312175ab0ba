using System.Globalization;
using ActorFT.Lockstep.Protocol;

namespace ActorFT.Cluster.Machines;

/// <summary>Writes what is known of a divergence, or of memory that changed, to a file of its own.</summary>
internal static class DivergenceDump
{
    /// <summary>Writes the dump; a full or broken data folder must not make a fault worse, so its errors are swallowed.</summary>
    public static void Write(string directory, string kind, ProtocolFault fault)
    {
        try
        {
            string folder = Path.Combine(directory, "dumps");
            Directory.CreateDirectory(folder);
            string name = string.Create(CultureInfo.InvariantCulture, $"{kind}-term{fault.Term}-round{fault.Round}-{DateTime.UtcNow:yyyyMMddTHHmmssfff}.txt");
            List<string> lines = [fault.Message, $"term {fault.Term}", $"round {fault.Round}"];
            if (!fault.Own.IsDefaultOrEmpty) lines.AddRange(fault.Own.Select(part => $"own {part.Component} {part.Digest}"));
            if (!fault.Peer.IsDefaultOrEmpty) lines.AddRange(fault.Peer.Select(part => $"peer {part.Component} {part.Digest}"));
            File.WriteAllLines(Path.Combine(folder, name), lines);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Told as a fault already.
        }
    }
}
