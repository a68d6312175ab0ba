using ActorFT.Machine.Devices.Virtio.Entropy;
using ActorFT.Machine.IO;
using Xunit;
using static ActorFT.Machine.Tests.Devices.Virtio.GuestBuffer;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The entropy device against VirtIO 1.2 §5.4.</summary>
public sealed class EntropyDeviceTests : IDisposable
{
    private readonly VirtioWorld _world = new(world => new EntropyDevice(world, world));
    private readonly GuestDriver _driver;

    public EntropyDeviceTests() => _driver = new GuestDriver(_world).Initialize(queueSize: 128);

    public void Dispose() => _world.Dispose();

    private EntropyDevice Device => (EntropyDevice)_world.Device;

    private GuestQueue Queue => _driver.Queues[0];

    private EntropyRequested[] Ask(params GuestBuffer[] buffers)
    {
        Queue.Add(buffers);
        Queue.Kick();
        return _world.TakeOutputs<EntropyRequested>();
    }

    private void Arrive(ulong id, params byte[] bytes) => Device.Arrive(new EntropyArrived(id, bytes));

    [Fact]
    public void Buffer_IsAskedForAndFilledWhenTheBytesArrive()
    {
        ulong at = _driver.Allocate(8);
        EntropyRequested request = Assert.Single(Ask(In(at, 3), In(at + 3, 5)));
        Assert.Equal(8, request.LengthBytes);
        Assert.Null(Queue.TakeUsed());
        Arrive(request.RequestId, 1, 2, 3, 4, 5, 6, 7, 8);
        Assert.Equal(8u, Queue.TakeUsed()!.Value.Bytes);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], _driver.Peek(at, 8));
        Assert.True(_world.Line);
    }

    [Fact]
    public void Answer_ShorterThanAskedFor_IsUsedForWhatItHas_AndALongerOneIsCut()
    {
        ulong at = _driver.Allocate(16);
        Arrive(Ask(In(at, 8))[0].RequestId, 9);
        Assert.Equal(1u, Queue.TakeUsed()!.Value.Bytes);
        Arrive(Ask(In(at, 2))[0].RequestId, 1, 2, 3, 4);
        Assert.Equal(2u, Queue.TakeUsed()!.Value.Bytes);
        Assert.Equal([1, 2, 0, 0], _driver.Peek(at, 4));
    }

    [Fact]
    public void Answer_EmptyOrForNoRequest_IsIgnored()
    {
        EntropyRequested request = Assert.Single(Ask(In(_driver.Allocate(8), 8)));
        Arrive(request.RequestId);
        Arrive(request.RequestId + 1, 1);
        Assert.Null(Queue.TakeUsed());
        Arrive(request.RequestId, 1);
        Arrive(request.RequestId, 1);
        Assert.Single(Queue.TakeAllUsed());
        Assert.Equal(3, Device.Metrics.Ignored);
    }

    [Fact]
    public void LongBuffer_IsAskedForUpToTheLimit()
    {
        ulong at = _driver.Allocate(100_000);
        EntropyRequested request = Assert.Single(Ask(In(at, 1000), In(at + 1000, 90_000), In(at, 5)));
        Assert.Equal(EntropyConfig.MaxRequestBytes, request.LengthBytes);
    }

    [Fact]
    public void RequestsInFlight_AtTheirLimit_LeaveTheRestInTheRing()
    {
        ulong at = _driver.Allocate(8);
        for (int i = 0; i < 100; i++) Queue.Add(In(at, 8));
        Queue.Kick();
        EntropyRequested[] requests = _world.TakeOutputs<EntropyRequested>();
        Assert.Equal(EntropyConfig.MaxInFlightRequests, requests.Length);
        Arrive(requests[5].RequestId, 1);
        Assert.Single(_world.TakeOutputs<EntropyRequested>());
    }

    [Fact]
    public void Reset_WithRequestsInFlight_LetsThemEndUnseen()
    {
        EntropyRequested request = Assert.Single(Ask(In(_driver.Allocate(8), 8)));
        _driver.Initialize();
        var pending = new List<MachineOutput>();
        Device.AddPendingRequests(pending);
        Assert.Equal(request, Assert.Single(pending));
        Arrive(request.RequestId, 1, 2);
        Assert.Equal(0, Queue.UsedIndex);
        Assert.Equal(0, Device.InFlightCount);
    }

    [Fact]
    public void Buffer_EmptyOrReadable_MakesTheDeviceAskForAReset()
    {
        Assert.Empty(Ask(In(0, 0)));
        _driver.AssertNeedsReset();
        _driver.Initialize();
        ulong at = _driver.Allocate(8);
        Assert.Empty(Ask(Out(at, 4), In(at + 4, 4)));
        _driver.AssertNeedsReset();
    }
}
