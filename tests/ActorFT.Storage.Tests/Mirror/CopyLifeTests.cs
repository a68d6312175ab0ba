using ActorFT.Machine.IO;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Mirror.Live;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>A copy's life on one server: when it is opened again, as what, and what is durable before whom is told.</summary>
public class CopyLifeTests
{
    private static readonly DiskName s_name = new("db", "data");
    private static readonly DiskGeometry s_geometry = new(1 << 20, DiskGeometry.MinRegionBytes);
    private static readonly DiskCopyOptions s_options = new() { JournalBytes = 64 << 10, CacheBytes = 32 << 10, DataJournalBlocks = 3, ChecksumPagesCached = 2 };

    private readonly Host _host;

    public CopyLifeTests() => _host = new Host(new MirrorPolicy { RestartLimit = 3, RestartDelayMs = 100, MinMeanTimeBetweenFaultsMs = 0, BadBlockLimit = 8 });

    private CopyLife Life => _host.Life;

    /// <summary>A copy's files, as they outlive the node.</summary>
    private sealed class Files
    {
        private readonly CrashBlockFile _image, _metadata;

        internal Files(ulong term = 1, CopyState state = CopyState.Good, int regionBytes = DiskGeometry.MinRegionBytes)
        {
            CrashClock clock = new();
            (_image, _metadata) = (new CrashBlockFile("image", s_geometry.CapacityBytes, clock), new CrashBlockFile("metadata", 0, clock));
            using DiskCopy copy = DiskCopy.Create(_image, _metadata, s_name, new DiskGeometry(s_geometry.CapacityBytes, regionBytes), Guid.NewGuid(), NewCopyRole.Current, s_options, isImageZero: true);
            copy.SetStatus(state, "", new MirrorVersion(term, 0), isAlone: false);
        }

        internal OpenedCopy Open() => new(DiskCopy.Open(_image, _metadata, s_name, s_geometry.CapacityBytes, s_options), null, null);
    }

    private Files _files = new();

    private OpenedCopy BeginCurrent(ulong term = 1)
    {
        _files = new Files(term);
        OpenedCopy copy = _files.Open();
        Life.Begin(copy, isCurrent: true, "");
        Assert.Equal(CopyUse.Current, _host.Mirror.Use);
        return copy;
    }

    private OpenedCopy Reopen(Files? others = null)
    {
        Life.OpenAgain();
        Assert.Equal(1, _host.TakeOpenings());
        OpenedCopy copy = (others ?? _files).Open();
        Life.Reopened(copy, default, "");
        return copy;
    }

    [Fact]
    public void CopyThatCannotBeOpened_IsTriedAgain_AndTheServersMarkStaysAsItIs()
    {
        Life.Begin(null, isCurrent: false, "no such file");
        Assert.Equal((CopyUse.Out, "no such file"), (_host.Mirror.Use, _host.Mirror.Reason));
        Assert.Equal([100L], _host.OpenAfters);
        Assert.Empty(_host.Marks);
        Reopen();
        Assert.Equal(CopyUse.Current, _host.Mirror.Use);
        Assert.Empty(_host.Marks);
        Assert.Equal([CopyNote.Failed, CopyNote.InService], _host.Notes);
    }

    [Fact]
    public void CopyThatNobodySawAtTheStart_AndIsOlderThanTheMark_IsMarkedStaleAndFilled()
    {
        Life.MarkTerm(5, () => { });
        Life.Begin(null, isCurrent: false, "no such file");
        OpenedCopy copy = Reopen(new Files(term: 4));
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
        Assert.Equal([true], _host.Marks);
        _host.RunChanges();
        Assert.Equal(CopyState.Rebuilding, copy.Copy.Describe().State);
    }

    [Fact]
    public void CopyThatFailed_IsCurrentWhenOpenedAgain_IfNothingWentOnWithoutIt()
    {
        BeginCurrent();
        Life.Stalled("a Write has not ended for 5.0 s");
        Assert.Equal((CopyUse.Out, 1), (_host.Mirror.Use, _host.GivenUp));
        Reopen();
        Assert.Equal(CopyUse.Current, _host.Mirror.Use);
    }

    [Fact]
    public void CopyThatFailed_IsStaleWhenOpenedAgain_IfRequestsEndedWithoutIt()
    {
        BeginCurrent();
        Life.Stalled("a Write has not ended for 5.0 s");
        bool isMarked = false;
        Life.MarkStale(() => isMarked = true);
        Assert.False(isMarked);
        Life.Marked(1);
        Assert.True(isMarked);
        Life.Marked(1); // told once
        OpenedCopy copy = Reopen();
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
        _host.RunChanges();
        Assert.Equal(CopyState.Rebuilding, copy.Copy.Describe().State);
    }

