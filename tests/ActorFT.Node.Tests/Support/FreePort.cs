using System.Net;
using System.Net.Sockets;

namespace ActorFT.Node.Tests.Support;

/// <summary>
/// A port that nobody uses. Below those that the kernel gives to whoever connects, or listens on any (net.ipv4.ip_local_port_range): other
/// tests do, and would take it before whom it is for.
/// </summary>
internal static class FreePort
{
    internal static int Find()
    {
        while (true)
        {
            using TcpListener listener = new(IPAddress.Loopback, Random.Shared.Next(10_000, 12_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // In use.
            }
        }
    }
}
