namespace ActorFT.LabTool.Ledger;

/// <summary>What the ledger and the database, compared, say.</summary>
/// <param name="Acknowledged">Transactions that the database acknowledged.</param>
/// <param name="Lost">Acknowledged ones whose record is missing, different, or not counted.</param>
/// <param name="Duplicated">Times a transaction happened beyond the first.</param>
/// <param name="Invented">What the database holds and nobody sent.</param>
internal sealed record Verdict(int Acknowledged, int Lost, int Duplicated, int Invented)
{
    /// <summary>Whether every acknowledged transaction happened once, and nothing else did.</summary>
    internal bool IsClean => Lost == 0 && Duplicated == 0 && Invented == 0;

    /// <summary>Compares.</summary>
    /// <param name="ledger">The client's own.</param>
    /// <param name="records">What the database holds for the numbers 1 to <see cref="LedgerFile.Sent"/>; null where it has none.</param>
    /// <param name="log">The numbers that it counted, one for each time a transaction happened.</param>
    /// <param name="count">Its counter.</param>
    internal static Verdict Of(LedgerFile ledger, IReadOnlyList<string?> records, IEnumerable<long> log, long count)
    {
        int[] times = new int[ledger.Sent + 1];
        int invented = 0, entries = 0;
        foreach (long number in log)
        {
            entries++;
            if (number >= 1 && number <= ledger.Sent) times[number]++;
            else invented++;
        }

        int lost = 0, duplicated = 0;
        for (int number = 1; number <= ledger.Sent; number++)
        {
            bool isWhole = records[number - 1] == ledger[number] && times[number] > 0;
            if (number <= ledger.Acknowledged && !isWhole) lost++;
            if (times[number] > 1) duplicated += times[number] - 1;
            // One that was sent and not acknowledged may have happened or not; but never in part.
            if (number > ledger.Acknowledged && !isWhole && (records[number - 1] is not null || times[number] > 0)) invented++;
        }

        // The counter and the log rise in the same transactions.
        if (count < entries) lost += (int)(entries - count);
        else invented += (int)(count - entries);
        return new Verdict(ledger.Acknowledged, lost, duplicated, invented);
    }
}
