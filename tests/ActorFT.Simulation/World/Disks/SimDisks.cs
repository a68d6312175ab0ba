using ActorFT.Lockstep.Messages;
using ActorFT.Lockstep.Protocol;
using ActorFT.Lockstep.Records;
using ActorFT.Machine.IO;

namespace ActorFT.Simulation.World.Disks;

/// <summary>What a process does with its server's disks: what the coordinator's part about disks and the disks' actors are in the product.</summary>
internal abstract class SimDisks(SimProcess process)
{
    protected SimProcess Process { get; } = process;
    protected SimWorld World => Process.World;

    /// <summary>The term that this server's disks are marked with, durably.</summary>
    public abstract ulong Mark { get; }

    /// <summary>What the disks hold, for a machine that boots from them; null when the machine does not look.</summary>
    public virtual ulong[][]? Content => null;

    /// <summary>The protocol has begun.</summary>
    public virtual void Begin() { }

    /// <summary>The machine makes a request.</summary>
    public abstract void Issue(BlockRequested request);

    /// <summary>Every disk is to carry a term; told by <see cref="TermPersisted"/>.</summary>
    public abstract void Persist(ulong term);

    /// <summary>The replica is made anew here; told by <see cref="StatePrepared"/>.</summary>
    public abstract void Prepare(StreamId stream);

    /// <summary>The other replica is made from this one.</summary>
    public virtual void BeginStream(StreamId stream) { }

    /// <summary>What goes with the machine's final state, which is taken now.</summary>
    public virtual byte[]? TakeState() => null;

    /// <summary>The state is here.</summary>
    public virtual void Loaded(StreamId stream, byte[]? state) { }

    public virtual void Leads(bool isLeading) { }

    /// <summary>The machine is no more.</summary>
    public abstract void Discard();

    /// <summary>What is under way is given up, or was, by a crash.</summary>
    public abstract void Abandon(bool isCrash);

    /// <summary>The own answer to a request, as the leader's record has it; null: it cannot be given, for the own is an error where the leader had data.</summary>
    public abstract BlockCompleted? OwnAs(BlockCompletionReference reference, BlockCompleted own);

    /// <summary>Whether the machine is told now that a write ended which is still to be done; then it is behind.</summary>
    public abstract bool EndsEarly(BlockRequested write);

    /// <summary>A follower: whether the leader's word for a write's end is enough; then it is behind. It must be when this server's disk gets the write only after this round.</summary>
    public abstract bool TakesLeadersWord(BlockRequested write, BlockCompletionReference reference, bool isYetToBeMade);

    /// <summary>Writes that ended for the machine, and not by the disk.</summary>
    public virtual IReadOnlyCollection<ulong> WritesBehind => [];

    /// <summary>Whether a flush that both copies have done waits for writes that are behind.</summary>
    public virtual bool MustWait(FlushId flush) => false;

    /// <summary>Whether a write was lost that the machine takes for done; asking forgets it.</summary>
    public virtual bool TakeLost(int disk) => false;

    public virtual void Deliver(Parcel parcel) { }

    /// <summary>The protocol has taken all events.</summary>
    public virtual void AfterSteps() { }

    public virtual void Tick() { }

    /// <summary>The process was stopped and goes on.</summary>
    public virtual void Woke() { }
}
