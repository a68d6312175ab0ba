using ActorFT.Storage.Copies;

namespace ActorFT.Storage.Mirror.Live;

// A walk over the whole copy: what is wrong by its own checksums is fetched from the peer; on the side that was made from the other, what is right is
// compared with the other's too, at one place in the order of writes.
public sealed partial class DiskMirror
{
    private readonly TokenBucket _scrubBucket;
    private readonly HashSet<int> _compared = []; // regions under comparison by the scrub
    private int? _scrubNext;
    private bool _isScrubLooking;
    private long _scrubNotBeforeMs, _scrubBad, _scrubDiffer;

    /// <summary>Regions looked at by the scrub that runs; null when none does.</summary>
    public int? ScrubbedRegions => _scrubNext;

    /// <summary>Begins a scrub. False: one runs already, or there is no copy to look at.</summary>
    public bool BeginScrub()
    {
        if (_scrubNext is not null || Use == CopyUse.Out) return false;
        (_scrubNext, _scrubBad, _scrubDiffer, _isScrubLooking) = (0, 0, 0, false);
        _compared.Clear();
        return true;
    }

    private void TickScrub()
    {
        if (_scrubNext is not { } region || _isScrubLooking) return;
        if (Use == CopyUse.Out)
        {
            EndScrub("was broken off: the copy is out of service");
            return;
        }

        if (region >= _geometry.RegionCount)
        {
            if (_compared.Count == 0 || !CanPeerServe) EndScrub($"looked at {_geometry.RegionCount} regions: {_scrubBad} bad block(s), {_scrubDiffer} block(s) that differed from the other copy");
            return;
        }

        if (_nowMs < _scrubNotBeforeMs || _compared.Count >= _settings.RegionsAtOnce) return;
        long waitMs = _scrubBucket.Take(_nowMs, _geometry.RegionLength(region));
        _scrubNotBeforeMs = _nowMs + waitMs;
        _isScrubLooking = true;
        int copyLife = _copyLife;
        _host.Check(region, checks =>
        {
            _isScrubLooking = false;
            if (_scrubNext != region) return;
            _scrubNext = region + 1;
            if (copyLife == _copyLife && checks is not null) OnScrubLook(region, checks);
            TickScrub();
        });
    }

    private void OnScrubLook(int region, BlockCheck[] checks)
    {
        int bad = checks.Count(check => !check.IsGood);
        if (bad != 0)
        {
            _scrubBad += bad;
            Counts = Counts with { BadBlocks = Counts.BadBlocks + bad };
            _host.Tell(MirrorNote.BadBlocks, $"scrub found {bad} bad block(s) in region {region}");
            if (_host.OnBadBlocks(bad) && CanPeerServe) Want([region]);
        }
        else if (!_isSource && CanPeerServe && Use == CopyUse.Current)
        {
            _compared.Add(region);
            Want([region]);
        }
    }

    private void NoteScrubbed(RegionTold told, Transfer transfer)
    {
        if (!_compared.Remove(told.Region) || told.Blocks.Length == 0 || transfer.BadBlocks != 0) return;
        if (told.AsOf != _position || told.AsOf != transfer.Position) return; // writes lie between the two looks
        _scrubDiffer += told.Blocks.Length;
        _host.Tell(MirrorNote.Differ, $"{told.Blocks.Length} block(s) of region {told.Region} differed from the other server's copy though each was right by its own checksums; the other server's were taken");
    }

    private void EndScrub(string how)
    {
        _scrubNext = null;
        _compared.Clear();
        _host.Tell(MirrorNote.ScrubEnded, $"the scrub {how}");
    }
}
