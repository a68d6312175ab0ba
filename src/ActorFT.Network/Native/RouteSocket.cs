using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ActorFT.Network.Native;

/// <summary>
/// A rtnetlink socket (rtnetlink(7)): reads and changes the interfaces of the network namespace in which it was made,
/// whatever thread uses it later (sysfs would show another namespace's). One request at a time; not for concurrent use.
/// </summary>
internal sealed unsafe class RouteSocket : IDisposable
{
    private const int AddressFamilyNetlink = 16, SocketRaw = 3, SocketCloseOnExec = 0x80000, SocketNonBlock = 0x800, RouteProtocol = 0;
    private const ushort MessageError = 2, NewLink = 16, DeleteLink = 17, GetLink = 18, SetLink = 19;
    private const ushort FlagRequest = 1, FlagAck = 4;
    private const ushort AttributeName = 3, AttributeMtu = 4, AttributeMaster = 10, AttributeLinkInfo = 18, LinkInfoKind = 1;
    private const uint InterfaceUp = 1, InterfaceLowerUp = 1 << 16;
    private const uint GroupLink = 1;
    private const int HeaderBytes = 16, InterfaceInfoBytes = 16;

    private readonly SafeFileHandle _socket;
    private readonly byte[] _buffer = new byte[32 * 1024];
    private uint _sequence;

    private RouteSocket(SafeFileHandle socket) => _socket = socket;

    /// <summary>The descriptor, to poll for notifications.</summary>
    internal SafeFileHandle Handle => _socket;

    /// <summary>Opens a socket for requests, or one that hears of every change of an interface.</summary>
    internal static RouteSocket Open(bool hearsChanges)
    {
        int type = SocketRaw | SocketCloseOnExec | (hearsChanges ? SocketNonBlock : 0);
        SafeFileHandle socket = Libc.Socket(AddressFamilyNetlink, type, RouteProtocol);
        if (socket.IsInvalid) throw new IOException($"no netlink socket: {Libc.Describe(Marshal.GetLastPInvokeError())}");
        // struct sockaddr_nl: family, pad, port, groups.
        byte* address = stackalloc byte[12];
        new Span<byte>(address, 12).Clear();
        *(ushort*)address = AddressFamilyNetlink;
        *(uint*)(address + 8) = hearsChanges ? GroupLink : 0;
        if (Libc.Bind(socket, address, 12) < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            socket.Dispose();
            throw new IOException($"netlink bind: {Libc.Describe(errno)}");
        }

        return new RouteSocket(socket);
    }

    /// <summary>Throws away the notifications that wait: they only say "look again".</summary>
    internal void Drain()
    {
        fixed (byte* buffer = _buffer)
        {
            // A full receive queue shows as ENOBUFS once; it too means "look again".
            while (Libc.Read(_socket, buffer, (nuint)_buffer.Length) > 0)
            {
            }
        }
    }

    /// <summary>The interface of that name, or null when there is none.</summary>
    internal HostLink? Find(string name) => Query(0, name);

    /// <summary>The interface of that number, or null when there is none.</summary>
    internal HostLink? Find(int index) => Query(index, null);

    /// <summary>Puts an interface into a bridge (0: out of it). Returns 0 or an error number.</summary>
    internal int SetMaster(int index, int masterIndex) => Change(SetLink, index, 0, 0, AttributeMaster, masterIndex);

    /// <summary>Sets an interface's MTU. Returns 0 or an error number.</summary>
    internal int SetMtu(int index, int mtuBytes) => Change(SetLink, index, 0, 0, AttributeMtu, mtuBytes);

    /// <summary>Sets an interface up or down. Returns 0 or an error number.</summary>
    internal int SetUp(int index, bool up) => Change(SetLink, index, up ? InterfaceUp : 0, InterfaceUp, 0, 0);

