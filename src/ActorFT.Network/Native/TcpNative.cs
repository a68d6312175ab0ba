using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ActorFT.Network.Native;

/// <summary>
/// TCP as .NET's Socket does not offer it: a send that never waits on a socket whose receive does, and the kernel's own
/// view of a connection (tcp(7)).
/// </summary>
internal static unsafe partial class TcpNative
{
    private const int LevelSocket = 1, LevelTcp = 6;
    private const int OptionSendTimeout = 21, OptionPriority = 12;
    private const int TcpInfo = 11, TcpNotSentLowWater = 25;
    private const int MessageDontWait = 0x40, MessageNoSignal = 0x4000, MessagePeek = 0x2;
    private const short PollOut = 4;

    /// <summary>Sends what the kernel takes now. Returns the count (0: no room now) or the negative error number.</summary>
    internal static int SendNow(Socket socket, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            while (true)
            {
                nint sent = Send(socket.SafeHandle, start, (nuint)bytes.Length, MessageDontWait | MessageNoSignal);
                if (sent >= 0) return (int)sent;
                int errno = Marshal.GetLastPInvokeError();
                if (errno == Libc.EINTR) continue;
                return errno == Libc.EAGAIN ? 0 : -errno;
            }
        }
    }

    /// <summary>Receives, waiting for the first byte; with <paramref name="peek"/> the bytes stay. 0: the peer ended; negative: error number.</summary>
    internal static int ReceiveSome(Socket socket, Span<byte> bytes, bool peek = false)
    {
        fixed (byte* start = bytes)
        {
            while (true)
            {
                nint received = Receive(socket.SafeHandle, start, (nuint)bytes.Length, peek ? MessagePeek : 0);
                if (received >= 0) return (int)received;
                int errno = Marshal.GetLastPInvokeError();
                if (errno != Libc.EINTR) return -errno;
            }
        }
    }

    /// <summary>Waits until something can be received; false when the time is over first.</summary>
    internal static bool WaitReadable(Socket socket, int timeoutMs) => Wait(socket, Libc.PollIn, timeoutMs);

    /// <summary>Waits until something can be sent; false when the time is over first.</summary>
    internal static bool WaitWritable(Socket socket, int timeoutMs) => Wait(socket, PollOut, timeoutMs);

    /// <summary>Bounds how long a blocking connect may take (socket(7): SO_SNDTIMEO).</summary>
    internal static void SetConnectTimeout(Socket socket, int timeoutMs)
    {
        Span<byte> value = stackalloc byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(value, timeoutMs / 1000);
        BinaryPrimitives.WriteInt64LittleEndian(value[8..], timeoutMs % 1000 * 1000L);
        socket.SetRawSocketOption(LevelSocket, OptionSendTimeout, value);
    }

    /// <summary>"Writable" means: less than so much is unsent. Keeps the kernel's queue short, so that what is queued can still be steered.</summary>
    internal static void SetNotSentLowWater(Socket socket, int bytes) => SetOption(socket, LevelTcp, TcpNotSentLowWater, bytes);

    /// <summary>Queueing priority inside this host, 0 to 6 (tc-prio(8): 6 leaves first, 2 last).</summary>
    internal static void SetPriority(Socket socket, int priority) => SetOption(socket, LevelSocket, OptionPriority, priority);

    /// <summary>The kernel's view of a connection; zeroes when it does not say.</summary>
    internal static TcpHealth Health(Socket socket)
    {
        // linux/tcp.h, struct tcp_info: tcpi_unacked at 24, tcpi_last_ack_recv at 56, tcpi_total_retrans at 100, tcpi_segs_out at 136.
        Span<byte> info = stackalloc byte[256];
        info.Clear();
        try
        {
            if (socket.GetRawSocketOption(LevelTcp, TcpInfo, info) < 140) return default;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return default;
        }

        return new TcpHealth(
            BinaryPrimitives.ReadUInt32LittleEndian(info[136..]),
            BinaryPrimitives.ReadUInt32LittleEndian(info[100..]),
            BinaryPrimitives.ReadUInt32LittleEndian(info[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(info[56..]));
    }

    private static bool Wait(Socket socket, short events, int timeoutMs)
    {
        SafeSocketHandle handle = socket.SafeHandle;
        bool isHeld = false;
        try
        {
            handle.DangerousAddRef(ref isHeld);
            Libc.PollDescriptor poll = new() { Descriptor = (int)handle.DangerousGetHandle(), Events = events };
            return Libc.Poll(&poll, 1, timeoutMs) > 0;
        }
        finally
        {
            if (isHeld) handle.DangerousRelease();
        }
    }

    private static void SetOption(Socket socket, int level, int option, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        socket.SetRawSocketOption(level, option, bytes);
    }

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(SafeHandle socket, void* buffer, nuint lengthBytes, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(SafeHandle socket, void* buffer, nuint lengthBytes, int flags);
}

/// <summary>What the kernel tells about a TCP connection (tcp(7), TCP_INFO).</summary>
/// <param name="SentSegments">Segments sent so far.</param>
/// <param name="SentAgainSegments">Of these, how many again.</param>
/// <param name="UnacknowledgedSegments">Segments on their way now. None while the peer has no room (its window is zero).</param>
/// <param name="LastAckAgoMs">Time since the peer last acknowledged anything, in ms.</param>
internal readonly record struct TcpHealth(uint SentSegments, uint SentAgainSegments, uint UnacknowledgedSegments, uint LastAckAgoMs);
