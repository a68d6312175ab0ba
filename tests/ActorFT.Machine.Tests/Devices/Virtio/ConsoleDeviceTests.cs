using System.Text;
using ActorFT.Machine.Devices.Virtio;
using ActorFT.Machine.Devices.Virtio.Console;
using ActorFT.Machine.IO;
using Xunit;
using static ActorFT.Machine.Tests.Devices.Virtio.GuestBuffer;

namespace ActorFT.Machine.Tests.Devices.Virtio;

/// <summary>The console device against VirtIO 1.2 §5.3.</summary>
public sealed class ConsoleDeviceTests : IDisposable
{
    private readonly VirtioWorld _world = new(world => new ConsoleDevice(world));
    private readonly GuestDriver _driver;

    public ConsoleDeviceTests() => _driver = new GuestDriver(_world).Initialize();

    public void Dispose() => _world.Dispose();

    private ConsoleDevice Device => (ConsoleDevice)_world.Device;

    private GuestQueue Rx => _driver.Queues[0];

    private GuestQueue Tx => _driver.Queues[1];

    private void Type(string text) => Device.Type(new ConsoleTyped(1, Encoding.ASCII.GetBytes(text)));

    private ulong Offer(int bytes)
    {
        ulong at = _driver.Allocate(bytes);
        Rx.Add(In(at, bytes));
        return at;
    }

    private string Text(ulong address, int bytes) => Encoding.ASCII.GetString(_driver.Peek(address, bytes));

    [Fact]
    public void Write_BecomesAnOutputOfConsole1_AndTheBufferComesBackAtOnce()
    {
        ulong at = _driver.Allocate(Encoding.ASCII.GetBytes("hello world"));
        ushort head = Tx.Add(Out(at, 6), Out(at + 6, 5));
        Tx.Kick();
        ConsoleWritten written = Assert.Single(_world.TakeOutputs<ConsoleWritten>());
        Assert.Equal((1, "hello world"), (written.ConsoleIndex, Encoding.ASCII.GetString(written.Bytes.Span)));
        Assert.Equal((head, 0u), Tx.TakeUsed());
        Assert.True(_world.Line);
    }

    [Fact]
    public void EmptyWrite_ComesBackWithoutAnOutput()
    {
        Tx.Add(Out(0, 0));
        Tx.Kick();
        Assert.Empty(_world.Outputs);
        Assert.NotNull(Tx.TakeUsed());
    }

    [Fact]
    public void Write_TooLongOrWithRoomToWrite_MakesTheDeviceAskForAReset()
    {
        ulong at = _driver.Allocate(1 << 20);
        Tx.Add(Out(at, 1 << 20), Out(at, 1));
        Tx.Kick();
        _driver.AssertNeedsReset();
        _driver.Initialize();
        Tx.Add(Out(at, 1), In(at, 1));
        Tx.Kick();
        _driver.AssertNeedsReset();
        Assert.Empty(_world.Outputs);
    }

    [Fact]
    public void Typed_WithBuffersOffered_ArrivesAtOnce()
    {
        ulong at = Offer(32);
        Rx.Kick();
        Type("ls\n");
        Assert.Equal(3u, Rx.TakeUsed()!.Value.Bytes);
        Assert.Equal("ls\n", Text(at, 3));
        Assert.True(_world.Line);
        Assert.Equal(0, Device.TypedBytesWaiting);
    }

    [Fact]
    public void Typed_WithoutBuffers_WaitsForThem_InOrderAndInPieces()
    {
        Type("abc");
        Type("defgh");
        Assert.Equal(8, Device.TypedBytesWaiting);
        ulong first = Offer(5), second = Offer(5);
        Rx.Kick();
        Assert.Equal([5u, 3u], Rx.TakeAllUsed().Select(used => used.Bytes));
        Assert.Equal("abcdefgh", Text(first, 5) + Text(second, 3));
    }

    [Fact]
    public void Typed_BeforeADriverCame_IsThereWhenItComes()
    {
        _driver.SetStatus(VirtioStatus.None);
        Type("early");
        _driver.Initialize();
        ulong at = Offer(16);
        Rx.Kick();
        Assert.Equal("early", Text(at, 5));
    }

    [Fact]
    public void Typed_BeyondTheBound_IsLostAndCounted()
    {
        Device.Type(new ConsoleTyped(1, new byte[ConsoleConfig.MaxTypedBytes - 1]));
        Type("xyz");
        Assert.Equal(ConsoleConfig.MaxTypedBytes, Device.TypedBytesWaiting);
        Assert.Equal(2, Device.Metrics.BytesLost);
        Type("more");
        Assert.Equal(6, Device.Metrics.BytesLost);
    }

    [Fact]
    public void Typed_ForTheUart_IsIgnored()
    {
        Device.Type(new ConsoleTyped(0, new byte[3]));
        Assert.Equal(0, Device.TypedBytesWaiting);
    }

    [Fact]
    public void ReceiveBuffer_EmptyOrReadable_MakesTheDeviceAskForAReset()
    {
        Rx.Add(In(0, 0));
        Type("a");
        _driver.AssertNeedsReset();
        _driver.Initialize();
        Rx.Add(Out(_driver.Allocate(4), 4));
        Rx.Kick();
        _driver.AssertNeedsReset();
        Assert.Equal(1, Device.TypedBytesWaiting);
    }

    [Fact]
    public void Notifications_OfReceiveBuffers_AreWantedOnlyWhileSomethingWaits()
    {
        _driver.Initialize(features: VirtioFeatures.Version1);
        Rx.Kick();
        Assert.Equal(1, Rx.UsedFlags);
        Type("abc");
        Assert.Equal(0, Rx.UsedFlags);
        Offer(16);
        Rx.Kick();
        Assert.Equal(1, Rx.UsedFlags);

        _driver.Initialize();
        for (int i = 0; i < 3; i++) { Offer(1); Type("x"); Rx.TakeUsed(); }
        Assert.Equal(0, Rx.AvailEvent);
        Type("y");
        Assert.Equal(3, Rx.AvailEvent);
    }
}
