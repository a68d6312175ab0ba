using ActorFT.Machine.Memory;
using Xunit;

namespace ActorFT.Machine.Tests.Determinism;

/// <summary>Memory that changes without being written, in pages that no digest looks at again.</summary>
public sealed class MemoryScrubTests
{
    private const ulong Ms = 1_000_000;
    private const int Pages = 4096;

    [Fact]
    public void FlippedBit_InAPageThatNobodyWrites_ShowsInNoDigest_AndIsFoundWithinTheTimeThatTheRateGives()
    {
        using GuestMemory memory = Written();
        Assert.All(Enumerable.Range(0, Pages), page => Assert.False(memory.IsCorrupted(page)));
        State.Digest before = memory.ComputeDigest();
        memory.FlipBit(3000);
        Assert.Equal(before, memory.ComputeDigest());

        MemoryScrub scrub = new((ulong)Pages * GuestMemory.PageBytes); // all of it in a second
        (int page, ulong foundNs) = RunUntilFound(scrub, memory, 2000 * Ms);
        Assert.Equal(3000, page);
        Assert.InRange(foundNs, 700 * Ms, 1010 * Ms);
        Assert.Equal([3000], memory.FindCorruptedPages(0, Pages, 16));
    }

    [Fact]
    public void PageThatIsWritten_IsNeverTakenForChanged_WhateverWritesIt()
    {
        using GuestMemory memory = Written();
        MemoryScrub scrub = new(1UL << 40);
        Random random = new(7);
        for (ulong ms = 1; ms <= 5000; ms++)
        {
            ulong address = memory.BaseAddress + (ulong)random.Next(Pages * GuestMemory.PageBytes - 8);
            if (ms % 3 == 0) memory.TryWrite(address, (ulong)random.NextInt64());
            else if (ms % 3 == 1) memory.WritePage(random.Next(Pages), memory.Page(random.Next(Pages)).ToArray());
            if (ms % 7 == 0) memory.ComputeDigest();
            Assert.Equal(-1, scrub.Continue(memory, ms * Ms));
        }
        Assert.True(scrub.Passes > 5);
    }

    [Fact]
    public void ManyChangedPages_AreNamedUpToABound_AndNotAfterTheirContentIsAccepted()
    {
        using GuestMemory memory = Written();
        foreach (int page in (int[])[5, 6, 7, 9, 4095]) memory.FlipBit(page);
        Assert.Equal([5, 6, 7], memory.FindCorruptedPages(0, Pages, 3));
        Assert.Equal([9, 4095], memory.FindCorruptedPages(8, Pages, 16));
        Assert.Equal([9], memory.FindCorruptedPages(8, 100, 16));
        foreach (int page in memory.FindCorruptedPages(0, Pages, int.MaxValue)) memory.WritePage(page, memory.Page(page).ToArray());
        memory.ComputeDigest();
        Assert.Empty(memory.FindCorruptedPages(0, Pages, 16));
    }

    [Fact]
    public void Scrub_AfterALongPause_StillDoesOnlyALittleAtOnce()
    {
        using GuestMemory memory = Written();
        memory.FlipBit(MemoryScrub.MaxPagesAtOnce);
        MemoryScrub scrub = new(1UL << 40);
        Assert.Equal(-1, scrub.Continue(memory, 1_000_000 * Ms)); // pages 0 to 15
        Assert.Equal(MemoryScrub.MaxPagesAtOnce, scrub.Continue(memory, 1_000_001 * Ms));
    }

    [Fact]
    public void Rate0_ScrubsNothing()
    {
        using GuestMemory memory = Written();
        memory.FlipBit(0);
        Assert.Equal((-1, 0UL), RunUntilFound(new MemoryScrub(0), memory, 60_000 * Ms));
    }

    [Fact]
    public void MemoryNeverTouched_IsPassedOver()
    {
        using GuestMemory memory = new(0x8000_0000, 1UL << 32);
        memory.TryWrite(memory.BaseAddress + memory.SizeBytes - 8, 1UL);
        memory.ComputeDigest();
        memory.FlipBit(memory.PageCount - 1);
        (int page, ulong foundNs) = RunUntilFound(new MemoryScrub(16 << 20), memory, 10_000 * Ms);
        Assert.Equal(memory.PageCount - 1, page);
        Assert.True(foundNs < 3000 * Ms, $"{foundNs} ns"); // a million pages, at 1024 flags in 2 ms
    }

    private static GuestMemory Written()
    {
        GuestMemory memory = new(0x8000_0000, Pages * GuestMemory.PageBytes);
        for (int page = 0; page < Pages; page++) memory.TryWrite(memory.BaseAddress + (ulong)page * GuestMemory.PageBytes, (ulong)page + 1);
        memory.ComputeDigest();
        return memory;
    }

    // As the coordinator's tick does it, every 2 ms.
    private static (int Page, ulong AtNs) RunUntilFound(MemoryScrub scrub, GuestMemory memory, ulong limitNs)
    {
        for (ulong ns = 2 * Ms; ns <= limitNs; ns += 2 * Ms)
            if (scrub.Continue(memory, ns) is >= 0 and int page) return (page, ns);
        return (-1, 0);
    }
}
