using ActorFT.Node.Tests.Support;
using Xunit;

namespace ActorFT.Node.Tests.Terminal;

/// <summary>The real program on a pseudo terminal: raw while it runs, and as it was whichever way it ends.</summary>
public sealed class TerminalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly PseudoTerminal _terminal = new();
    private readonly string _before;

    public TerminalTests()
    {
        _folder.Write("kernel", TinyGuest.Echo("ready "));
        _before = _terminal.Settings;
    }

    public void Dispose()
    {
        _terminal.Dispose();
        _folder.Dispose();
    }

    private ActorftProcess Start(string arguments = "", string before = "")
    {
        ActorftProcess process = ActorftProcess.StartShell(_folder.Root, $"{before}exec $ACTORFT run --kernel kernel --memory 16M {arguments} <{_terminal.Path} >{_terminal.Path} 2>&1");
        Wait.Until(() => _terminal.Shown.Contains("ready ", StringComparison.Ordinal) || process.HasEnded, () => $"the guest on the terminal: {_terminal.Shown}");
        Assert.NotEqual(_before, _terminal.Settings); // raw
        return process;
    }

    // What a program wrote before it ended may come to be read after that.
    private void Expect(Func<string, bool> condition, string what) => Wait.Until(() => condition(_terminal.Shown), () => $"{what} in: {_terminal.Shown}");

    [Fact]
    public void Keys_reach_the_guest_one_by_one_and_Ctrl_C_is_a_key()
    {
        using ActorftProcess process = Start();
        _terminal.Type("a\u0003b");
        Expect(shown => shown.Contains("ready a\u0003b", StringComparison.Ordinal), "the echo");
        _terminal.Type("q");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
        Assert.Equal(_before, _terminal.Settings);
        Expect(shown => shown.EndsWith("ready a\u0003bq", StringComparison.Ordinal), "the last key's echo");
    }

    [Fact]
    public void Ctrl_A_x_ends_the_program_and_Ctrl_A_h_explains()
    {
        using ActorftProcess process = Start();
        _terminal.Type("\u0001h");
        Expect(shown => shown.Contains("Ctrl-A x ends the program", StringComparison.Ordinal), "the help");
        _terminal.Type("\u0001x");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
        Assert.Equal(_before, _terminal.Settings);
    }

    [Fact]
    public void A_screen_that_the_guests_program_took_for_itself_is_given_back()
    {
        using ActorftProcess process = Start();
        _terminal.Type("\e[?1049h\e[?25l\e[31m~");
        Expect(shown => shown.EndsWith('~'), "the echo");
        _terminal.Type("\u0001x");
        Assert.Equal(0, process.WaitForEnd().ExitCode);
        Expect(shown => shown.EndsWith("~\e[0m\e[?25h\e[?1049l", StringComparison.Ordinal), "the screen to be given back");
    }

    [Theory]
    [InlineData(ActorftProcess.SigTerm)]
    [InlineData(ActorftProcess.SigInt)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_signal_leaves_the_terminal_as_it_was(int signal)
    {
        using ActorftProcess process = Start();
        process.Signal(signal);
        Assert.Equal(128 + signal, process.WaitForEnd().ExitCode);
        Assert.Equal(_before, _terminal.Settings);
    }

    [Fact]
    public void Max_time_leaves_the_terminal_as_it_was()
    {
        using ActorftProcess process = Start("--max-time 5");
        Assert.Equal(124, process.WaitForEnd().ExitCode);
        Assert.Equal(_before, _terminal.Settings);
    }

    [Fact]
    public void An_error_in_the_middle_of_a_run_leaves_the_terminal_as_it_was()
    {
        // The record goes to a pipe whose reader leaves after some rounds, once the terminal was looked at.
        using ActorftProcess process = Start("--record record", "mkfifo record; { head -c 500 >/dev/null; while [ -p record ] && [ ! -e seen ]; do sleep 0.02; done; } <record & ");
        _folder.Write("seen", "");
        Assert.Equal(3, process.WaitForEnd().ExitCode);
        Assert.Equal(_before, _terminal.Settings);
        Expect(shown => shown.Contains("actorft: Machine machine was stopped at round", StringComparison.Ordinal), "the reason");
    }
}
