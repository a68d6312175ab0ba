using ActorFT.Machine.Cpu.Instructions;

namespace ActorFT.Machine.Cpu.Decoding;

/// <summary>Decodes straight-line code into ops. Pure: bytes in, ops out.</summary>
internal static unsafe class BlockBuilder
{
    /// <summary>
    /// Conditional branches in a block: code behind one that is not taken needs no look-up. More of them would be decoded
    /// again and again for the blocks that begin behind each.
    /// </summary>
    private const int MaxBranchesInBlock = 4;

    /// <summary>
    /// Decodes from <paramref name="code"/> until an instruction that ends a block, the end of the page, or the limit;
    /// an instruction that would cross the page's end is left to a block of its own.
    /// </summary>
    /// <param name="code">The first instruction; at least 2 bytes, 4 if it is a 4-byte instruction.</param>
    /// <param name="bytesLeft">Bytes to the end of the page.</param>
    /// <param name="ops">Room for <see cref="BlockCache.MaxOpsInBlock"/> + 1 ops.</param>
    /// <param name="opsUsed">Ops written, the synthetic end included.</param>
    /// <returns>Instructions in the block, at least 1.</returns>
    public static int Build(byte* code, int bytesLeft, Op* ops, out int opsUsed)
    {
        int count = 0, offset = 0, branches = 0;
        byte before = 0; // the last instruction's number, if it can be the first of a pair
        while (count < BlockCache.MaxOpsInBlock && bytesLeft - offset >= 2)
        {
            uint low = *(ushort*)(code + offset);
            bool isShort = (low & 3) != 3;
            if (!isShort && bytesLeft - offset < 4) break;
            uint word = isShort ? low : low | ((uint)*(ushort*)(code + offset + 2) << 16);
            InstructionDefinition definition = Decode(word, isShort ? 1 : 2, offset, ops + count);
            before = Fuse(before, definition.PairNumber, ops + count);
            count++;
            offset += isShort ? 2 : 4;
            if (definition.EndsBlock)
            {
                opsUsed = count;
                return count;
            }

            if (definition.Format == InstructionFormat.B && ++branches == MaxBranchesInBlock) break;
        }

        ops[count] = EndOfBlock(offset);
        opsUsed = count + 1;
        return count;
    }

    // Lets the op before this one do this one too, if there is a handler for both; pairs do not overlap.
    private static byte Fuse(byte before, byte number, Op* op)
    {
        delegate*<Hart, Op*, void> handler = FusedPairs.Find(before, number);
        if (handler == null) return number;
        (op - 1)->Run = handler;
        (op - 1)->Aux |= Op.FusedBit;
        return 0;
    }

    /// <summary>Undoes <see cref="Fuse"/> for an op behind which a block is cut.</summary>
    public static void Unfuse(Op* op)
    {
        if (!op->IsFused) return;
        op->Run = FusedPairs.FirstOf(op->Run);
        op->Aux &= unchecked((byte)~Op.FusedBit);
    }

    /// <summary>Decodes one instruction with an end behind it.</summary>
    public static void BuildSingle(uint word, int halfwords, Op* ops)
    {
        Decode(word, halfwords, 0, ops);
        ops[1] = EndOfBlock(halfwords * 2);
    }

    /// <summary>The synthetic op behind a block that falls through.</summary>
    public static Op EndOfBlock(int offsetBytes) => new() { Run = &Execute.EndOfBlock, Imm = offsetBytes };

    private static InstructionDefinition Decode(uint word, int halfwords, int offset, Op* op)
    {
        uint full = halfwords == 1 ? CompressedExpander.Expand((ushort)word) : word;
        InstructionDefinition definition = InstructionTable.Find(full);
        *op = default;
        op->Run = definition.Handler;
        op->Aux = (byte)halfwords;
        if (definition.Format == InstructionFormat.Illegal) op->Imm = (int)word; // stval: the bits as fetched
        else OperandDecoder.Decode(definition.Format, full, offset, halfwords, op);
        return definition;
    }
}
