using ActorFT.Cluster.Machines;
using ActorFT.Machine.IO;
using ActorFT.Node.Running;
using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Running;

public sealed class InputQueueTests : IDisposable
{
    private readonly WakeEvent _wake = new();
    private readonly FakeMachine _machine = new() { BuffersFree = 1000 };
    private readonly InputQueue _queue;

    public InputQueueTests() => _queue = new InputQueue(_wake, nicCount: 2);

    public void Dispose()
    {
        _wake.Dispose();
        _machine.Dispose();
    }

    private List<MachineInput> Take()
    {
        var inputs = new List<MachineInput>();
        _queue.Take(_machine, inputs);
        return inputs;
    }

    [Fact]
    public void Frames_wait_for_free_receive_buffers_in_their_order()
    {
        for (byte i = 0; i < 5; i++) Assert.True(_queue.TryReceive(0, new[] { i }));
        _machine.BuffersFree = 0;
        Assert.Empty(Take());
        _machine.BuffersFree = 3;
        Assert.Equal([0, 1, 2], Take().Cast<FrameReceived>().Select(f => f.Frame.Span[0]));
        Assert.Equal([3, 4], Take().Cast<FrameReceived>().Select(f => f.Frame.Span[0]));
    }

    [Fact]
    public void Frames_beyond_the_limit_are_dropped_and_counted_for_their_nic_alone()
    {
        for (int i = 0; i < InputQueue.FrameLimit; i++) Assert.True(_queue.TryReceive(1, new byte[60]));
        Assert.False(_queue.TryReceive(1, new byte[60]));
        Assert.True(_queue.TryReceive(0, new byte[60]));
        Assert.Equal((0L, 1L), (_queue.DroppedFrames(0), _queue.DroppedFrames(1)));
    }

    [Fact]
    public void A_pipe_waits_when_the_guest_does_not_read_and_loses_nothing()
    {
        byte[] all = new byte[InputQueue.ConsoleLimitBytes * 5];
        new Random(1).NextBytes(all);
        _machine.ConsoleFree = 0;
        var writer = new Thread(() => _queue.Type(0, all, mayWait: true));
        writer.Start();
        Assert.Empty(Take());
        _machine.ConsoleFree = 777;
        var got = new List<byte>();
        Wait.Until(() =>
        {
            int before = got.Count;
            foreach (ConsoleTyped typed in Take().Cast<ConsoleTyped>()) got.AddRange(typed.Bytes.ToArray());
            Assert.True(got.Count - before <= 777, "more was typed than is free");
            return got.Count == all.Length;
        }, "all typed bytes");
        Assert.Equal(all, got);
        Assert.True(writer.Join(10_000));
    }

    [Fact]
    public void A_keyboard_never_waits()
    {
        Assert.True(_queue.Type(0, new byte[InputQueue.ConsoleLimitBytes], mayWait: false));
        Assert.True(_queue.Type(0, new byte[10], mayWait: false));
        Assert.Equal(InputQueue.ConsoleLimitBytes, Take().Cast<ConsoleTyped>().Sum(t => t.Bytes.Length));
    }

    [Fact]
    public void A_waiting_pipe_is_let_go_when_the_queue_closes()
    {
        bool? result = null;
        var writer = new Thread(() => result = _queue.Type(0, new byte[InputQueue.ConsoleLimitBytes * 2], mayWait: true));
        writer.Start();
        _queue.Close();
        Assert.True(writer.Join(10_000), "the writer still waits");
        Assert.False(result);
    }

    [Fact]
    public void A_rounds_inputs_stay_within_the_records_limits_and_nothing_is_lost()
    {
        for (ulong i = 0; i < 40; i++) _queue.Complete(new BlockCompleted(0, i, BlockStatus.Ok, new byte[1 << 20]));
        for (ulong i = 40; i < 6000; i++) _queue.Complete(new EntropyArrived(i, new byte[1]));
        int rounds = 0, count = 0;
        for (List<MachineInput> inputs = Take(); inputs.Count != 0; inputs = Take(), rounds++)
        {
            count += inputs.Count;
            Assert.True(inputs.Count <= Lockstep.Records.RecordLimits.MaxInputsPerRound);
            Assert.True(Lockstep.Records.RecordBuilder.InputBytes([.. inputs]) <= Lockstep.Records.RecordLimits.MaxRoundInputBytes);
        }
        Assert.Equal(6000, count);
        Assert.True(rounds >= 3);
    }
}
