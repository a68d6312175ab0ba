namespace ActorFT.Node.Terminal;

/// <summary>
/// Reads standard input on its own thread and types it at the guest's console. Its end stops the pump, not the machine.
/// Escape commands are looked for on a terminal only: a pipe's bytes all go to the guest.
/// </summary>
internal sealed class StdinPump
{
    private readonly Func<ReadOnlyMemory<byte>, bool> _type;
    private readonly EscapeFilter? _escapes;
    private readonly Action<EscapeCommand> _command;

    /// <summary>Creates the pump.</summary>
    /// <param name="isTerminal">Whether escape commands are looked for.</param>
    /// <param name="type">Types bytes; waits when too many are on their way; false when nobody takes them any more.</param>
    /// <param name="command">Takes escape commands, on the pump's thread.</param>
    public StdinPump(bool isTerminal, Func<ReadOnlyMemory<byte>, bool> type, Action<EscapeCommand> command)
    {
        _escapes = isTerminal ? new EscapeFilter() : null;
        (_type, _command) = (type, command);
    }

    /// <summary>Starts to read. The thread ends with the input or with the program.</summary>
    public void Start() => new Thread(Work) { Name = "console-in", IsBackground = true }.Start();

    private void Work()
    {
        var toGuest = new List<byte>();
        byte[] buffer = new byte[4096];
        while (true)
        {
            int count = StandardStream.Read(StandardStream.Input, buffer);
            if (count == 0) return;
            byte[] typed = buffer.AsSpan(0, count).ToArray();
            if (_escapes is not null)
            {
                toGuest.Clear();
                _escapes.Filter(typed, toGuest, _command);
                typed = [.. toGuest];
            }
            if (typed.Length != 0 && !_type(typed)) return;
        }
    }
}
