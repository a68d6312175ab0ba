using ActorFT.Machine;
using ActorFT.Machine.IO;
using ActorFT.Machine.State;
using ActorFT.Node.SaveFiles;
using ActorFT.Node.Tests.Support;
using Xunit;
using TheMachine = ActorFT.Machine.Machine;

namespace ActorFT.Node.Tests.SaveFiles;

public sealed class SaveFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static TheMachine Running(int rounds = 50, int vcpus = 1)
    {
        var machine = new TheMachine(TinyGuest.Define(TinyGuest.CountForEver(), vcpus));
        RunOn(machine, rounds);
        return machine;
    }

    private static void RunOn(IMachine machine, int rounds)
    {
        var outputs = new List<MachineOutput>();
        for (int i = 0; i < rounds; i++)
        {
            machine.BeginRound(machine.TimeNs + 1_000, []);
            for (int vcpu = 0; vcpu < machine.Definition.VcpuCount; vcpu++) machine.RunQuantum(vcpu);
            machine.EndRound();
            machine.TakeOutputs(outputs);
        }
    }

    private byte[] Saved(IMachine machine)
    {
        SaveFileWriter.Save(_folder["m"], machine, "the/kernel", "");
        return File.ReadAllBytes(_folder["m"]);
    }

    private static TheMachine Restore(byte[] file, MachineDefinition definition)
    {
        using SaveFileReader reader = SaveFileReader.Open(new MemoryStream(file));
        var machine = new TheMachine(definition);
        try
        {
            reader.Restore(machine);
            return machine;
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }

    [Fact]
    public void A_restored_machine_has_the_same_future()
    {
        using TheMachine original = Running(vcpus: 2);
        Digest before = original.ComputeDigest();
        byte[] file = Saved(original);
        Assert.Equal(before, original.ComputeDigest());
        using TheMachine restored = Restore(file, original.Definition);
        Assert.Equal(before, restored.ComputeDigest());
        RunOn(original, 300);
        RunOn(restored, 300);
        Assert.Equal(original.ComputeDigest(), restored.ComputeDigest());
        Assert.NotEqual(before, original.ComputeDigest());
        Assert.Equal(Saved(original), Saved(restored));
    }

    [Fact]
    public void The_header_names_the_machine_and_where_its_kernel_was()
    {
        using TheMachine machine = Running();
        using SaveFileReader reader = SaveFileReader.Open(new MemoryStream(Saved(machine)));
        Assert.Equal("tiny", reader.Header.Identity.Definition.Name);
        Assert.Equal("the/kernel", reader.Header.Identity.KernelSource);
        Assert.Equal((machine.RoundNumber, machine.TimeNs, machine.ComputeDigest()), (reader.Header.RoundNumber, reader.Header.TimeNs, reader.Header.Digest));
    }

    [Fact]
    public void A_save_file_cut_anywhere_is_refused_in_one_sentence()
    {
        using TheMachine machine = Running();
        byte[] file = Saved(machine);
        int step = Math.Max(1, file.Length / 150);
        IEnumerable<int> cuts = Enumerable.Range(0, 64).Concat(Enumerable.Range(0, file.Length / step).Select(i => i * step)).Concat(Enumerable.Range(file.Length - 40, 40));
        int count = 0;
        foreach (int cut in cuts.Distinct())
        {
            StateFormatException error = Assert.Throws<StateFormatException>(() => Restore(file[..cut], machine.Definition).Dispose());
            Assert.True(error.Message.EndsWith('.') && !error.Message.Contains('\n', StringComparison.Ordinal), error.Message);
            count++;
        }
        Assert.True(count > 150, $"only {count} cuts were tried");
        Restore(file, machine.Definition).Dispose(); // whole, it is accepted
    }

    [Fact]
    public void A_save_file_with_any_bit_flipped_or_bytes_after_its_end_is_refused()
    {
        using TheMachine machine = Running();
        byte[] file = Saved(machine);
        var random = new Random(5);
        for (int i = 0; i < 300; i++)
        {
            int at = i < 100 ? i % file.Length : random.Next(file.Length);
            byte flip = (byte)(1 << random.Next(8));
            file[at] ^= flip;
            Assert.Throws<StateFormatException>(() => Restore(file, machine.Definition).Dispose());
            file[at] ^= flip;
        }
        Assert.Throws<StateFormatException>(() => Restore([.. file, 0], machine.Definition).Dispose());
        Restore(file, machine.Definition).Dispose();
    }

    [Fact]
    public void Random_bytes_behind_a_right_beginning_are_refused()
    {
        var random = new Random(6);
        for (int i = 0; i < 200; i++)
        {
            byte[] file = new byte[random.Next(10, 2000)];
            random.NextBytes(file);
            SaveFileFormat.Magic.CopyTo(file);
            (file[8], file[9]) = (1, 0);
            if (i % 2 == 0 && file.Length > 18)
            {
                "HEAD"u8.CopyTo(file.AsSpan(10));
                BitConverter.TryWriteBytes(file.AsSpan(14), file.Length - 26);
            }
            Assert.Throws<StateFormatException>(() => SaveFileReader.Open(new MemoryStream(file)));
        }
    }

    [Fact]
    public void A_save_of_another_version_is_refused_by_its_number()
    {
        using TheMachine machine = Running();
        byte[] file = Saved(machine);
        file[8] = 9;
        Assert.Contains("version 9", Assert.Throws<StateFormatException>(() => Restore(file, machine.Definition)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_save_that_fails_leaves_the_earlier_file_as_it_was_and_nothing_else()
    {
        using TheMachine machine = Running();
        byte[] file = Saved(machine);
        Assert.Throws<IOException>(() => AtomicFile.Write(_folder["m"], stream =>
        {
            stream.Write(new byte[100_000]);
            throw new IOException("no space");
        }));
        Assert.Equal(file, File.ReadAllBytes(_folder["m"]));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }
}
