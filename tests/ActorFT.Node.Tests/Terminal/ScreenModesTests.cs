using System.Text;
using ActorFT.Node.Terminal;
using Xunit;

namespace ActorFT.Node.Tests.Terminal;

/// <summary>What a terminal is left in is undone, and nothing else.</summary>
public sealed class ScreenModesTests
{
    [Theory]
    [InlineData("plain text, \r\n, a colour \e[1;31mand back\e[0m, or \e[31mshort\e[m, a cleared screen \e[2J\e[H", "")]
    [InlineData("\e[?1049h\e[?25lan editor", "\e[?25h\e[?1049l")]
    [InlineData("\e[?1049h\e[?25lan editor that ended\e[?25h\e[?1049l", "")]
    [InlineData("\e[?1000;1006h\e[?2004hmouse and paste", "\e[?1000l\e[?1006l\e[?2004l")]
    [InlineData("\e[?7lno wrap", "\e[?7h")]
    [InlineData("\e[2;20ra region", "\e7\e[r\e8")]
    [InlineData("\e[2;20ra region\e[r", "")]
    [InlineData("\e[1;44mcolours", "\e[0m")]
    [InlineData("\e(0lines", "\e(B")]
    [InlineData("\e[?1049h\e[31m\e(0everything is reset\ec", "")]
    [InlineData("\e[?25$p asked, not set; \e[>4;1m another's; \e[25l not private", "")]
    [InlineData("\e[?99999999999999999999999;;;;;;;;;;;;;;;;;;;;;;;;;;25l\e[?25", "\e[?25h")]
    [InlineData("\e[?2\e[?25l", "\e[?25h")]
    public void Undo_SetsBackWhatIsLeftChanged(string shown, string undo)
    {
        foreach (int piece in (int[])[1, 3, 1000])
        {
            ScreenModes modes = new();
            byte[] bytes = Encoding.Latin1.GetBytes(shown);
            for (int at = 0; at < bytes.Length; at += piece) modes.Note(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
            Assert.Equal(undo, Encoding.ASCII.GetString(modes.TakeUndo()));
            Assert.Empty(modes.TakeUndo());
        }
    }

    [Fact]
    public void Note_OfAnything_NeverFails()
    {
        Random random = new(5);
        const string Likely = "\e\e[[??;:0123456789hlmrc(B";
        ScreenModes modes = new();
        for (int turn = 0; turn < 20_000; turn++)
        {
            byte[] bytes = new byte[random.Next(1, 40)];
            for (int i = 0; i < bytes.Length; i++) bytes[i] = random.Next(4) == 0 ? (byte)random.Next(256) : (byte)Likely[random.Next(Likely.Length)];
            modes.Note(bytes);
            Assert.InRange(modes.TakeUndo().Length, 0, 200);
        }
    }
}
