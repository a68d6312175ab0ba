using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Queues;
using Xunit;
using static ActorFT.Machine.Tests.Devices.Virtio.GuestBuffer;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The split virtqueue against VirtIO 1.2 §2.7.</summary>
public sealed class SplitVirtqueueTests : IDisposable
{
    private const ulong NoEventIndex = VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors;
    private const int Size = 16;

    private VirtioWorld _world = null!;
    private GuestDriver _driver = null!;

    public SplitVirtqueueTests() => Use(VirtioFeatures.Common);

    private void Use(ulong features, int size = Size)
    {
        _world?.Dispose();
        _world = new VirtioWorld(_ => new ProbeDevice());
        _driver = new GuestDriver(_world).Initialize(size, features);
        _world.Transport.BeginRound();
    }

    public void Dispose() => _world.Dispose();

    private ProbeDevice Probe => (ProbeDevice)_world.Device;

    private GuestQueue Queue => _driver.Queues[0];

    private void AssertRefused(string reason)
    {
        Queue.Kick();
        _driver.AssertNeedsReset();
        Assert.Contains(reason, Probe.LastDriverFault);
        Assert.Empty(Probe.Seen);
        Assert.Equal(0, Queue.UsedIndex);
    }

    // ---- chains (§2.7.5)

    [Fact]
    public void DirectChain_IsSeenInOrder_ReadableThenWritable()
    {
        ulong a = _driver.Allocate([1, 2, 3]), b = _driver.Allocate([4, 5]), c = _driver.Allocate(7), d = _driver.Allocate(9);
        ushort head = Queue.Add(Out(a, 3), Out(b, 2), In(c, 7), In(d, 9));
        Queue.Kick();
        SeenChain seen = Assert.Single(Probe.Seen);
        Assert.Equal(head, seen.Head);
        Assert.Equal([1, 2, 3, 4, 5], seen.Readable);
        Assert.Equal([new BufferSegment(c, 7), new BufferSegment(d, 9)], seen.Segments);
    }

    [Fact]
    public void IndirectChain_IsSeenAsADirectOneWouldBe_AndTheReferringWriteFlagIsIgnored()
    {
        ulong a = _driver.Allocate([1, 2]), b = _driver.Allocate(5);
        ushort head = Queue.AddIndirect(Out(a, 2), In(b, 5));
        ulong table = _driver.Allocate(16);
        Queue.WriteDescriptor(table, 0, a, 2, 0, 0);
        Queue.WriteDescriptor(9, table, 16, GuestQueue.Indirect | GuestQueue.WriteFlag, 0);
        Queue.MakeAvailable(9);
        Queue.Kick();
        Assert.Equal([(head, 5UL), (9, 0UL)], Probe.Seen.Select(chain => (chain.Head, chain.WritableBytes)));
        Assert.All(Probe.Seen, chain => Assert.Equal([1, 2], chain.Readable));
    }

    [Fact]
    public void NormalDescriptors_FollowedByAnIndirectOne_AreOneChain()
    {
        ulong a = _driver.Allocate([1]), b = _driver.Allocate([2]), table = _driver.Allocate(16);
        Queue.WriteDescriptor(4, a, 1, GuestQueue.Next, 5);
        Queue.WriteDescriptor(5, table, 16, GuestQueue.Indirect, 0);
        Queue.WriteDescriptor(table, 0, b, 1, 0, 0);
        Queue.MakeAvailable(4);
        Queue.Kick();
        Assert.Equal([1, 2], Assert.Single(Probe.Seen).Readable);
    }

    [Fact]
    public void LongestChains_DirectAndIndirect_AreTaken()
    {
        ulong at = _driver.Allocate(4096);
        Queue.Add(Enumerable.Range(0, Size).Select(i => Out(at + (ulong)i, 1)).ToArray());
        Queue.Kick();
        Assert.Equal(Size, Assert.Single(Probe.Seen).Readable.Length);

        Use(VirtioFeatures.Common);
        Queue.AddIndirect(Enumerable.Range(0, 256).Select(i => In(at + (ulong)i, 2)).ToArray());
        Queue.Kick();
        Assert.Equal(512UL, Assert.Single(Probe.Seen).WritableBytes);
        _driver.AssertHealthy();
    }

    [Fact]
    public void EmptyPieces_AreLeftOut_WhereverTheyPoint()
    {
        ulong at = _driver.Allocate(8);
        Queue.Add(Out(0, 0), Out(at, 8), In(ulong.MaxValue, 0), In(at, 4));
        Queue.Kick();
        SeenChain seen = Assert.Single(Probe.Seen);
        Assert.Equal((8, 4UL, 1), (seen.Readable.Length, seen.WritableBytes, seen.Segments.Length));
    }

