using System.Buffers.Binary;
using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Guest;

/// <summary>Just enough of an assembler for the driver: words, labels, and jumps to them.</summary>
internal sealed class Assembler
{
    private readonly List<uint> _words = [];
    private readonly Dictionary<string, int> _labels = [];
    private readonly List<(int At, string Label, Func<int, uint> Encode)> _fixups = [];

    public void Word(uint word) => _words.Add(word);

    public void Label(string name) => _labels.Add(name, _words.Count * 4);

    public void I(string name, int rd, int rs1, int immediate) => Word(Encode.I(name, rd, rs1, immediate));

    /// <summary>A store of x or f register <paramref name="value"/>.</summary>
    public void S(string name, int value, int offset, int rs1) => Word(Encode.S(name, rs1, value, offset));

    /// <summary>A load.</summary>
    public void L(string name, int rd, int offset, int rs1) => Word(Encode.I(name, rd, rs1, offset));

    public void Csr(string name, int rd, int csr, int rs1) => Word(Encode.Csr(name, rd, csr, rs1));

    public void Branch(string name, int rs1, int rs2, string label)
    {
        _fixups.Add((_words.Count * 4, label, Encode.ImmB));
        Word(Encode.B(name, rs1, rs2, 0));
    }

    public void Jump(string label)
    {
        _fixups.Add((_words.Count * 4, label, Encode.ImmJ));
        Word(Encode.Jal(0, 0));
    }

    /// <summary>Loads a 32-bit constant, zero-extended.</summary>
    public void Constant(int rd, uint value)
    {
        int low = (int)(value << 20) >> 20;
        Word(Encode.U("lui", rd, (int)((value - (uint)low) >> 12)));
        I("addi", rd, rd, low);
        Word(Encode.Shift("slli", rd, rd, 32));
        Word(Encode.Shift("srli", rd, rd, 32));
    }

    /// <summary>The address of a label, relative to the program counter; the label is within 2 KiB.</summary>
    public void Address(int rd, string label)
    {
        int at = _words.Count * 4;
        Word(Encode.U("auipc", rd, 0));
        _fixups.Add((at + 4, label, offset => Encode.ImmI(offset + 4)));
        Word(Encode.I("addi", rd, rd, 0));
    }

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[_words.Count * 4];
        foreach (var (at, label, encode) in _fixups) _words[at / 4] |= encode(_labels[label] - at);
        for (int i = 0; i < _words.Count; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), _words[i]);
        return bytes;
    }
}
