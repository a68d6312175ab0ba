using ActorFT.Cluster.Messages;

namespace ActorFT.Cluster.Faults;

/// <summary>
/// Which entries become alerts: severe enough, and not the same fault of the same component again before <see cref="AlertSettings.RepeatAfter"/>.
/// A fault that both servers see is one fault. Pure; bounded.
/// </summary>
public sealed class AlertGate(AlertSettings settings)
{
    private const int MaxKeys = 512;

    private readonly Dictionary<string, (long AtMs, int Suppressed)> _sent = [];

    /// <summary>Whether an entry is to be sent now; how many of its kind were kept back since the last one.</summary>
    public bool ShouldSend(FaultProtocol.Entry entry, long nowMs, out int suppressed)
    {
        suppressed = 0;
        FaultProtocol.Report report = entry.Report;
        if (!IsWorthy(report)) return false;
        string key = KeyOf(entry);
        if (_sent.TryGetValue(key, out (long AtMs, int Suppressed) last))
        {
            if (nowMs - last.AtMs < settings.RepeatAfter.TotalMilliseconds)
            {
                _sent[key] = (last.AtMs, last.Suppressed + 1);
                return false;
            }

            suppressed = last.Suppressed;
        }

        Note(key, nowMs);
        return true;
    }

    /// <summary>The other server has told of it already.</summary>
    public void NoteToldByPeer(FaultProtocol.Entry entry)
    {
        if (FaultCatalog.Find(entry.Report.Kind).IsSeenByBoth && IsWorthy(entry.Report)) Note(KeyOf(entry), entry.AtUnixMs);
    }

    // Its own failures are no alerts: they would never end.
    private bool IsWorthy(FaultProtocol.Report report) =>
        settings.HasWay && report.Severity >= settings.MinSeverity && report.Severity > FaultSeverity.Info && report.Kind is not "alert-failed";

    private static string KeyOf(FaultProtocol.Entry entry) =>
        $"{entry.Report.Kind}/{entry.Report.Machine}/{entry.Report.Component}/{(FaultCatalog.Find(entry.Report.Kind).IsSeenByBoth ? "" : entry.Server)}";

    private void Note(string key, long nowMs)
    {
        if (_sent.Count >= MaxKeys && !_sent.ContainsKey(key)) _sent.Remove(_sent.MinBy(one => one.Value.AtMs).Key);
        _sent[key] = (nowMs, 0);
    }
}