    [Fact]
    public void Buffer_AtTheVeryEndOfRam_IsTaken_AndOneByteFurtherIsNot()
    {
        ulong end = VirtioWorld.RamBase + VirtioWorld.RamBytes;
        Queue.Add(In(end - 8, 8));
        Queue.Kick();
        Assert.Single(Probe.Seen);
        Queue.Add(In(end - 8, 9));
        Queue.Kick();
        _driver.AssertNeedsReset();
    }

    [Theory]
    [InlineData(0UL, 1u)]
    [InlineData(0x7fff_ffffUL, 2u)]
    [InlineData(0x8000_0000UL, 0xffff_ffffu)]
    [InlineData(0x8020_0000UL, 1u)]
    [InlineData(0xffff_ffff_ffff_ffffUL, 1u)]
    [InlineData(0xffff_ffff_ffff_fff0UL, 0x20u)]
    public void Buffer_OutsideRam_IsRefused(ulong address, uint bytes)
    {
        Queue.WriteDescriptor(0, address, bytes, GuestQueue.WriteFlag, 0);
        Queue.MakeAvailable(0);
        AssertRefused("outside RAM");
    }

    [Fact]
    public void Loop_OfOneDescriptorOrOfAll_IsRefused()
    {
        ulong at = _driver.Allocate(8);
        Queue.WriteDescriptor(0, at, 8, GuestQueue.Next, 0);
        Queue.MakeAvailable(0);
        AssertRefused("loop");

        Use(VirtioFeatures.Common);
        for (int i = 0; i < Size; i++) Queue.WriteDescriptor(i, at, 8, GuestQueue.Next, (ushort)((i + 1) % Size));
        Queue.MakeAvailable(3);
        AssertRefused("loop");
    }

    [Fact]
    public void NextOutsideTheTable_IsRefused()
    {
        Queue.WriteDescriptor(0, _driver.Allocate(8), 8, GuestQueue.Next, Size);
        Queue.MakeAvailable(0);
        AssertRefused("next");
    }

    [Fact]
    public void HeadOutsideTheTable_IsRefused()
    {
        Queue.MakeAvailable(Size);
        AssertRefused("available ring names");
    }

    [Fact]
    public void ReadableAfterWritable_IsRefused()
    {
        ulong at = _driver.Allocate(8);
        Queue.Add(In(at, 8), Out(at, 8));
        AssertRefused("device-readable descriptor after");
    }

    [Fact]
    public void ReadableInAnIndirectTable_AfterADirectWritable_IsRefused()
    {
        ulong at = _driver.Allocate(8), table = _driver.Allocate(16);
        Queue.WriteDescriptor(0, at, 8, GuestQueue.WriteFlag | GuestQueue.Next, 1);
        Queue.WriteDescriptor(1, table, 16, GuestQueue.Indirect, 0);
        Queue.WriteDescriptor(table, 0, at, 8, 0, 0);
        Queue.MakeAvailable(0);
        AssertRefused("device-readable descriptor after");
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(8u)]
    [InlineData(17u)]
    [InlineData(31u)]
    public void IndirectTable_OfABadLength_IsRefused(uint bytes)
    {
        Queue.WriteDescriptor(0, _driver.Allocate(64), bytes, GuestQueue.Indirect, 0);
        Queue.MakeAvailable(0);
        AssertRefused("multiple of 16");
    }

    [Theory]
    [InlineData(0UL, 16u)]
    [InlineData(0x801f_fff8UL, 16u)]
    [InlineData(0x8000_0000UL, 0xffff_fff0u)]
    public void IndirectTable_OutsideRam_IsRefused(ulong address, uint bytes)
    {
        Queue.WriteDescriptor(0, address, bytes, GuestQueue.Indirect, 0);
        Queue.MakeAvailable(0);
        AssertRefused("indirect table outside RAM");
    }

    [Fact]
    public void IndirectTable_ThatLoopsNestsLeavesItselfOrGoesOn_IsRefused()
    {
        ulong at = _driver.Allocate(8), table = _driver.Allocate(32);
        (ushort Flags, ushort Next, string Reason)[] entries =
        [
            (GuestQueue.Next, 0, "loop"),
            (GuestQueue.Next, 2, "outside its table"),
            (GuestQueue.Indirect, 0, "within an indirect table"),
            (GuestQueue.Indirect | GuestQueue.Next, 1, "within an indirect table"),
        ];
        foreach ((ushort flags, ushort next, string reason) in entries)
        {
            Use(VirtioFeatures.Common);
            Queue.WriteDescriptor(table, 0, at, 8, flags, next);
            Queue.WriteDescriptor(0, table, 32, GuestQueue.Indirect, 0);
            Queue.MakeAvailable(0);
            AssertRefused(reason);
        }
        Use(VirtioFeatures.Common);
        Queue.WriteDescriptor(0, table, 32, GuestQueue.Indirect | GuestQueue.Next, 1);
        Queue.MakeAvailable(0);
        AssertRefused("both indirect and followed");
    }

