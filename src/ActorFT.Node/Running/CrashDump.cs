using System.Globalization;
using System.Text;
using ActorFT.Machine;

namespace ActorFT.Node.Running;

/// <summary>
/// Keeps what is known when an invariant broke: the error with its stack, and where the machine stood. Text, for people.
/// </summary>
internal static class CrashDump
{
    /// <summary>Writes the dump into the current folder, or the temporary one; gives its path, or null when neither can be written.</summary>
    public static string? Write(Exception error, IMachine? machine)
    {
        string name = $"actorft-dump-{DateTime.UtcNow.ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture)}-{Environment.ProcessId}.txt";
        foreach (string folder in (string[])[Environment.CurrentDirectory, Path.GetTempPath()])
        {
            try
            {
                string path = Path.Combine(folder, name);
                File.WriteAllText(path, Describe(error, machine));
                return path;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { /* try the next folder */ }
        }
        return null;
    }

    private static string Describe(Exception error, IMachine? machine)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"actorft {typeof(CrashDump).Assembly.GetName().Version}: an invariant broke.");
        text.AppendLine().AppendLine(error.ToString());
        if (machine is null) return text.ToString();
        MachineDefinition definition = machine.Definition;
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"machine {definition.Name}: {definition.VcpuCount} vCPUs, {definition.MemoryBytes} bytes of memory");
        text.AppendLine(CultureInfo.InvariantCulture, $"round {machine.RoundNumber}, time {machine.TimeNs} ns, power {machine.Power}");
        try
        {
            // Between rounds these are exact; when the error came from within a round they are where it got to.
            foreach ((string component, Machine.State.Digest digest) in machine.ComputeComponentDigests())
                text.AppendLine(CultureInfo.InvariantCulture, $"digest {component} {digest}");
        }
        catch (Exception e) { text.AppendLine(CultureInfo.InvariantCulture, $"digests cannot be computed: {e.Message}"); } // any error: the machine is broken
        return text.ToString();
    }
}
