namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>How an instruction's operands lie in its word, and which of them are registers of which file.</summary>
internal enum InstructionFormat : byte
{
    Illegal,
    R,
    I,
    Shift,
    S,
    B,
    U,
    UPcRelative,
    J,
    JumpRegister,
    Csr,
    System,
    FloatLoad,
    FloatStore,
    FloatR,
    FloatR4,
    FloatToInteger,
}

/// <summary>One instruction: its name, its pattern, its format, and the one place that says what it does.</summary>
internal sealed unsafe class InstructionDefinition
{
    /// <summary>Creates a definition from a pattern such as "0000000 ----- ----- 000 ----- 0110011", most significant bit first.</summary>
    public InstructionDefinition(string name, string pattern, InstructionFormat format, delegate*<Hart, Op*, void> handler, bool endsBlock = false)
    {
        Name = name;
        Format = format;
        Handler = handler;
        EndsBlock = endsBlock;
        int bits = 0;
        foreach (char c in pattern)
        {
            if (c == ' ') continue;
            bits++;
            Mask = (Mask << 1) | (c == '-' ? 0u : 1u);
            Match = (Match << 1) | (c == '1' ? 1u : 0u);
        }

        if (bits != 32 && bits != 0) throw new ArgumentException($"The pattern of {name} has {bits} bits; an instruction has 32.", nameof(pattern));
    }

    /// <summary>The mnemonic.</summary>
    public string Name { get; }

    /// <summary>Which bits are fixed.</summary>
    public uint Mask { get; }

    /// <summary>Their values.</summary>
    public uint Match { get; }

    /// <summary>Operand format.</summary>
    public InstructionFormat Format { get; }

    /// <summary>Executes it.</summary>
    public delegate*<Hart, Op*, void> Handler { get; }

    /// <summary>The <see cref="IStep"/> or <see cref="IBlockEnd"/> that the handler was made from; null for handlers of their own.</summary>
    public Type? Semantics { get; init; }

    /// <summary>Its number in <see cref="FusedPairs"/>; 0 when it is in no pair. Set by the table.</summary>
    public byte PairNumber { get; set; }

    /// <summary>
    /// Whether nothing may follow it in a block: it always changes the program counter, or what may be fetched, or it is a place where
    /// interrupts are looked at.
    /// </summary>
    public bool EndsBlock { get; }
}