    [Fact]
    public void IndirectChain_LongerThanTheLongestQueue_IsRefused()
    {
        ulong at = _driver.Allocate(8);
        Queue.AddIndirect(Enumerable.Range(0, 257).Select(_ => Out(at, 1)).ToArray());
        AssertRefused("longer than the longest queue");
    }

    [Fact]
    public void IndirectDescriptor_NotNegotiated_IsRefused()
    {
        Use(VirtioFeatures.Version1);
        Queue.AddIndirect(Out(_driver.Allocate(8), 8));
        AssertRefused("without the feature");
    }

    [Theory]
    [InlineData(Size + 1)]
    [InlineData(1000)]
    [InlineData(0xffff)]
    public void AvailableIndex_ThatJumps_IsRefused(int index)
    {
        Queue.SetAvailIndex((ushort)index);
        AssertRefused("more chains available");
    }

    [Fact]
    public void Chains_NeverGivenBack_CannotExceedTheQueue()
    {
        ulong at = _driver.Allocate(8);
        Queue.WriteDescriptor(0, at, 8, 0, 0);
        for (int i = 0; i < Size; i++) { Queue.MakeAvailable(0); Queue.Kick(); }
        Assert.Equal(Size, Probe.Seen.Count);
        _driver.AssertHealthy();
        Queue.MakeAvailable(0);
        Queue.Kick();
        _driver.AssertNeedsReset();
        Assert.Equal(Size, Probe.Seen.Count);
    }

    // ---- used ring (§2.7.8) and wrapping

    [Fact]
    public void Indices_WrapAroundAt65536()
    {
        ulong at = _driver.Allocate(8);
        for (int i = 0; i < 70_000; i++)
        {
            if (i % 1000 == 0) _world.Transport.BeginRound();
            ushort head = Queue.Add(Out(at, 8));
            Queue.Kick();
            Probe.GiveBack(head, (uint)i);
            Assert.Equal((head, (uint)i), Queue.TakeUsed());
        }
        _driver.AssertHealthy();
        Assert.Equal(70_000, Probe.Seen.Count);
    }

    [Fact]
    public void SmallestQueue_OfOneEntry_Works()
    {
        Use(VirtioFeatures.Common, size: 1);
        for (int i = 0; i < 5; i++)
        {
            ushort head = Queue.Add(Out(_driver.Allocate(8), 8));
            Queue.Kick();
            Probe.GiveBack(head, 3);
            Assert.Equal((head, 3u), Queue.TakeUsed());
        }
        Assert.Equal(5, Probe.Seen.Count);
    }

    // ---- used buffer notification (§2.7.7)

    private int InterruptsAfterGivingBack(int chains)
    {
        _driver.AcknowledgeInterrupts();
        int before = _world.Interrupts;
        for (int i = 0; i < chains; i++)
        {
            ushort head = Queue.Add(Out(_driver.Allocate(8), 8));
            Queue.Kick();
            Probe.GiveBack(head, 0);
            if (_world.Line) _driver.AcknowledgeInterrupts();
            Queue.TakeAllUsed();
        }
        return _world.Interrupts - before;
    }

    [Fact]
    public void WithoutEventIndex_TheAvailableFlagDecidesOnInterrupts()
    {
        Use(NoEventIndex);
        Assert.Equal(3, InterruptsAfterGivingBack(3));
        Queue.SetAvailFlags(1);
        Queue.SetUsedEvent(4); // must be ignored (§2.7.7.2)
        Assert.Equal(0, InterruptsAfterGivingBack(3));
        Queue.SetAvailFlags(0);
        Assert.Equal(1, InterruptsAfterGivingBack(1));
    }

    [Fact]
    public void WithEventIndex_InterruptsComeExactlyAtUsedEvent()
    {
        Queue.SetAvailFlags(1); // must be ignored
        Queue.SetUsedEvent(0);
        Assert.Equal(1, InterruptsAfterGivingBack(1));
        Queue.SetUsedEvent(3);
        Assert.Equal(0, InterruptsAfterGivingBack(2)); // entries 1 and 2
        Assert.Equal(1, InterruptsAfterGivingBack(1)); // entry 3
        Assert.Equal(0, InterruptsAfterGivingBack(10));
        Queue.SetUsedEvent(13); // already written
        Assert.Equal(0, InterruptsAfterGivingBack(4));
    }

