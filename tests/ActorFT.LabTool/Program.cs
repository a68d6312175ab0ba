using ActorFT.LabTool;
using ActorFT.LabTool.Drill;
using ActorFT.LabTool.Ledger;
using ActorFT.Network;

// The lab's helper program: what bash cannot do. scripts/lab starts it; see docs/network.md.
return args switch
{
    ["relay", ..] => Guarded(() => Relay.Run(args[1..])),
    ["sniff", ..] => Guarded(() => Sniffer.Run(args[1..])),
    ["report", ..] => Guarded(() => SniffReport.Run(args[1..])),
    ["announce", ..] => Guarded(() => Announce.Run(args[1..])),
    ["converse", ..] => Guarded(() => Converse.Run(args[1..])),
    ["ping", ..] => Guarded(() => Ping.Run(args[1..])),
    ["bulk", ..] => Guarded(() => Bulk.Run(args[1..])),
    ["serve", ..] => Guarded(() => Transfer.Serve(args[1..])),
    ["fetch", ..] => Guarded(() => Transfer.Fetch(args[1..])),
    ["link-probe", ..] => Guarded(() => LinkProbe.Run(args[1..])),
    ["ledger", ..] => Guarded(() => LedgerClient.Run(args[1..], Console.In, Console.Out)),
    ["drill", ..] => Guarded(() => DrillRun.Run(args[1..])),
    ["drill-faults", var list] => Guarded(() => Fault.Parse(list).Length == 0 ? throw new ArgumentException("no fault is named") : 0),
    ["flood", ..] => Guarded(() => Flood.Run(args[1..])),
    ["link-bench", ..] => Guarded(() => LinkBench.Run(args[1..])),
    _ => Usage(),
};

static int Guarded(Func<int> run)
{
    try
    {
        return run();
    }
    catch (Exception exception) when (exception is NetworkConfigurationException or ArgumentException or IOException or TimeoutException)
    {
        Console.Error.WriteLine(exception.Message);
        return 2;
    }
}

static int Usage()
{
    Console.Error.WriteLine("""
        usage: labtool relay PORT PORT --ready FILE [--delay-ms N] [--jitter-ms N] [--loss-percent N] [--seed N]
               labtool sniff PORT... --output FILE --ready FILE [--mac MAC]
               labtool report FILE --mac MAC [--max-moves N] [--ports P,P]
               labtool announce --mac MAC [--ip ADDRESS] [--bridge NAME] [--count N]
               labtool converse ADDRESS:PORT --output FILE [--size BYTES] [--interval-ms N] [--count N] [--seconds N] [--patience-s N]
               labtool ping ADDRESS [--count N] [--interval-ms N]
               labtool bulk in|out ADDRESS:PORT [--bytes N]
               labtool serve ADDRESS:PORT FILE --progress FILE
               labtool fetch URL --output FILE
               labtool link-probe --name NAME --peer NAME LOCAL:PORT=PEER:PORT... [--silent-after-ms N] [--dead-after-ms N]
               labtool link-bench [--seconds N] [--tls] [--address 127.A.B.C]
               labtool flood URL... [--connections N]
                              reads "load" and "rest" from standard input
               labtool drill --script scripts/lab --lab DIR --machine NAME --token FILE --address ADDRESS:PORT --folder DIR
                             [--seed N] [--episodes N] [--minutes M] [--overlap 0..1] [--faults LIST] [--pace-ms N]
               labtool drill-faults LIST
               labtool ledger --address ADDRESS:PORT --ledger FILE [--status FILE] [--pace-ms N] [--count N] [--connect-seconds N] [--stall-seconds N]
                              reads "episode NAME" and "end" from standard input
        """);
    return 2;
}
