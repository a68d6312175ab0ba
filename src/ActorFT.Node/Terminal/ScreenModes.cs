using System.Globalization;
using System.Text;

namespace ActorFT.Node.Terminal;

/// <summary>
/// What the guest's output did to the terminal that outlives the text: an editor's alternate screen, a hidden cursor, a scrolling
/// region, colours, reports of the mouse (ECMA-48; private modes as xterm has them). A window that is left in the middle of a program
/// of the guest's is to be usable. The output is hostile: whatever comes, the state is these few fields.
/// </summary>
internal sealed class ScreenModes
{
    private const byte Escape = 0x1B;
    private const int MaxParameters = 16, MaxParameter = 99_999;

    // Modes that a program sets for itself, and whether they are set in a fresh terminal. Those that restore the cursor are last.
    private static readonly (int Mode, bool IsSetAtFirst)[] s_modes =
    [
        (1, false), (5, false), (6, false), (7, true), (25, true), (66, false), (1000, false), (1002, false), (1003, false), (1004, false), (1005, false), (1006, false), (1015, false),
        (2004, false), (47, false), (1047, false), (1049, false),
    ];

    private enum Part
    {
        Text,
        AfterEscape,
        Charset,
        Parameters,
    }

    private readonly bool[] _isChanged = new bool[s_modes.Length];
    private readonly int[] _parameters = new int[MaxParameters];
    private Part _part;
    private int _count;
    private bool _isPrivate, _isForeign, _hasRegion, _hasRendition, _hasCharset;

    /// <summary>Looks at what was written.</summary>
    public void Note(ReadOnlySpan<byte> written)
    {
        if (_part == Part.Text && written.IndexOf(Escape) < 0) return;
        foreach (byte one in written) Note(one);
    }

    /// <summary>What undoes it; empty when there is nothing to undo. Nothing is known afterwards.</summary>
    public byte[] TakeUndo()
    {
        StringBuilder undo = new();
        if (_hasRegion) undo.Append("\e7\e[r\e8"); // setting a region moves the cursor
        if (_hasRendition) undo.Append("\e[0m");
        if (_hasCharset) undo.Append("\e(B");
        for (int i = 0; i < s_modes.Length; i++)
            if (_isChanged[i]) undo.Append(CultureInfo.InvariantCulture, $"\e[?{s_modes[i].Mode}{(s_modes[i].IsSetAtFirst ? 'h' : 'l')}");
        Forget();
        return Encoding.ASCII.GetBytes(undo.ToString());
    }

    private void Note(byte one)
    {
        switch (_part)
        {
            case Part.AfterEscape: AfterEscape(one); break;
            case Part.Charset:
                _hasCharset = one != (byte)'B';
                _part = Part.Text;
                break;
            case Part.Parameters: Parameter(one); break;
        }

        if (one == Escape) _part = Part.AfterEscape; // in the middle of a sequence, too, it begins another
    }

    private void AfterEscape(byte one)
    {
        _part = Part.Text;
        if (one == '[')
        {
            _part = Part.Parameters;
            (_count, _isPrivate, _isForeign) = (0, false, false);
            Array.Clear(_parameters);
        }
        else if (one == '(')
        {
            _part = Part.Charset;
        }
        else if (one == 'c')
        {
            Forget(); // reset to the initial state
        }
    }

    private void Parameter(byte one)
    {
        switch (one)
        {
            case >= (byte)'0' and <= (byte)'9': _parameters[_count] = Math.Min(_parameters[_count] * 10 + one - '0', MaxParameter); break;
            case (byte)';' or (byte)':': _count = Math.Min(_count + 1, MaxParameters - 1); break;
            case (byte)'?': _isPrivate = true; break;
            case >= 0x20 and < 0x40: _isForeign = true; break; // another private marker, or an intermediate byte: none of these functions
            case >= 0x40 and < 0x7F:
                _part = Part.Text;
                if (!_isForeign) Function(one);
                break;
        }
    }

    private void Function(byte final)
    {
        ReadOnlySpan<int> parameters = _parameters.AsSpan(0, _count + 1);
        if (_isPrivate && final is (byte)'h' or (byte)'l')
        {
            for (int i = 0; i < s_modes.Length; i++)
                if (parameters.Contains(s_modes[i].Mode)) _isChanged[i] = s_modes[i].IsSetAtFirst != (final == 'h');
        }
        else if (!_isPrivate && final == 'r')
        {
            _hasRegion = parameters[0] != 0 || _count != 0;
        }
        else if (!_isPrivate && final == 'm')
        {
            _hasRendition = parameters[^1] != 0;
        }
    }

    private void Forget()
    {
        Array.Clear(_isChanged);
        (_hasRegion, _hasRendition, _hasCharset) = (false, false, false);
    }
}
