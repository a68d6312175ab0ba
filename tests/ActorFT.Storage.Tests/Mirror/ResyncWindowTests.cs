using ActorFT.Storage.Mirror;
using Xunit;

namespace ActorFT.Storage.Tests.Mirror;

public sealed class ResyncWindowTests
{
    private const long Region = 256 << 10, Least = 4 * Region, Most = 128 * Region;

    private readonly ResyncWindow _window = new(Least, Most);

    [Fact]
    public void Window_RegionsThatComeSoon_GrowsToTheMostAndNoFurther()
    {
        Assert.Equal(Least, _window.Bytes);
        for (int i = 0; i < 1000; i++) _window.Ended(Region, 20);
        Assert.Equal(Most, _window.Bytes);
    }

    // A link of 1 MB/s: each region waits for all that were asked for before it.
    [Fact]
    public void Window_SlowLink_StaysWhereRegionsComeWithinASecondOrSo()
    {
        for (int i = 0; i < 1000; i++) _window.Ended(Region, _window.Bytes / 1000);
        Assert.InRange(_window.Bytes, Least, 5 * Region);
    }

    [Fact]
    public void Window_RegionsThatComeLateOrNever_ShrinksToTheLeast()
    {
        for (int i = 0; i < 1000; i++) _window.Ended(Region, 20);
        for (int i = 0; i < 128; i++) _window.Ended(Region, 1500);
        Assert.InRange(_window.Bytes, Least, Most / 2);
        _window.Missed();
        Assert.Equal(Least, _window.Bytes);
        for (int i = 0; i < 1000; i++) _window.Ended(Region, 1500);
        Assert.Equal(Least, _window.Bytes);
    }
}
