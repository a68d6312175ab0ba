namespace ActorFT.Cluster.Configuration;

/// <summary>Finds the name that someone who mistyped most likely meant.</summary>
public static class NearestName
{
    /// <summary>
    /// The allowed name with the fewest edits from <paramref name="name"/>; null when none is near (more edits than
    /// half of the longer name, so that advice is not noise).
    /// </summary>
    public static string? Find(string name, IEnumerable<string> allowed)
    {
        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string candidate in allowed)
        {
            int distance = Distance(name.ToLowerInvariant(), candidate.ToLowerInvariant());
            if (distance >= bestDistance || distance * 2 > Math.Max(name.Length, candidate.Length)) continue;
            (best, bestDistance) = (candidate, distance);
        }
        return best;
    }

    /// <summary>Edits (insert, delete, replace, swap of neighbours) from one text to the other.</summary>
    private static int Distance(string from, string to)
    {
        var rows = new int[from.Length + 1, to.Length + 1];
        for (int i = 0; i <= from.Length; i++) rows[i, 0] = i;
        for (int j = 0; j <= to.Length; j++) rows[0, j] = j;
        for (int i = 1; i <= from.Length; i++)
        {
            for (int j = 1; j <= to.Length; j++)
            {
                int edits = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) edits = Math.Min(edits, rows[i - 2, j - 2] + 1);
                rows[i, j] = edits;
            }
        }
        return rows[from.Length, to.Length];
    }
}
