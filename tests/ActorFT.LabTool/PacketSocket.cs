using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ActorFT.Network.Native;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.LabTool;

/// <summary>A packet(7) socket: every frame that arrives at interfaces of this network namespace.</summary>
internal sealed unsafe partial class PacketSocket : IDisposable
{
    internal const int MaxFrameBytes = 70_000;
    internal const byte Outgoing = 4;

    private const int FamilyPacket = 17, SocketRaw = 3, SocketCloseOnExec = 0x80000, AddressBytes = 20;
    private const int LevelSocket = 1, ReceiveBuffer = 8, ReceiveBufferForce = 33, ReceiveBufferBytes = 64 << 20, LevelPacket = 263, Statistics = 6, VirtioHeader = 15, IgnoreOutgoing = 23;
    private const nuint GetTimestampNs = 0x8907;
    private const ushort AllProtocols = 0x0300;

    private readonly SafeFileHandle _socket;

    private PacketSocket(SafeFileHandle socket) => _socket = socket;

    internal SafeFileHandle Handle => _socket;

    /// <summary>Opens on one interface, or on all (index 0).</summary>
    /// <param name="interfaceIndex">The interface's number.</param>
    /// <param name="withVirtioHeader">Whether frames carry a virtio header, so that unfinished checksums and large segments pass unharmed.</param>
    internal static PacketSocket Open(int interfaceIndex, bool withVirtioHeader)
    {
        // Protocol 0 at first: nothing is received before the bind says where.
        SafeFileHandle handle = Libc.Socket(FamilyPacket, SocketRaw | SocketCloseOnExec, 0);
        if (handle.IsInvalid) throw Failed("socket");
        PacketSocket socket = new(handle);
        // Beyond the host's limit only root of the first user namespace may go.
        if (!socket.TrySetOption(LevelSocket, ReceiveBufferForce, ReceiveBufferBytes)) socket.TrySetOption(LevelSocket, ReceiveBuffer, ReceiveBufferBytes);
        socket.SetOption(LevelPacket, IgnoreOutgoing, 1);
        if (withVirtioHeader) socket.SetOption(LevelPacket, VirtioHeader, 1);
        byte* address = stackalloc byte[AddressBytes];
        Span<byte> bytes = new(address, AddressBytes);
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, FamilyPacket);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[2..], AllProtocols);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], interfaceIndex);
        if (Libc.Bind(handle, address, AddressBytes) < 0) throw Failed("bind");
        return socket;
    }

    /// <summary>Waits for a frame. False: none within the time.</summary>
    internal bool Wait(int timeoutMs)
    {
        Libc.PollDescriptor poll = new() { Descriptor = (int)_socket.DangerousGetHandle(), Events = Libc.PollIn };
        return Libc.Poll(&poll, 1, timeoutMs) > 0;
    }

    /// <summary>Receives a frame, waiting for it. Returns its length; -1 when the interface went away or down.</summary>
    internal int Receive(Span<byte> frame, out int interfaceIndex, out byte packetType)
    {
        byte* address = stackalloc byte[AddressBytes];
        uint addressBytes = AddressBytes;
        fixed (byte* buffer = frame)
        {
            nint length = ReceiveFrom(_socket, buffer, (nuint)frame.Length, 0, address, &addressBytes);
            ReadOnlySpan<byte> from = new(address, AddressBytes);
            interfaceIndex = length < 0 ? 0 : BinaryPrimitives.ReadInt32LittleEndian(from[4..]);
            packetType = length < 0 ? (byte)0 : from[10];
            return (int)length;
        }
    }

    /// <summary>The kernel's time of the frame received last: nanoseconds since 1970.</summary>
    internal long LastTimestampNs()
    {
        long* time = stackalloc long[2];
        return Libc.Ioctl(_socket, GetTimestampNs, time) < 0 ? 0 : (time[0] * 1_000_000_000) + time[1];
    }

    internal bool TrySend(ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame) return Libc.Write(_socket, bytes, (nuint)frame.Length) == frame.Length;
    }

    /// <summary>Frames that the kernel had to drop since the last call.</summary>
    internal uint TakeDropCount()
    {
        uint* counts = stackalloc uint[2];
        uint length = 8;
        return GetSocketOption(_socket, LevelPacket, Statistics, counts, &length) < 0 ? 0 : counts[1];
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>The number of an interface in this namespace.</summary>
    internal static int IndexOf(string name)
    {
        using RouteSocket route = RouteSocket.Open(hearsChanges: false);
        return route.Find(name)?.Index ?? throw new IOException($"no interface '{name}' in this namespace");
    }

    private void SetOption(int level, int option, int value)
    {
        if (!TrySetOption(level, option, value)) throw Failed($"setsockopt {level}/{option}");
    }

    private bool TrySetOption(int level, int option, int value) => Libc.SetSocketOption(_socket, level, option, &value, sizeof(int)) == 0;

    private static IOException Failed(string what) => new($"packet socket, {what}: {Libc.Describe(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "recvfrom", SetLastError = true)]
    private static partial nint ReceiveFrom(SafeHandle socket, void* buffer, nuint lengthBytes, int flags, void* address, uint* addressBytes);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    private static partial int GetSocketOption(SafeHandle socket, int level, int option, void* value, uint* lengthBytes);
}
