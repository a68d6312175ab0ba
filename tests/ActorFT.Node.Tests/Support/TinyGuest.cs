using System.Buffers.Binary;
using ActorFT.Machine;

namespace ActorFT.Node.Tests.Support;

/// <summary>
/// Guests of a few instructions that run on the bare machine, as raw Linux Images: a program of the real machine can be
/// tested in milliseconds. S-mode, SBI calls by ecall (a7 extension, a6 function, a0… arguments).
/// </summary>
internal sealed class TinyGuest
{
    private const int A0 = 10, A1 = 11, A2 = 12, A6 = 16, A7 = 17, S0 = 8, S1 = 9, T0 = 5, T1 = 6;
    private const int SystemReset = 0x53525354, PutChar = 1, GetChar = 2;
    private const int HeaderBytes = 64;

    private readonly List<uint> _code = [];

    /// <summary>Prints a text, then shuts down, reporting a failure or not.</summary>
    public static byte[] PrintAndShutDown(string text, bool failure = false) => new TinyGuest().Print(text).Shutdown(failure).Image();

    /// <summary>Prints a text, then reboots for ever.</summary>
    public static byte[] PrintAndReboot(string text) => new TinyGuest().Print(text).Sbi(SystemReset, 0, 1, 0).Image();

    /// <summary>Prints a text, then counts for ever, storing the count to memory pages that go round.</summary>
    public static byte[] CountForEver(string text = "") => new TinyGuest().Print(text).Counting(0).Image();

    /// <summary>Counts to <paramref name="limit"/> (below 2^31), storing as it goes, prints a text and shuts down.</summary>
    public static byte[] CountAndShutDown(int limit, string text) => new TinyGuest().Counting(limit).Print(text).Shutdown(false).Image();

    /// <summary>Prints a text, then waits for ever with no timer set.</summary>
    public static byte[] WaitForEver(string text)
    {
        TinyGuest guest = new TinyGuest().Print(text);
        guest.Add(0x10500073); // wfi
        guest.Jump(-4);
        return guest.Image();
    }

    /// <summary>Prints a text, then prints again what is typed; 'q' shuts down.</summary>
    public static byte[] Echo(string text)
    {
        TinyGuest guest = new TinyGuest().Print(text);
        int loop = guest._code.Count;
        guest.Load(A7, GetChar).Ecall();
        guest.Branch(4, A0, 0, loop); // blt a0, zero: nothing typed
        guest.Add(0x13 | (S0 << 7) | (A0 << 15)); // mv s0, a0
        guest.Load(A7, PutChar).Ecall();
        guest.Load(T0, 'q');
        guest.Branch(1, S0, T0, loop); // bne
        return guest.Shutdown(false).Image();
    }

    /// <summary>A definition of a machine that runs the image.</summary>
    public static MachineDefinition Define(byte[] image, int vcpus = 1, ulong memoryBytes = 16 << 20) => new()
    {
        Name = "tiny",
        VcpuCount = vcpus,
        MemoryBytes = memoryBytes,
        Kernel = image,
        QuantumInstructions = 5_000,
    };

    private TinyGuest Print(string text)
    {
        foreach (char c in text) Load(A0, c).Load(A7, PutChar).Ecall();
        return this;
    }

    private TinyGuest Shutdown(bool failure)
    {
        Sbi(SystemReset, 0, 0, failure ? 1 : 0);
        return this;
    }

    private TinyGuest Counting(int limit)
    {
        Load(T0, limit);
        Load(S1, 0);
        Add(0x17 | (T1 << 7) | (0x100 << 12)); // auipc t1, 1 MiB
        Add(0x13 | (S0 << 7)); // li s0, 0
        int loop = _code.Count;
        Add(0x13 | (S1 << 7) | (S1 << 15) | (1 << 20)); // addi s1, s1, 1
        Add(0x13 | (1 << 12) | (A2 << 7) | (S1 << 15) | (48 << 20)); // slli a2, s1, 48
        Add(0x13 | (5 << 12) | (A2 << 7) | (A2 << 15) | (44 << 20)); // srli a2, a2, 44: 16 bits of the count, times 16
        Add(0x33 | (A2 << 7) | (A2 << 15) | (T1 << 20)); // add a2, a2, t1
        Add(0x23 | (3 << 12) | (A2 << 15) | (S1 << 20)); // sd s1, 0(a2)
        if (limit == 0) Jump((loop - _code.Count) * 4);
        else Branch(1, S1, T0, loop); // bne
        return this;
    }

    private TinyGuest Sbi(int extension, int function, int first, int second)
    {
        Load(A0, first).Load(A1, second).Load(A6, function).Load(A7, extension).Ecall();
        return this;
    }

    private TinyGuest Load(int register, int value)
    {
        int low = value << 20 >> 20;
        Add(0x37 | ((uint)register << 7) | (uint)((value - low) & ~0xFFF)); // lui
        Add(0x1B | ((uint)register << 7) | ((uint)register << 15) | ((uint)low << 20)); // addiw
        return this;
    }

    private TinyGuest Ecall() => Add(0x73);

    private void Jump(int offset) => Add(0x6F | ((uint)(offset >> 20) & 1) << 31 | ((uint)offset & 0x7FE) << 20 | ((uint)offset & 0x800) << 9 | ((uint)offset & 0xFF000));

    private void Branch(uint condition, int left, int right, int target)
    {
        int offset = (target - _code.Count) * 4;
        Add(0x63 | (condition << 12) | ((uint)left << 15) | ((uint)right << 20)
            | ((uint)(offset >> 12) & 1) << 31 | ((uint)(offset >> 5) & 0x3F) << 25 | ((uint)(offset >> 1) & 0xF) << 8 | ((uint)(offset >> 11) & 1) << 7);
    }

    private TinyGuest Add(uint instruction)
    {
        _code.Add(instruction);
        return this;
    }

    private byte[] Image()
    {
        Jump(0); // whatever comes back stays here
        byte[] image = new byte[HeaderBytes + 4 * _code.Count];
        BinaryPrimitives.WriteUInt32LittleEndian(image, 0x6F | (HeaderBytes / 2 << 21)); // j 64
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(8), 0x20_0000); // text_offset
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(16), (ulong)image.Length); // image_size
        "RISCV"u8.CopyTo(image.AsSpan(0x30));
        "RSC\u0005"u8.CopyTo(image.AsSpan(0x38));
        for (int i = 0; i < _code.Count; i++) BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(HeaderBytes + 4 * i), _code[i]);
        return image;
    }
}
