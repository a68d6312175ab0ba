using System.Net;
using ActorFT.Network.Frames;
using ActorFT.Network.Tap;

namespace ActorFT.LabTool;

/// <summary>Speaks with a machine's MAC through a TAP of its own, as a survivor does: to try a switch or a sniffer.</summary>
internal static class Announce
{
    internal static int Run(string[] args)
    {
        Arguments arguments = new(args, "--bridge", "--mac", "--ip", "--count");
        byte[] mac = Sniffer.ParseMac(arguments.Required("--mac"));
        int count = (int)arguments.Number("--count", 1, 1, 10_000);
        MachineAddress[] addresses = arguments.Text("--ip") is { } ip ? [new(0, IPAddress.Parse(ip))] : [];
        using TapDevice tap = TapDevice.Open(new TapOptions { Bridge = arguments.Text("--bridge") });
        tap.SetOpen(true);
        for (int i = 0; i < count; i++)
        {
            foreach (byte[] frame in MacAnnouncement.Build(mac, addresses))
            {
                if (!tap.TrySend(frame)) throw new IOException($"a frame did not leave: {tap.State.Reason}");
            }
        }

        Console.WriteLine($"sent {tap.Counters.SentFrames} frames through {tap.Name}");
        return 0;
    }
}
