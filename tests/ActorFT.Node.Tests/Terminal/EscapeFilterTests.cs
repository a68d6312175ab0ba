using System.Text;
using ActorFT.Node.Terminal;
using Xunit;

namespace ActorFT.Node.Tests.Terminal;

public sealed class EscapeFilterTests
{
    [Theory]
    [InlineData("plain\r", "plain\r", "")]
    [InlineData("a\u0001xb", "ab", "Quit")]
    [InlineData("\u0001h\u0001?", "", "Help Help")]
    [InlineData("\u0001s\u0001c", "", "Save SwitchConsole")]
    [InlineData("\u0001\u0001\u0001a", "\u0001\u0001", "")]
    [InlineData("\u0003\u001b[A", "\u0003\u001b[A", "")]
    public void Typed_keys_go_to_the_guest_but_for_commands(string typed, string toGuest, string commands)
    {
        foreach (int piece in (int[])[1, 100])
        {
            var filter = new EscapeFilter();
            var guest = new List<byte>();
            var heard = new List<EscapeCommand>();
            foreach (byte[] bytes in Encoding.Latin1.GetBytes(typed).Chunk(piece)) filter.Filter(bytes, guest, heard.Add);
            Assert.Equal(toGuest, Encoding.Latin1.GetString([.. guest]));
            Assert.Equal(commands, string.Join(' ', heard));
        }
    }
}
