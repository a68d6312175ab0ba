using System.Buffers.Binary;
using System.Text;

namespace ActorFT.Machine.Tests.Boot;

/// <summary>A node of a device tree as a guest would read it.</summary>
internal sealed class FdtNode(string name)
{
    public string Name => name;

    public Dictionary<string, byte[]> Properties { get; } = [];

    public List<FdtNode> Children { get; } = [];

    /// <summary>The node at a path such as "soc/serial@10000000".</summary>
    public FdtNode At(string path)
    {
        FdtNode node = this;
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries)) node = node.Children.Single(child => child.Name == part);
        return node;
    }

    public uint[] Cells(string property)
    {
        byte[] value = Properties[property];
        return [.. Enumerable.Range(0, value.Length / 4).Select(i => BinaryPrimitives.ReadUInt32BigEndian(value.AsSpan(i * 4)))];
    }

    public ulong[] Wide(string property)
    {
        uint[] cells = Cells(property);
        return [.. Enumerable.Range(0, cells.Length / 2).Select(i => ((ulong)cells[2 * i] << 32) | cells[2 * i + 1])];
    }

    public string[] Strings(string property) => Encoding.UTF8.GetString(Properties[property]).TrimEnd('\0').Split('\0');

    public string Text(string property) => Strings(property).Single();

    public IEnumerable<FdtNode> All() => Children.SelectMany(child => child.All()).Prepend(this);
}

/// <summary>
/// Reads a flattened device tree strictly by the Devicetree Specification 0.4 chapter 5, and shares nothing with the
/// writer: anything that the specification does not allow fails the test.
/// </summary>
internal static class FdtParser
{
    public static FdtNode Parse(byte[] blob)
    {
        uint Header(int index) => BinaryPrimitives.ReadUInt32BigEndian(blob.AsSpan(index * 4));
        Check(blob.Length >= 40 && Header(0) == 0xD00DFEED, "magic");
        uint total = Header(1), structAt = Header(2), stringsAt = Header(3), reserveAt = Header(4);
        uint stringsBytes = Header(8), structBytes = Header(9);
        Check(total == blob.Length, "totalsize");
        Check(Header(5) == 17 && Header(6) == 16, "versions");
        Check(reserveAt % 8 == 0 && reserveAt >= 40, "reservation block's place");
        Check(blob.AsSpan((int)reserveAt, 16).IndexOfAnyExcept((byte)0) < 0, "reservation block's end");
        Check(structAt % 4 == 0 && structAt >= reserveAt + 16 && structAt + structBytes <= stringsAt, "structure block's place");
        Check(stringsAt + stringsBytes == total, "strings block's place");

        ReadOnlyMemory<byte> structure = blob.AsMemory((int)structAt, (int)structBytes);
        ReadOnlyMemory<byte> strings = blob.AsMemory((int)stringsAt, (int)stringsBytes);
        int at = 0;
        FdtNode root = ReadNode(structure.Span, strings.Span, ref at);
        Check(Token(structure.Span, ref at) == 9 && at == structBytes, "end token");
        Check(root.Name.Length == 0, "root's name");
        return root;
    }

    private static FdtNode ReadNode(ReadOnlySpan<byte> structure, ReadOnlySpan<byte> strings, ref int at)
    {
        Check(Token(structure, ref at) == 1, "begin token");
        string name = ZeroTerminated(structure[at..]);
        at += (name.Length + 4) & ~3;
        FdtNode node = new(name);
        while (true)
        {
            int before = at;
            switch (Token(structure, ref at))
            {
                case 3:
                    Check(node.Children.Count == 0, "properties before children");
                    int length = (int)Token(structure, ref at);
                    string property = ZeroTerminated(strings[(int)Token(structure, ref at)..]);
                    node.Properties.Add(property, structure.Slice(at, length).ToArray());
                    Check(structure.Slice(at + length, ((length + 3) & ~3) - length).IndexOfAnyExcept((byte)0) < 0, "padding");
                    at += (length + 3) & ~3;
                    break;
                case 1:
                    at = before;
                    FdtNode child = ReadNode(structure, strings, ref at);
                    Check(node.Children.All(other => other.Name != child.Name), $"two nodes named {child.Name}");
                    node.Children.Add(child);
                    break;
                case 2: return node;
                case uint other: throw new InvalidDataException($"Device tree: token {other}.");
            }
        }
    }

    private static uint Token(ReadOnlySpan<byte> structure, ref int at)
    {
        uint token = BinaryPrimitives.ReadUInt32BigEndian(structure[at..]);
        at += 4;
        return token;
    }

    private static string ZeroTerminated(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes[..bytes.IndexOf((byte)0)]);

    private static void Check(bool holds, string what)
    {
        if (!holds) throw new InvalidDataException($"Device tree: {what} is wrong.");
    }
}
