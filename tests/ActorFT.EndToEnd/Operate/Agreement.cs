using System.Diagnostics;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// One place where a pair tells how it stands, looked at again and again. It tells something from when the first answer that says so is in hand, if whoever looks later is
/// told it, too. No look waits for the one before: what a place does not know yet may take it a while to say. What is only seen (a page) is looked at by one at a time, and
/// shows what it does at that moment.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="tells">Looks; any thread.</param>
/// <param name="turn">Held while it is looked at; null: it takes any number of looks.</param>
internal sealed class Surface(string name, Func<bool> tells, object? turn = null)
{
    private const int MostAtATime = 20;

    private readonly SortedDictionary<long, (bool IsTold, long EndedAt)> _looks = []; // by the moment of looking
    private Exception? _failure;
    private int _open;

    public string Name => name;

    /// <summary>Since when it tells it (a timestamp of <see cref="Stopwatch"/>); null: it does not.</summary>
    public long? ToldSince
    {
        get
        {
            lock (_looks)
            {
                if (_failure is not null) throw new InvalidOperationException($"The look at {name} failed.", _failure);
                return _looks.Values.Reverse().TakeWhile(look => look.IsTold).Min(look => (long?)look.EndedAt);
            }
        }
    }

    /// <summary>Begins a look, on a thread of its own.</summary>
    public void Look()
    {
        if (Volatile.Read(ref _open) >= (turn is null ? MostAtATime : 1)) return;
        Interlocked.Increment(ref _open);
        new Thread(() =>
        {
            if (turn is null) LookNow();
            else lock (turn) LookNow();
            Interlocked.Decrement(ref _open);
        }) { IsBackground = true }.Start();
    }

    private void LookNow()
    {
        long at = Stopwatch.GetTimestamp();
        try
        {
            bool isTold = tells();
            lock (_looks) _looks[at] = (isTold, Stopwatch.GetTimestamp());
        }
        catch (Exception e)
        {
            lock (_looks) _failure ??= e;
        }
    }
}

/// <summary>When each surface told the same thing, watched from before its cause on, so that none can tell it unseen.</summary>
internal sealed class Agreement
{
    private const int LookEveryMs = 100;

    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly Dictionary<string, long> _toldSince;

    private Agreement(Action deed, IReadOnlyList<Surface> surfaces, Func<string, string> describe)
    {
        Task doing = Task.Run(deed);
        while (!doing.IsFaulted && !(doing.IsCompleted && surfaces.All(surface => surface.ToldSince is not null)))
        {
            if (Stopwatch.GetElapsedTime(_began).TotalSeconds > OperatedPair.BoundSeconds)
                throw new TimeoutException(describe(string.Join(", ", surfaces.Where(surface => surface.ToldSince is null).Select(surface => surface.Name))));
            foreach (Surface surface in surfaces) surface.Look();
            Thread.Sleep(LookEveryMs);
        }

        doing.GetAwaiter().GetResult();
        _toldSince = surfaces.ToDictionary(surface => surface.Name, surface => surface.ToldSince!.Value);
    }

    /// <summary>Does something, and looks at all surfaces until all tell it.</summary>
    /// <param name="deed">What is done, beside the looks.</param>
    /// <param name="surfaces">Where to look.</param>
    /// <param name="describe">What is known, for the message when the bound is over; gets the surfaces that do not tell it.</param>
    public static Agreement Reach(Action deed, IReadOnlyList<Surface> surfaces, Func<string, string> describe) => new(deed, surfaces, describe);

    /// <summary>From the first of some surfaces to the last one.</summary>
    public double SpreadMs(params string[] surfaces)
    {
        long[] at = [.. _toldSince.Where(told => surfaces.Contains(told.Key)).Select(told => told.Value)];
        return at.Length == 0 ? 0 : Stopwatch.GetElapsedTime(at.Min(), at.Max()).TotalMilliseconds;
    }

    public override string ToString() => string.Join(", ", _toldSince.OrderBy(told => told.Value).Select(told => $"{told.Key} {Stopwatch.GetElapsedTime(_began, told.Value).TotalMilliseconds:F0}"));
}
