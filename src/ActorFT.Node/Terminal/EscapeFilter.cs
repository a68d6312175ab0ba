namespace ActorFT.Node.Terminal;

/// <summary>What somebody at the terminal asks of the program instead of the guest.</summary>
internal enum EscapeCommand
{
    /// <summary>Ctrl-A x: end the program.</summary>
    Quit,
    /// <summary>Ctrl-A h, and any key that is no command: show the commands.</summary>
    Help,
    /// <summary>Ctrl-A s: save the machine now.</summary>
    Save,
    /// <summary>Ctrl-A c: type at the other console from now on.</summary>
    SwitchConsole,
}

/// <summary>
/// Takes the escape commands out of what is typed: Ctrl-A, then a key. Ctrl-A Ctrl-A (or Ctrl-A a) types one Ctrl-A.
/// </summary>
internal sealed class EscapeFilter
{
    /// <summary>Ctrl-A.</summary>
    public const byte Escape = 0x01;

    private bool _escaped;

    /// <summary>Passes typed bytes on to <paramref name="toGuest"/> and commands to <paramref name="command"/>, in the order typed.</summary>
    public void Filter(ReadOnlySpan<byte> typed, List<byte> toGuest, Action<EscapeCommand> command)
    {
        foreach (byte key in typed)
        {
            if (!_escaped)
            {
                if (key == Escape) _escaped = true;
                else toGuest.Add(key);
                continue;
            }
            _escaped = false;
            switch (key)
            {
                case Escape or (byte)'a': toGuest.Add(Escape); break;
                case (byte)'x' or (byte)'X': command(EscapeCommand.Quit); break;
                case (byte)'s' or (byte)'S': command(EscapeCommand.Save); break;
                case (byte)'c' or (byte)'C': command(EscapeCommand.SwitchConsole); break;
                default: command(EscapeCommand.Help); break;
            }
        }
    }
}