    /// <summary>Removes an interface. Returns 0 or an error number.</summary>
    internal int Delete(int index) => Change(DeleteLink, index, 0, 0, 0, 0);

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private int Change(ushort type, int index, uint flags, uint flagMask, ushort attribute, int value)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + InterfaceInfoBytes + 8];
        int length = WriteHeader(message, type, FlagRequest | FlagAck, index, flags, flagMask);
        if (attribute != 0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(message[length..], 8);
            BinaryPrimitives.WriteUInt16LittleEndian(message[(length + 2)..], attribute);
            BinaryPrimitives.WriteInt32LittleEndian(message[(length + 4)..], value);
            length += 8;
        }

        return Exchange(message[..length], out _);
    }

    private HostLink? Query(int index, string? name)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + InterfaceInfoBytes + 4 + 16];
        message.Clear();
        int length = WriteHeader(message, GetLink, FlagRequest, index, 0, 0);
        if (name is not null)
        {
            if (name.Length is 0 or > 15 || !Ascii.IsValid(name)) return null;
            BinaryPrimitives.WriteUInt16LittleEndian(message[length..], (ushort)(4 + name.Length + 1));
            BinaryPrimitives.WriteUInt16LittleEndian(message[(length + 2)..], AttributeName);
            Encoding.ASCII.GetBytes(name, message[(length + 4)..]);
            length += (4 + name.Length + 1 + 3) & ~3;
        }

        return Exchange(message[..length], out HostLink? link) == 0 ? link : null;
    }

    private int WriteHeader(Span<byte> message, ushort type, int messageFlags, int index, uint flags, uint flagMask)
    {
        message.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], (ushort)messageFlags);
        BinaryPrimitives.WriteUInt32LittleEndian(message[8..], ++_sequence);
        BinaryPrimitives.WriteInt32LittleEndian(message[(HeaderBytes + 4)..], index);
        BinaryPrimitives.WriteUInt32LittleEndian(message[(HeaderBytes + 8)..], flags);
        BinaryPrimitives.WriteUInt32LittleEndian(message[(HeaderBytes + 12)..], flagMask);
        return HeaderBytes + InterfaceInfoBytes;
    }

    /// <summary>Sends a request and reads until its answer: 0 or an error number.</summary>
    private int Exchange(Span<byte> message, out HostLink? link)
    {
        link = null;
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        fixed (byte* request = message)
        fixed (byte* buffer = _buffer)
        {
            if (Libc.Write(_socket, request, (nuint)message.Length) < 0) return Marshal.GetLastPInvokeError();
            while (true)
            {
                nint received = Libc.Read(_socket, buffer, (nuint)_buffer.Length);
                if (received < 0)
                {
                    int errno = Marshal.GetLastPInvokeError();
                    if (errno == Libc.EINTR) continue;
                    return errno;
                }

                if (TryReadAnswer(_buffer.AsSpan(0, (int)received), out int error, out link)) return error;
            }
        }
    }

    private bool TryReadAnswer(ReadOnlySpan<byte> data, out int error, out HostLink? link)
    {
        error = 0;
        link = null;
        while (data.Length >= HeaderBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(data);
            if (length < HeaderBytes || length > data.Length) break;
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(data[4..]);
            bool isOurs = BinaryPrimitives.ReadUInt32LittleEndian(data[8..]) == _sequence;
            if (isOurs && type == MessageError)
            {
                error = -BinaryPrimitives.ReadInt32LittleEndian(data[HeaderBytes..]);
                return true;
            }

            if (isOurs && type == NewLink)
            {
                link = ParseLink(data[HeaderBytes..length]);
                return true;
            }

            data = data[Math.Min(data.Length, (length + 3) & ~3)..];
        }

        return false;
    }

    private static HostLink ParseLink(ReadOnlySpan<byte> message)
    {
        int index = BinaryPrimitives.ReadInt32LittleEndian(message[4..]);
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(message[8..]);
        string name = "", kind = "";
        int master = 0, mtu = 0;
        for (ReadOnlySpan<byte> rest = message[InterfaceInfoBytes..]; TryNextAttribute(ref rest, out ushort type, out ReadOnlySpan<byte> value);)
        {
            if (type == AttributeName) name = ReadString(value);
            else if (type == AttributeMtu) mtu = BinaryPrimitives.ReadInt32LittleEndian(value);
            else if (type == AttributeMaster) master = BinaryPrimitives.ReadInt32LittleEndian(value);
            else if (type == AttributeLinkInfo)
            {
                while (TryNextAttribute(ref value, out ushort inner, out ReadOnlySpan<byte> innerValue))
                {
                    if (inner == LinkInfoKind) kind = ReadString(innerValue);
                }
            }
        }

        return new HostLink(index, name, (flags & InterfaceUp) != 0, (flags & InterfaceLowerUp) != 0, master, mtu, kind);
    }

    private static bool TryNextAttribute(ref ReadOnlySpan<byte> rest, out ushort type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (rest.Length < 4) return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(rest);
        if (length < 4 || length > rest.Length) return false;
        type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]) & 0x3FFF);
        value = rest[4..length];
        rest = rest[Math.Min(rest.Length, (length + 3) & ~3)..];
        return true;
    }

    private static string ReadString(ReadOnlySpan<byte> value) => Encoding.ASCII.GetString(value).TrimEnd('\0');
}
