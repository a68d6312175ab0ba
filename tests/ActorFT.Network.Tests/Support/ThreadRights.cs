using System.Runtime.InteropServices;

namespace ActorFT.Network.Tests.Support;

/// <summary>Takes away all capabilities of the calling thread, and of it alone (capset(2)).</summary>
internal static unsafe partial class ThreadRights
{
    internal static int DropAll()
    {
        const uint Version3 = 0x20080522;
        uint* header = stackalloc uint[2] { Version3, 0 };
        uint* data = stackalloc uint[6];
        new Span<uint>(data, 6).Clear();
        return CapSet(header, data);
    }

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    private static partial int CapSet(uint* header, uint* data);
}