    [Fact]
    public void WithEventIndex_ABatchThatPassesUsedEventInterruptsOnce()
    {
        ulong at = _driver.Allocate(8);
        Queue.SetUsedEvent(2);
        var heads = new List<ushort>();
        for (int i = 0; i < 5; i++) heads.Add(Queue.Add(Out(at, 8)));
        Queue.Kick();
        foreach (ushort head in heads) Probe.GiveBackQuietly(head);
        Probe.Signal();
        Assert.Equal(1u, _driver.AcknowledgeInterrupts());
        Probe.Signal(); // nothing new
        Assert.Equal(0u, _driver.InterruptStatus);
    }

    [Fact]
    public void WithEventIndex_InterruptsAreRightAcrossTheWrap()
    {
        ulong at = _driver.Allocate(8);
        Queue.SetUsedEvent(0xffff);
        int interrupts = 0;
        for (int i = 0; i < 65_540; i++)
        {
            if (i % 1000 == 0) _world.Transport.BeginRound();
            ushort head = Queue.Add(Out(at, 8));
            Queue.Kick();
            Probe.GiveBack(head, 0);
            Queue.TakeUsed();
            if (!_world.Line) continue;
            interrupts++;
            Assert.Equal(0xffff, i);
            _driver.AcknowledgeInterrupts();
        }
        Assert.Equal(1, interrupts);
    }

    // ---- available buffer notification (§2.7.10)

    [Fact]
    public void WithEventIndex_AvailEventNamesTheNextChainOnceTheQueueIsDrained()
    {
        ulong at = _driver.Allocate(8);
        for (ushort i = 1; i <= 5; i++)
        {
            Queue.Add(Out(at, 8));
            Queue.Kick();
            Assert.Equal(i, Queue.AvailEvent);
        }
        Assert.Equal(0, Queue.UsedFlags); // §2.7.10.2: must be 0 with the feature
    }

    [Fact]
    public void WithoutEventIndex_TheUsedFlagFollowsTheDevicesWish()
    {
        Use(NoEventIndex);
        Probe.WantsNotifications = false;
        Queue.Kick();
        Assert.Equal(1, Queue.UsedFlags);
        Probe.WantsNotifications = true;
        Queue.Kick();
        Assert.Equal(0, Queue.UsedFlags);
        Assert.Equal(0, Queue.AvailEvent);
    }

    // ---- budget

    [Fact]
    public void Budget_SpentWithinARound_LeavesChainsForTheNext_AndRefusedOnesCostToo()
    {
        Use(VirtioFeatures.Common, size: 256);
        ulong at = _driver.Allocate(8);
        ulong table = _driver.Allocate(16 * 256);
        for (int i = 0; i < 256; i++) Queue.WriteDescriptor(table, i, at, 1, (ushort)(i < 255 ? GuestQueue.Next : 0), (ushort)(i + 1));
        Queue.WriteDescriptor(0, table, 16 * 256, GuestQueue.Indirect, 0);
        for (int i = 0; i < 256; i++) Queue.MakeAvailable(0);
        Queue.Kick();
        int perRound = (VirtioDevice.RoundBudgetUnits + 256) / 257;
        Assert.Equal(perRound, Probe.Seen.Count);
        Assert.True(_world.Transport.HasDeferredWork);
        for (int i = 0; i < 100; i++) Queue.Kick();
        Assert.Equal(perRound, Probe.Seen.Count);
        _world.Transport.BeginRound();
        Assert.Equal(2 * perRound, Probe.Seen.Count);
        for (int i = 0; i < 4; i++) _world.Transport.BeginRound();
        Assert.Equal(256, Probe.Seen.Count);
        Assert.False(_world.Transport.HasDeferredWork);
        _driver.AssertHealthy();
    }

    [Fact]
    public void Budget_IsNotRefilledByResets()
    {
        int seen = 0;
        for (int i = 0; i < 400; i++)
        {
            Probe.Seen.Clear();
            _driver.Initialize(256, VirtioFeatures.Common);
            ulong at = _driver.Allocate(8);
            for (int j = 0; j < 200; j++) { Queue.WriteDescriptor(0, at, 1, 0, 0); Queue.MakeAvailable(0); }
            Queue.Kick();
            seen += Probe.Seen.Count;
        }
        Assert.Equal(VirtioDevice.RoundBudgetUnits, seen);
    }
}
