using ActorFT.Storage.Copies;

namespace ActorFT.Storage.Mirror.Live;

/// <summary>
/// What <see cref="CopyLife"/> has others do. None of these calls blocks; every continuation comes later, on the mirror's own thread. The actor is one host,
/// the simulation another.
/// </summary>
public interface ICopyHost
{
    /// <summary>A clock that never goes back, milliseconds.</summary>
    long NowMs { get; }

    /// <summary>Whether the files of every copy given up are closed. A device that stalls still has them.</summary>
    bool AreFilesFree { get; }

    /// <summary>Does something afterwards, behind what is to be done already.</summary>
    void Later(Action action);

    /// <summary>Calls <see cref="CopyLife.OpenAgain"/> when the files are free.</summary>
    void OpenWhenFree();

    /// <summary>Calls <see cref="CopyLife.OpenAgain"/> after a time, instead of at a time that was said before.</summary>
    void OpenAfter(long delayMs);

    /// <summary>Begins to open the files; <see cref="CopyLife.Reopened"/> tells how that went.</summary>
    void Open();

    /// <summary>Closes a copy that was opened and is not used.</summary>
    void Close(OpenedCopy copy);

    /// <summary>Requests go to this copy from now on.</summary>
    void Use(OpenedCopy copy);

    /// <summary>Requests go to no copy any more; what is under way ends with an error. Its device may never answer: nobody waits for it.</summary>
    void GiveUp(string reason);

    /// <summary>Flushes the copy, behind all given to it before.</summary>
    void Flush(Action<BlockOutcome> ended);

    /// <summary>Does something to the metadata of the copy in use, in the order of these calls; whether it went well. May never end once the copy is given up.</summary>
    void Change(Action<DiskCopy> change, Action<bool> ended);

    /// <summary>Makes it durable whether this server lacks something because of this disk; <see cref="CopyLife.Marked"/> tells when it is.</summary>
    void Mark(bool isStale, int number);

    /// <summary>Something an operator should know.</summary>
    /// <param name="note">What it is about.</param>
    /// <param name="sentence">It.</param>
    /// <param name="next">What comes next; "" if nothing does.</param>
    void Tell(CopyNote note, string sentence, string next);
}

/// <summary>What a sentence about a copy's life is about.</summary>
public enum CopyNote : byte
{
    /// <summary>The copy failed, or could not be opened; it is tried again.</summary>
    Failed = 0,
    /// <summary>It fails too often, and is left out.</summary>
    LeftOut = 1,
    /// <summary>It was taken out by command.</summary>
    TakenOut = 2,
    /// <summary>It is another disk's.</summary>
    Foreign = 3,
    /// <summary>It was opened again and lacks nothing.</summary>
    InService = 4,
    /// <summary>It was opened again and may lack something.</summary>
    OpenedStale = 5,
}
