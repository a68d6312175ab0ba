using System.Globalization;
using ActorFT.Differential.Comparison;
using ActorFT.Differential.Isa;
using ActorFT.Differential.Runners;

namespace ActorFT.Differential;

/// <summary>The command scripts/differential.</summary>
internal static class Program
{
    private const string Help = """
        scripts/differential [--extension NAME] [--seed N] [--instructions N] [--help]

        Runs random instruction streams on ActorFT's CPU and on QEMU (qemu-system-riscv64) and compares registers, memory,
        fcsr, traps, supervisor CSRs and page tables.

          --extension     one of I, M, A, F, D, C, Zicsr, Mixed, Paging, Reserved, or all (default all)
          --seed          0 or more; the same seed makes the same instructions (default 1)
          --instructions  for each extension, at least 1 (default 100000)

        Exit codes: 0 both agree; 1 they differ (the report names seed, instruction, operands and both results);
        2 wrong use; 3 QEMU is missing or failed.
        """;

    private static int Main(string[] arguments)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        Extension[] extensions = Enum.GetValues<Extension>();
        ulong seed = 1;
        long instructions = 100_000;
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] is "--help" or "-h")
            {
                Console.WriteLine(Help);
                return 0;
            }

            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            switch (arguments[i++])
            {
                case "--extension" when value == "all":
                    break;
                case "--extension":
                    if (!Enum.GetNames<Extension>().Contains(value, StringComparer.OrdinalIgnoreCase))
                        return WrongUse($"--extension needs one of {string.Join(", ", Enum.GetNames<Extension>())} or all, not '{value}'");
                    extensions = [Enum.Parse<Extension>(value!, ignoreCase: true)];
                    break;
                case "--seed":
                    if (!ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out seed)) return WrongUse($"--seed needs a number of 0 or more, not '{value}'");
                    break;
                case "--instructions":
                    if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out instructions) || instructions < 1)
                        return WrongUse($"--instructions needs a number of 1 or more, not '{value}'");
                    break;
                default:
                    return WrongUse($"'{arguments[i - 1]}' is not known: --extension, --seed, --instructions or --help");
            }
        }

        try
        {
            return RunAll(extensions, seed, instructions);
        }
        catch (EnvironmentFaultException fault)
        {
            Console.Error.WriteLine($"differential: {fault.Message}");
            return 3;
        }
    }

    private static int RunAll(Extension[] extensions, ulong seed, long instructions)
    {
        bool differs = false;
        foreach (Extension extension in extensions)
        {
            ComparisonResult result = Campaign.Run(extension, seed, instructions, Comparer.QemuAgainstHart, done => Progress(extension, done, instructions));
            string counts = $"{extension}: {result.Compared} instructions compared, {result.Trapped} traps";
            Console.WriteLine(result.Reports.Count == 0 ? $"{counts}, no difference" : $"{counts}, DIFFERENT:");
            foreach (string report in result.Reports) Console.WriteLine(report);
            differs |= result.Reports.Count != 0;
        }

        return differs ? 1 : 0;
    }

    private static void Progress(Extension extension, long done, long wanted)
    {
        if (!Console.IsErrorRedirected) Console.Error.Write($"\r{extension}: {Math.Min(done, wanted)} of {wanted}\e[K\r");
    }

    private static int WrongUse(string sentence)
    {
        Console.Error.WriteLine($"differential: {sentence}");
        return 2;
    }
}
