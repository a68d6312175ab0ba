using ActorFT.Machine.State;
using Xunit;

namespace ActorFT.Machine.Tests.Devices;

/// <summary>
/// What every device on the bus promises (IMmioDevice, ISavable). A device's test class derives from this, says how to
/// make a bench, and inherits the tests.
/// </summary>
public abstract class DeviceContract
{
    private const int Seeds = 24;
    private const int BurstsPerSeed = 12;

    private protected abstract DeviceBench PowerOn();

    private DeviceBench InOperation(int seed)
    {
        DeviceBench bench = PowerOn();
        var random = new Random(seed);
        int bursts = random.Next(BurstsPerSeed);
        for (int i = 0; i < bursts; i++) bench.Drive(random);
        return bench;
    }

    [Fact]
    public void SaveRestoreSave_MidOperation_IsAFixpoint()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            using DeviceBench bench = InOperation(seed);
            byte[] saved = bench.Save();
            using DeviceBench twin = bench.Fresh();
            Assert.Equal(0, twin.Restore(saved));
            Assert.Equal(saved, twin.Save());
        }
    }

    [Fact]
    public void RestoredDevice_DrivenLikeTheOriginal_HasTheSameFuture()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            using DeviceBench bench = InOperation(seed);
            using DeviceBench twin = bench.Fresh();
            twin.Restore(bench.Save());
            bench.TakeObservations();
            twin.TakeObservations();
            Random random = new(seed + 1000), again = new(seed + 1000);
            for (int i = 0; i < BurstsPerSeed; i++)
            {
                bench.Drive(random);
                twin.Drive(again);
                Assert.Equal(bench.TakeObservations(), twin.TakeObservations());
                Assert.Equal(bench.Save(), twin.Save());
            }
        }
    }

    [Fact]
    public void Reset_InOperation_ReturnsToTheStateAfterPowerOn()
    {
        using DeviceBench untouched = PowerOn();
        for (int seed = 0; seed < Seeds; seed++)
        {
            using DeviceBench bench = InOperation(seed);
            bench.Device.Reset();
            Assert.Equal(untouched.Save(), bench.Save());
        }
    }

    [Fact]
    public void Drive_FromPowerOn_ChangesTheState()
    {
        // Shows that the bench really reaches states in which the other promises mean something.
        using DeviceBench bench = PowerOn();
        byte[] before = bench.Save();
        var random = new Random(1);
        for (int i = 0; i < BurstsPerSeed; i++) bench.Drive(random);
        Assert.NotEqual(before, bench.Save());
    }

    [Fact]
    public void Access_EveryOffsetAndWidthInAndAroundTheWindow_NeverThrows()
    {
        using DeviceBench bench = InOperation(3);
        ulong end = Math.Min(bench.Device.WindowBytes, 0x2000) + 16;
        foreach (int width in (int[])[1, 2, 4, 8])
        {
            for (ulong offset = 0; offset < end; offset += (ulong)width)
            {
                ulong value = bench.Device.Read(offset, width);
                Assert.True(width == 8 || value >> (width * 8) == 0, $"A read of {width} bytes at 0x{offset:x} gave 0x{value:x}.");
                bench.Device.Write(offset, width, ulong.MaxValue);
                bench.Device.Write(offset, width, 0);
            }
        }
    }

    [Fact]
    public void Access_WildSequences_NeverThrowAndKeepTheStateSavable()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            using DeviceBench bench = InOperation(seed);
            var random = new Random(seed + 2000);
            for (int i = 0; i < 2000; i++) WildAccess(bench, random);
            byte[] saved = bench.Save();
            using DeviceBench twin = bench.Fresh();
            Assert.Equal(0, twin.Restore(saved));
            Assert.Equal(saved, twin.Save());
        }
    }

    [Fact]
    public void Restore_EveryPrefixOfAState_ThrowsStateFormatException()
    {
        for (int seed = 0; seed < 4; seed++)
        {
            using DeviceBench bench = InOperation(seed + 5);
            byte[] saved = bench.Save();
            using DeviceBench twin = bench.Fresh();
            int step = 1 + saved.Length / 3000;
            for (int length = 0; length < saved.Length; length += step)
            {
                int cut = length;
                Assert.Throws<StateFormatException>(() => { twin.Restore(saved.AsSpan(0, cut)); });
            }
        }
    }

    [Fact]
    public void Restore_MutatedState_ThrowsStateFormatExceptionOrGivesAWorkingDevice()
    {
        int refused = 0, accepted = 0;
        for (int seed = 0; seed < 60; seed++)
        {
            using DeviceBench bench = InOperation(seed);
            byte[] saved = bench.Save();
            var random = new Random(seed + 3000);
            for (int i = 0; i < 8; i++)
            {
                using DeviceBench twin = bench.Fresh();
                try
                {
                    twin.Restore(Mutate(saved, random));
                }
                catch (StateFormatException)
                {
                    refused++;
                    continue;
                }
                accepted++;
                byte[] again = twin.Save();
                using DeviceBench third = twin.Fresh();
                third.Restore(again);
                Assert.Equal(again, third.Save());
                for (int burst = 0; burst < 4; burst++) twin.Drive(random);
                for (int access = 0; access < 200; access++) WildAccess(twin, random);
                twin.Save();
            }
        }
        Assert.True(refused > 0, "No mutation was refused: the section's tag and version are not checked.");
        Assert.True(refused + accepted == 480);
    }

    private static void WildAccess(DeviceBench bench, Random random)
    {
        int width = 1 << random.Next(4);
        ulong offset = random.Next(20) == 0 ? (ulong)random.NextInt64(long.MinValue, long.MaxValue)
            : (ulong)random.NextInt64((long)Math.Min(bench.Device.WindowBytes, 0x200) + 16);
        offset &= ~((ulong)width - 1);
        if (random.Next(2) == 0) bench.Device.Read(offset, width);
        else bench.Device.Write(offset, width, random.Next(3) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(300));
    }

    private static byte[] Mutate(byte[] state, Random random)
    {
        byte[] mutated = (byte[])state.Clone();
        for (int i = random.Next(1, 5); i > 0 && mutated.Length > 0; i--)
        {
            int at = random.Next(2) == 0 ? random.Next(mutated.Length) : random.Next(Math.Min(mutated.Length, 256));
            mutated[at] = random.Next(4) switch
            {
                0 => (byte)(mutated[at] ^ (1 << random.Next(8))),
                1 => 0xff,
                2 => (byte)random.Next(5),
                _ => (byte)random.Next(256),
            };
        }
        return mutated;
    }
}