    [Theory]
    [InlineData("put back from a backup")]
    [InlineData("a replacement that is to be filled")]
    [InlineData("another copy's")]
    public void OtherFilesInTheOnlyCopysPlace_AreNeverTakenForIt(string what)
    {
        BeginCurrent(term: 3);
        Life.MarkTerm(5, () => { });
        _host.RunChanges();
        Life.Stalled("no answer");
        Reopen(what switch
        {
            "put back from a backup" => new Files(term: 4),
            "another copy's" => new Files(term: 5),
            _ => new Files(term: 5, state: CopyState.Rebuilding),
        });
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
        Assert.Equal([true], _host.Marks);
    }

    [Fact]
    public void FilesThatAStalledDeviceHas_AreNoFurtherFault()
    {
        BeginCurrent();
        Life.Stalled("no answer");
        _host.AreFilesFree = false;
        for (int i = 0; i < 10; i++) Life.OpenAgain();
        Assert.Equal(0, _host.TakeOpenings());
        Assert.Equal(10, _host.OpensWhenFree);
        Assert.Equal([CopyNote.Failed], _host.Notes);
        _host.AreFilesFree = true;
        Life.OpenAgain();
        Life.OpenAgain(); // a timer beside it
        Assert.Equal(1, _host.TakeOpenings());
    }

    [Fact]
    public void CopyThatFailsTooOften_IsLeftOut_UntilItIsRepairedByCommand()
    {
        BeginCurrent();
        Life.Stalled("no answer");
        foreach (long _ in (long[])[200, 400])
        {
            Life.OpenAgain();
            Life.Reopened(null, CopyFaultKind.IoError, "unreadable");
        }

        Assert.Equal([100L, 200L, 400L], _host.OpenAfters);
        Assert.False(Life.IsIsolated);
        Life.OpenAgain();
        Life.Reopened(null, CopyFaultKind.IoError, "unreadable");
        Assert.True(Life.IsIsolated);
        Assert.Equal(CopyNote.LeftOut, _host.Notes[^1]);
        _host.TakeOpenings();
        Life.OpenAgain();
        Assert.Equal(0, _host.TakeOpenings());
        Assert.True(Life.Repair());
        Assert.Equal(1, _host.TakeOpenings());
        Life.Reopened(_files.Open(), default, "");
        Assert.Equal(CopyUse.Current, _host.Mirror.Use);
        Assert.False(Life.Repair());
    }

    [Fact]
    public void CopyThatComesAfterItWasTakenOut_IsClosed()
    {
        BeginCurrent();
        Life.Stalled("no answer");
        Life.OpenAgain();
        Assert.Null(Life.Isolate("taken out by command"));
        OpenedCopy copy = _files.Open();
        Life.Reopened(copy, default, "");
        Assert.Equal([copy], _host.Closed);
        Assert.Equal(CopyUse.Out, _host.Mirror.Use);
    }

    [Fact]
    public void OnlyCompleteCopy_IsNotTakenOut()
    {
        BeginCurrent();
        Assert.Contains("only complete copy", Life.Isolate("taken out by command"), StringComparison.Ordinal);
        _host.Mirror.PeerIn(7, 1, isSource: true);
        Assert.Contains("only complete copy", Life.Isolate("taken out by command"), StringComparison.Ordinal);
        MirrorHostBase.Hear(_host.Mirror, new CopyStands(CopyUse.Current, ""));
        Assert.Null(Life.Isolate("taken out by command"));
        Assert.Contains("already", Life.Isolate("taken out by command"), StringComparison.Ordinal);
        Assert.Equal((CopyUse.Out, true, "taken out by command"), (_host.Mirror.Use, Life.IsIsolated, _host.Mirror.Reason));
    }

    [Fact]
    public void CopyCutUpOtherwise_IsAnotherDisks()
    {
        BeginCurrent();
        Life.Stalled("no answer");
        OpenedCopy copy = Reopen(new Files(regionBytes: 2 * DiskGeometry.MinRegionBytes));
        Assert.Equal([copy], _host.Closed);
        Assert.True(Life.IsIsolated);
        Assert.Equal(CopyNote.Foreign, _host.Notes[^1]);
    }

    [Fact]
    public void Prepare_IsAnswered_WhenNothingIsUnderWayAndTheCopySaysThatItIsStale()
    {
        OpenedCopy copy = BeginCurrent();
        bool isPrepared = false;
        Life.Prepare(() => isPrepared = true);
        Assert.Equal(CopyUse.Current, _host.Mirror.Use);
        _host.EndFlush(null);
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
        Assert.False(isPrepared);
        _host.RunChanges();
        Assert.True(isPrepared);
        Assert.Equal(CopyState.Rebuilding, copy.Copy.Describe().State);
    }

