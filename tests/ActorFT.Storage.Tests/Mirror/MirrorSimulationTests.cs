using System.Runtime.InteropServices;
using ActorFT.Storage.Copies;
using ActorFT.Storage.Files;
using ActorFT.Storage.Metadata;
using ActorFT.Storage.Mirror;
using ActorFT.Storage.Tests.Copies;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

/// <summary>
/// A mirrored disk through many lives: two servers execute the same requests at different paces, either or both lose power in the middle of
/// anything, the survivor goes on with another future, the other returns, is resynchronised by dirty regions alone. Checked after every episode:
/// whatever a completed flush covered is there on whoever leads, the right copy is chosen, and both images are equal, byte for byte,
/// though only dirty regions were copied.
/// </summary>
public class MirrorSimulationTests
{
    private const int Sector = DiskGeometry.SectorBytes;
    private static readonly DiskGeometry Geometry = new(512 << 10, DiskGeometry.MinRegionBytes);
    private static readonly int Sectors = (int)(Geometry.CapacityBytes / Sector);

    /// <summary>A guest request; a count of 0 is a flush.</summary>
    private readonly record struct Request(int Sector, int Count, ulong Stamp)
    {
        internal bool IsFlush => Count == 0;
    }

    private sealed class Side
    {
        internal CrashClock Clock { get; } = new();
        internal CrashBlockFile Image { get; }
        internal CrashBlockFile Metadata { get; }
        internal DiskCopy Copy { get; private set; }
        internal int Position { get; set; }
        internal ulong[] Truth { get; private set; } = new ulong[Sectors];
        internal Dictionary<int, FlushTicket> Tickets { get; } = [];
        internal bool IsDown => Clock.IsDown;

        internal Side()
        {
            Image = new CrashBlockFile("image", Geometry.CapacityBytes, Clock);
            Metadata = new CrashBlockFile("metadata", 0, Clock, tearsInsideSectors: true);
            Copy = DiskCopy.Create(Image, Metadata, CrashRig.Name, Geometry, Disk, NewCopyRole.Current, CrashRig.Options);
            Copy.MarkClean(Enumerable.Range(0, Geometry.RegionCount), Copy.Flush());
            Copy.SetStatus(CopyState.Good, "", new MirrorVersion(1, 0), isAlone: false);
        }

        private static readonly Guid Disk = Guid.Parse("22222222-2222-2222-2222-222222222222");

        internal void Execute(Request request)
        {
            int index = Position++;
            if (request.IsFlush)
            {
                Tickets[index] = Copy.Flush();
                return;
            }
            for (int i = 0; i < request.Count; i++) Truth[request.Sector + i] = request.Stamp;
            byte[] data = new byte[request.Count * Sector];
            MemoryMarshal.Cast<byte, ulong>(data.AsSpan()).Fill(request.Stamp);
            if (request.Stamp == 0) Copy.WriteZeroes((long)request.Sector * Sector, data.Length);
            else Copy.Write((long)request.Sector * Sector, data);
        }

        internal void Return(Random random)
        {
            Clock.PowerOff();
            Image.Crash(random);
            Metadata.Crash(random);
            Clock.Restart();
            Copy = DiskCopy.Open(Image, Metadata, CrashRig.Name, Geometry.CapacityBytes, CrashRig.Options);
            Tickets.Clear();
        }

        internal ulong[] Observe()
        {
            byte[] data = new byte[Geometry.CapacityBytes];
            Copy.Read(0, data);
            ulong[] found = new ulong[Sectors];
            for (int i = 0; i < Sectors; i++) found[i] = CrashRig.StampOf(data.AsSpan(i * Sector, Sector));
            return Truth = found;
        }

        internal void TakeOver(Side other) => (Truth, Position) = ((ulong[])other.Truth.Clone(), other.Position);
    }

