using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ActorFT.LabTool;

/// <summary>
/// One file by HTTP, each way. "serve": answers one request after the other with the file (RFC 9112, as much as wget asks), and keeps
/// in a file of its own how many bytes of the current answer the client's host has taken. "fetch": brings one, once; a transfer that
/// breaks off fails.
/// </summary>
internal static class Transfer
{
    private const int PieceBytes = 64 << 10, ProgressBytes = 1 << 20, TimeoutMs = 120_000, MaxHeadBytes = 8 << 10;

    internal static int Serve(string[] args)
    {
        Arguments arguments = new(args, "--progress");
        if (arguments.Words.Count != 2 || !IPEndPoint.TryParse(arguments.Words[0], out IPEndPoint? address)) throw new ArgumentException("serve needs ADDRESS:PORT and a file");
        byte[] head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"HTTP/1.0 200 OK\r\nContent-Length: {new FileInfo(arguments.Words[1]).Length}\r\nConnection: close\r\n\r\n"));
        using TcpListener listener = new(address);
        listener.Start();
        Progress(arguments, 0);
        while (true)
        {
            using Socket socket = listener.AcceptSocket();
            (socket.ReceiveTimeout, socket.SendTimeout) = (TimeoutMs, TimeoutMs);
            try
            {
                Answer(socket, head, arguments);
            }
            catch (SocketException e)
            {
                Console.Error.WriteLine($"the client was lost: {e.Message}");
            }
        }
    }

    private static void Answer(Socket socket, byte[] head, Arguments arguments)
    {
        byte[] piece = new byte[PieceBytes];
        if (!ReadHead(socket, piece)) return;
        socket.Send(head);
        using FileStream file = File.OpenRead(arguments.Words[1]);
        long sent = 0, told = 0;
        for (int length; (length = file.Read(piece)) > 0; sent += length)
        {
            socket.Send(piece.AsSpan(0, length));
            if (sent - told < ProgressBytes) continue;
            Progress(arguments, told = sent);
        }

        Progress(arguments, sent);
        socket.Shutdown(SocketShutdown.Send);
        while (socket.Receive(piece) > 0) { }
    }

    // A new file each time, so that a reader never sees half a number.
    private static void Progress(Arguments arguments, long bytes)
    {
        string path = arguments.Required("--progress");
        File.WriteAllText(path + ".new", bytes.ToString(CultureInfo.InvariantCulture));
        File.Move(path + ".new", path, overwrite: true);
    }

    private static bool ReadHead(Socket socket, byte[] piece)
    {
        int received = 0;
        while (received < MaxHeadBytes)
        {
            int length = socket.Receive(piece, received, MaxHeadBytes - received, SocketFlags.None);
            if (length == 0) return false;
            received += length;
            if (piece.AsSpan(0, received).EndsWith("\r\n\r\n"u8)) return true;
        }

        return false;
    }

    internal static int Fetch(string[] args)
    {
        Arguments arguments = new(args, "--output");
        if (arguments.Words.Count != 1 || !Uri.TryCreate(arguments.Words[0], UriKind.Absolute, out Uri? source)) throw new ArgumentException("fetch needs a URL");
        using HttpClient client = new() { Timeout = TimeSpan.FromMilliseconds(TimeoutMs) };
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Get, source);
            using HttpResponseMessage response = client.Send(request, HttpCompletionOption.ResponseHeadersRead);
            response.EnsureSuccessStatusCode();
            using FileStream file = new(arguments.Required("--output"), FileMode.Create, FileAccess.Write, FileShare.Read, PieceBytes);
            using Stream body = response.Content.ReadAsStream();
            body.CopyTo(file, PieceBytes);
            return 0;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            Console.Error.WriteLine($"fetch {source}: {e.Message}");
            return 1;
        }
    }
}