    [Fact]
    public void Prepare_WithACopyThatFailsMeanwhile_IsAnsweredAndTheCopyIsStaleWhenItComesBack()
    {
        BeginCurrent();
        bool isPrepared = false;
        Life.Prepare(() => isPrepared = true);
        _host.EndFlush(CopyFaultKind.IoError);
        _host.RunChanges();
        Assert.True(isPrepared);
        Assert.Equal(CopyUse.Out, _host.Mirror.Use);
        Reopen();
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
    }

    [Fact]
    public void Prepare_WithACopyThatIsOut_IsAnsweredAtOnceAndTheCopyIsStaleWhenItComesBack()
    {
        Life.Begin(null, isCurrent: false, "no such file");
        bool isPrepared = false;
        Life.Prepare(() => isPrepared = true);
        Assert.True(isPrepared);
        Reopen();
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
    }

    [Fact]
    public void MarkCurrent_SaysSoInTheCopyFirst_ThenInTheServersMark()
    {
        OpenedCopy copy = new Files(state: CopyState.Rebuilding).Open();
        Life.Begin(copy, isCurrent: false, "new");
        Life.MarkTerm(6, () => { });
        List<bool> ended = [];
        Life.MarkCurrent(ended.Add);
        Assert.Empty(_host.Marks);
        _host.RunChanges();
        Assert.Equal((CopyState.Good, 6UL), (copy.Copy.Describe().State, copy.Copy.Describe().Version.Term));
        Assert.Equal([false], _host.Marks);
        Assert.Empty(ended);
        Life.Marked(1);
        Assert.Equal([true], ended);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void MarkCurrent_OfBeforeTheReplicaWasMadeAnew_IsVoid(bool isAfterRecord)
    {
        OpenedCopy copy = _files.Open();
        Life.Begin(copy, isCurrent: false, "new");
        List<bool> ended = [];
        Life.MarkCurrent(ended.Add);
        if (isAfterRecord) _host.RunChanges();
        Life.Prepare(() => { });
        _host.EndFlush(null);
        _host.RunChanges();
        if (isAfterRecord) Life.Marked(1);
        Assert.Equal([false], ended);
        Assert.Equal(CopyState.Rebuilding, copy.Copy.Describe().State);
        Life.Stalled("no answer");
        Reopen();
        Assert.Equal(CopyUse.Rebuilding, _host.Mirror.Use);
    }

    [Fact]
    public void Term_IsInTheCopyBeforeItIsAnswered_AndOnlyRises()
    {
        OpenedCopy copy = BeginCurrent(term: 3);
        int answers = 0;
        Life.MarkTerm(5, () => answers++);
        Assert.Equal(0, answers);
        _host.RunChanges();
        Assert.Equal((1, 5UL), (answers, copy.Copy.Describe().Version.Term));
        Life.MarkTerm(4, () => answers++);
        _host.RunChanges();
        Assert.Equal((2, 5UL), (answers, copy.Copy.Describe().Version.Term));
        Life.Stalled("no answer");
        Life.MarkTerm(6, () => answers++);
        Assert.Equal(3, answers);
    }

    [Fact]
    public void TermThatBeganWhileTheOnlyCopyWasOut_IsInItWhenItServesAgain()
    {
        BeginCurrent(term: 3);
        Life.Stalled("no answer");
        int answers = 0;
        Life.MarkTerm(5, () => answers++);
        Assert.Equal(1, answers); // the server's mark says 5
        OpenedCopy copy = Reopen();
        _host.RunChanges();
        Assert.Equal("", CopyAuthority.WhyNotCurrent(copy.Copy.Describe(), mark: 5)); // the machine boots from it
    }

    [Fact]
    public void TermThatCannotBeWritten_TakesTheCopyOut()
    {
        BeginCurrent();
        int answers = 0;
        Life.MarkTerm(5, () => answers++);
        _host.FailChanges();
        Assert.Equal((1, CopyUse.Out, 1), (answers, _host.Mirror.Use, _host.GivenUp));
        Assert.Equal([CopyNote.Failed], _host.Notes);
    }

    [Fact]
    public void RecordUnderWay_EndsOnceWhenTheCopyIsGivenUp_WhateverTheDeviceSaysLater()
    {
        BeginCurrent();
        List<bool> ended = [];
        Life.Record(_ => { }, ended.Add);
        Life.Stalled("no answer");
        Assert.Empty(ended); // not within the call
        _host.RunLater();
        Assert.Equal([false], ended);
        _host.RunChanges();
        Assert.Equal([false], ended);
    }

    [Fact]
    public void BadBlocks_AreRepairedInPlace_UntilThereAreTooMany()
    {
        BeginCurrent();
        Assert.True(Life.BadBlocksFound(8));
        Assert.True(Life.BadBlocksFound(0));
        Assert.False(Life.BadBlocksFound(1));
        Assert.False(Life.IsIsolated);
        _host.RunLater(); // found by a scrub: no request fails
        Assert.True(Life.IsIsolated);
        Assert.Equal([CopyNote.LeftOut], _host.Notes);
        Assert.Equal(1, _host.GivenUp);
    }

    [Fact]
    public void TooManyBadBlocks_FoundByARequest_AreToldOnce()
    {
        BeginCurrent();
        Assert.False(Life.BadBlocksFound(9));
        Life.CopyFailed(CopyFaultKind.Corrupt, "9 bad blocks");
        _host.RunLater();
        Assert.True(Life.IsIsolated);
        Assert.Equal([CopyNote.LeftOut], _host.Notes);
    }

    private sealed class Host : MirrorHostBase, ICopyHost
    {
        private readonly Queue<Action> _later = new();
        private readonly Queue<(OpenedCopy? Copy, Action<DiskCopy> Change, Action<bool> Ended)> _changes = new();
        private Action<BlockOutcome>? _flush;
        private OpenedCopy? _used;
        private int _openings;

        internal Host(MirrorPolicy policy)
        {
            Mirror = new DiskMirror(s_name, s_geometry, new MirrorSettings(), this);
            Life = new CopyLife(Mirror, policy, s_geometry, 1, this);
        }

        internal DiskMirror Mirror { get; }
        internal CopyLife Life { get; }
        internal List<long> OpenAfters { get; } = [];
        internal List<bool> Marks { get; } = [];
        internal List<CopyNote> Notes { get; } = [];
        internal List<OpenedCopy> Closed { get; } = [];
        internal int OpensWhenFree { get; private set; }
        internal int GivenUp { get; private set; }

        internal int TakeOpenings()
        {
            int openings = _openings;
            _openings = 0;
            return openings;
        }

        internal void RunLater()
        {
            while (_later.TryDequeue(out Action? action)) action();
        }

        internal void RunChanges()
        {
            while (_changes.TryDequeue(out (OpenedCopy? Copy, Action<DiskCopy> Change, Action<bool> Ended) one))
            {
                if (one.Copy is not null && one.Copy == _used) one.Change(one.Copy.Copy);
                one.Ended(one.Copy is not null && one.Copy == _used);
            }
        }

        internal void FailChanges()
        {
            while (_changes.TryDequeue(out (OpenedCopy? Copy, Action<DiskCopy> Change, Action<bool> Ended) one)) one.Ended(false);
        }

        internal void EndFlush(CopyFaultKind? fault) =>
            _flush!(new BlockOutcome(new BlockCompleted(0, ulong.MaxValue, fault is null ? BlockStatus.Ok : BlockStatus.IoError, default), fault, "the flush failed", [], null, 0));

        public long NowMs => 1_000;
        public bool AreFilesFree { get; set; } = true;
        public void Later(Action action) => _later.Enqueue(action);
        public void OpenWhenFree() => OpensWhenFree++;
        public void OpenAfter(long delayMs) => OpenAfters.Add(delayMs);
        public void Open() => _openings++;
        public void Close(OpenedCopy copy) => Closed.Add(copy);
        public void Use(OpenedCopy copy) => _used = copy;

        public void GiveUp(string reason)
        {
            if (_used is null) return;
            GivenUp++;
            _used.Copy.Dispose();
            _used = null;
        }

        public void Flush(Action<BlockOutcome> ended) => _flush = ended;
        public void Change(Action<DiskCopy> change, Action<bool> ended) => _changes.Enqueue((_used, change, ended));
        public void Mark(bool isStale, int number) => Marks.Add(isStale);
        public void Tell(CopyNote note, string sentence, string next) => Notes.Add(note);

        public override void Send(ReadOnlySpan<byte> message, bool isRegion)
        {
        }

        public override void OnCopyFailed(CopyFaultKind kind, string detail) => Life.CopyFailed(kind, detail);

        public override void Record(Action<DiskCopy> change, Action<bool> ended) => Life.Record(change, ended);

        public override void MarkStale(Action ended) => Life.MarkStale(ended);
    }
}