    private sealed class Simulation(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly Side[] _sides = [new Side(), new Side()];
        private readonly List<Request> _history = [];
        private ulong _stamp;
        // What the last completed flush covered, and the requests since: what may be found after both lost power.
        private ulong[] _stable = new ulong[Sectors];
        private int _stableThrough;
        internal int SingleCrashes, DoubleCrashes, RegionsCopied, RegionsLeft, FlushesConfirmed, SurvivorCrashes, Divergences;

        internal void Run()
        {
            for (int episode = 0; episode < 5; episode++)
            {
                RunDuplex();
                (bool first, bool second) = (_sides[0].IsDown, _sides[1].IsDown);
                if (!first && !second) continue;
                if (first && second) AfterDoubleCrash();
                else AfterSingleCrash(_sides[first ? 1 : 0], _sides[first ? 0 : 1]);
            }
        }

        private void RunDuplex()
        {
            foreach (Side side in _sides) if (_random.Next(2) == 0) side.Clock.CrashAtOperation = side.Clock.Operations + 1 + _random.Next(150);
            for (int step = 60 + _random.Next(120); step > 0 && !_sides[0].IsDown && !_sides[1].IsDown; step--)
            {
                Side side = _sides[_random.Next(2)];
                if (_random.Next(15) == 0)
                {
                    Confirm(side);
                    continue;
                }
                // At most a few requests ahead of the other, as held outputs allow.
                if (side.Position == _history.Count && side.Position - Other(side).Position < 5) _history.Add(NewRequest());
                if (side.Position < _history.Count) TryExecute(side);
            }
            // Pulled plugs come together now and then.
            if ((_sides[0].IsDown || _sides[1].IsDown) && _random.Next(3) == 0) foreach (Side side in _sides) side.Clock.PowerOff();
            foreach (Side side in _sides) if (!side.IsDown) side.Clock.CrashAtOperation = long.MaxValue;
        }

        private Side Other(Side side) => ReferenceEquals(side, _sides[0]) ? _sides[1] : _sides[0];

        private Request NewRequest()
        {
            if (_random.Next(5) == 0) return new Request(0, 0, 0);
            int sector = _random.Next(Sectors), count = Math.Min(1 + _random.Next(_random.Next(5) == 0 ? 50 : 5), Sectors - sector);
            return new Request(sector, count, _random.Next(8) == 0 ? 0 : ++_stamp);
        }

        private bool TryExecute(Side side)
        {
            try
            {
                Request request = _history[side.Position];
                side.Execute(request);
                // In duplex a flush is complete when both have done it.
                if (request.IsFlush && Other(side).Tickets.ContainsKey(side.Position - 1)) NoteStable(side.Position);
                return true;
            }
            catch (SimulatedCrashException)
            {
                return false;
            }
        }

        private void NoteStable(int through)
        {
            for (; _stableThrough < through; _stableThrough++)
            {
                Request request = _history[_stableThrough];
                for (int i = 0; i < request.Count; i++) _stable[request.Sector + i] = request.Stamp;
            }
        }

        private void Confirm(Side side)
        {
            int[] both = [.. side.Tickets.Keys.Where(Other(side).Tickets.ContainsKey)];
            if (both.Length == 0) return;
            side.Copy.ConfirmMirrored(side.Tickets[both.Max()]);
            FlushesConfirmed++;
        }

        private void AfterSingleCrash(Side survivor, Side lost)
        {
            SingleCrashes++;
            // What only the lost one executed never happened: the survivor has another future.
            if (lost.Position > survivor.Position) Divergences++;
            _history.RemoveRange(survivor.Position, _history.Count - survivor.Position);
            MirrorVersion version = survivor.Copy.Describe().Version;
            survivor.Copy.SetStatus(CopyState.Good, "", new MirrorVersion(version.Term + 1, 0), isAlone: true);
            if (_random.Next(3) == 0) survivor.Clock.CrashAtOperation = survivor.Clock.Operations + 1 + _random.Next(60);
            for (int i = _random.Next(40); i > 0 && !survivor.IsDown; i--) ExecuteAlone(survivor, null);
            if (survivor.IsDown) ReturnAndCheck(survivor);
            survivor.Clock.CrashAtOperation = long.MaxValue;
            lost.Return(_random);
            Assert.Equal(AuthorityVerdict.First, CopyAuthority.Decide(survivor.Copy.Describe(), lost.Copy.Describe()).Verdict);
            Assert.Equal(AuthorityVerdict.None, CopyAuthority.MayServeAlone(lost.Copy.Describe(), survivor.Copy.Describe().Version).Verdict);
            Resync(survivor, lost);
        }

        private void ReturnAndCheck(Side side)
        {
            SurvivorCrashes++;
            side.Return(_random);
            CheckAllowed(side);
        }

        /// <summary>Every sector holds what the last completed flush covered or what was written after it.</summary>
        private void CheckAllowed(Side side)
        {
            var later = new Dictionary<int, HashSet<ulong>>();
            for (int at = _stableThrough; at < _history.Count; at++)
                for (int i = 0; i < _history[at].Count; i++)
                {
                    int sector = _history[at].Sector + i;
                    if (!later.TryGetValue(sector, out HashSet<ulong>? stamps)) later[sector] = stamps = [];
                    stamps.Add(_history[at].Stamp);
                }
            ulong[] found = side.Observe();
            for (int sector = 0; sector < Sectors; sector++)
                Assert.True(found[sector] == _stable[sector] || (later.TryGetValue(sector, out HashSet<ulong>? stamps) && stamps.Contains(found[sector])),
                    $"Sector {sector} holds {found[sector]}; flushed was {_stable[sector]}.");
            // The guest goes on from here: what it finds is what it has.
            _stable = (ulong[])found.Clone();
            side.Position = _stableThrough = _history.Count;
        }

        private void ExecuteAlone(Side survivor, ResyncPlan? plan)
        {
            Request request = NewRequest();
            _history.Add(request);
            if (!TryExecute(survivor)) return;
            if (request.IsFlush) NoteStable(survivor.Position);
            else plan?.SourceWroteAlone((long)request.Sector * Sector, (long)request.Count * Sector);
        }

        private void AfterDoubleCrash()
        {
            DoubleCrashes++;
            foreach (Side side in _sides) side.Return(_random);
            Authority authority = CopyAuthority.Decide(_sides[0].Copy.Describe(), _sides[1].Copy.Describe());
            Assert.NotEqual(AuthorityVerdict.None, authority.Verdict);
            int source = authority.Verdict switch { AuthorityVerdict.First => 0, AuthorityVerdict.Second => 1, _ => _random.Next(2) };
            CheckAllowed(_sides[source]);
            Resync(_sides[source], _sides[1 - source]);
        }

        private void Resync(Side source, Side target)
        {
            MirrorVersion version = source.Copy.Describe().Version;
            target.Copy.SetStatus(CopyState.Rebuilding, "returned", target.Copy.Describe().Version, isAlone: false);
            FlushTicket ticket = source.Copy.Flush();
            int[] dirty = [.. source.Copy.DirtyRegions().Union(target.Copy.DirtyRegions())];
            RegionsCopied += dirty.Length;
            RegionsLeft += Geometry.RegionCount - dirty.Length;
            var plan = new ResyncPlan(Geometry, dirty);
            byte[] content = new byte[Geometry.RegionBytes];
            for (int writes = _random.Next(15); !plan.IsComplete;)
            {
                RegionRequest next = plan.TakeNext()!.Value;
                BlockCheck[] ours = source.Copy.CheckRegion(next.Region), theirs = target.Copy.CheckRegion(next.Region);
                source.Copy.Read(Geometry.RegionOffset(next.Region), content);
                while (writes > 0 && _random.Next(2) == 0)
                {
                    ExecuteAlone(source, plan);
                    writes--;
                }
                if (!plan.TryApply(next.Region, 0)) continue;
                foreach (int i in RegionCompare.BlocksToSend(ours, theirs, out _))
                    target.Copy.Write(Geometry.RegionOffset(next.Region) + i * 4096L, content.AsSpan(i * 4096, 4096));
                target.Copy.Flush();
                plan.Applied(next.Region, 0);
            }
            List<int> done = plan.TakeNewlyDone();
            source.Copy.MarkClean(done, ticket);
            FlushTicket ours2 = source.Copy.Flush(), theirs2 = target.Copy.Flush();
            NoteStable(source.Position);
            target.Copy.MarkClean(Enumerable.Range(0, Geometry.RegionCount), theirs2);
            source.Copy.ConfirmMirrored(ours2);
            target.TakeOver(source);
            Assert.True(source.Image.Content.SequenceEqual(target.Image.Content), "The images differ after resync.");
            Assert.Equal(source.Truth, source.Observe());
            var next2 = new MirrorVersion(version.Term + 1, 0);
            source.Copy.SetStatus(CopyState.Good, "", next2, isAlone: false);
            target.Copy.SetStatus(CopyState.Good, "", next2, isAlone: false);
            foreach (Side side in _sides) side.Tickets.Clear();
        }
    }

    [Fact]
    public void Mirror_AnyCrashOfEitherOrBoth_LosesNothingFlushedAndBecomesEqualByDirtyRegionsAlone()
    {
        int single = 0, both = 0, copied = 0, left = 0, confirmed = 0, survivor = 0, divergences = 0;
        for (int seed = 0; seed < 300; seed++)
        {
            var simulation = new Simulation(seed);
            try
            {
                simulation.Run();
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"Seed {seed}: {e}");
            }
            single += simulation.SingleCrashes;
            both += simulation.DoubleCrashes;
            copied += simulation.RegionsCopied;
            left += simulation.RegionsLeft;
            confirmed += simulation.FlushesConfirmed;
            survivor += simulation.SurvivorCrashes;
            divergences += simulation.Divergences;
        }
        Assert.All([single, both, copied, left, confirmed, survivor, divergences], count => Assert.True(count > 50, $"{count}"));
    }
}
