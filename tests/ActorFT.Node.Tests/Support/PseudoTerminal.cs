using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace ActorFT.Node.Tests.Support;

/// <summary>A pseudo terminal: the test is whoever sits at it.</summary>
internal sealed unsafe partial class PseudoTerminal : IDisposable
{
    private readonly int _master, _slave;
    private readonly StringBuilder _shown = new();
    private readonly Thread _reader;

    public PseudoTerminal()
    {
        byte* name = stackalloc byte[64];
        int master, slave;
        Assert.Equal(0, OpenPty(&master, &slave, name, null, null));
        (_master, _slave) = (master, slave);
        Path = Marshal.PtrToStringUTF8((nint)name)!;
        _reader = new Thread(() =>
        {
            byte* buffer = stackalloc byte[4096];
            for (nint count; (count = Read(_master, buffer, 4096)) > 0;)
                lock (_shown) _shown.Append(Encoding.Latin1.GetString(new ReadOnlySpan<byte>(buffer, (int)count)));
        }) { IsBackground = true };
        _reader.Start();
    }

    /// <summary>The terminal's device, for a program to open.</summary>
    public string Path { get; }

    /// <summary>What was shown on it.</summary>
    public string Shown
    {
        get { lock (_shown) return _shown.ToString(); }
    }

    /// <summary>Its settings, as text to compare.</summary>
    public string Settings
    {
        get
        {
            byte* settings = stackalloc byte[256];
            new Span<byte>(settings, 256).Clear();
            Assert.Equal(0, GetAttributes(_slave, settings));
            return Convert.ToHexString(new ReadOnlySpan<byte>(settings, 60));
        }
    }

    /// <summary>Types keys.</summary>
    public void Type(string keys)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(keys);
        fixed (byte* pointer = bytes) Assert.Equal(bytes.Length, Write(_master, pointer, (nuint)bytes.Length));
    }

    public void Dispose()
    {
        // With its last user the terminal is gone, and the reader hears of it. Before it has, the number must not be given to another file.
        Close(_slave);
        if (_reader.Join(10_000)) Close(_master);
    }

    [LibraryImport("libc", EntryPoint = "openpty")]
    private static partial int OpenPty(int* master, int* slave, byte* name, void* settings, void* size);

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int descriptor, byte* settings);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
