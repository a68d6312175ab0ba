using ActorFT.Cluster.Configuration;
using Xunit;

namespace ActorFT.Cluster.Tests.Configuration;

/// <summary>A mistake in a file is named with its line.</summary>
public sealed class HoconLinesTests
{
    private const string Text = """"
        # first line
        actorft {
          name = "a, } b" # not a brace
          lockstep { commit = x, silence : 1 s }
          // a comment with { braces
          a.b.c = 1
          links = [
            { name = ft0, local = "1" }
            { name = ft1,
              local = "2" }
          ]
          long = """one
            two { """
          after = 1
        }
        akka.x { y = 2 }
        """";

    [Theory]
    [InlineData("actorft", 2)]
    [InlineData("actorft.name", 3)]
    [InlineData("actorft.lockstep.commit", 4)]
    [InlineData("actorft.lockstep.silence", 4)]
    [InlineData("actorft.a.b", 6)]
    [InlineData("actorft.a.b.c", 6)]
    [InlineData("actorft.links[0].local", 8)]
    [InlineData("actorft.links[1].local", 10)]
    [InlineData("actorft.after", 14)]
    [InlineData("akka.x.y", 16)]
    [InlineData("actorft.nothing", 0)]
    public void Line_OfEachKey_IsWhereItIsSet(string path, int line) => Assert.Equal(line, HoconLines.Read(Text).Of(path));

    [Fact]
    public void Mistake_NamesFileAndLine()
    {
        OperatorException refused = Assert.Throws<OperatorException>(() => HoconSection.Parse(Text, "server.conf").GetSection("actorft")!.GetSection("lockstep")!.AllowOnly("commit"));
        Assert.StartsWith("server.conf:4: unknown key actorft.lockstep.silence", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyText_EndsWithoutAnException()
    {
        Random random = new(7);
        const string Alphabet = "ab.={}[]\"#/,:+\\ \n";
        for (int i = 0; i < 20_000; i++)
            HoconLines.Read(new string([.. Enumerable.Range(0, random.Next(60)).Select(_ => Alphabet[random.Next(Alphabet.Length)])]));
        HoconLines.Read(new string('{', 100_000).Replace("{", "a{", StringComparison.Ordinal));
        HoconLines.Read(string.Concat(Enumerable.Repeat("a=[", 50_000)));
    }
}
