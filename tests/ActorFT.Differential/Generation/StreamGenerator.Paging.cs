using ActorFT.Differential.Isa;

namespace ActorFT.Differential.Generation;

// Accesses through page tables. x8 points to scratch memory; in S-mode x2 points to the entry of the page from x8 on.
internal sealed partial class StreamGenerator
{
    private bool _pagesPointNowhere;

    // Then nothing is stored there before: what is executed after a store without FENCE.I is an implementation's choice.
    private bool _endsInScratch;

    private PagingSetup MakePaging()
    {
        // QEMU does no atomics outside RAM, nor fetches that straddle into it: such chunks have neither.
        _pagesPointNowhere = _random.Chance(10);
        int level = _random.Chance(70) ? 0 : _random.Between(1, 2);
        Leaf above = PagingSetup.RandomLeaf(_random, _userMode, _pagesPointNowhere);
        Leaf below = level == 0 ? PagingSetup.RandomLeaf(_random, _userMode, _pagesPointNowhere) : above;
        return new PagingSetup(_random.Between(8, 9), level, below, above);
    }

    private static readonly InstructionForm[] MemoryForms = [.. InstructionForms.All.Where(form => form.IsMemory)];

    private static readonly InstructionForm[] LoadForms = [.. MemoryForms.Where(form => !form.Has(Operand.ImmS))];

    private void EmitPaged()
    {
        switch (_random.Below(100))
        {
            case < 65:
                _code.Emit(RandomWord(_random.Pick(_endsInScratch ? LoadForms : MemoryForms)));
                break;
            case < 75 when !_pagesPointNowhere && !_endsInScratch:
                EmitAtomic();
                break;
            case < 85 when !_userMode:
                EmitEntryChange();
                break;
            case < 90:
                _code.Emit(RandomWord(InstructionForms.Named("sfence.vma")));
                break;
            default:
                _code.Emit(RandomWord(_random.Pick(InstructionForms.Of(Extension.M))));
                break;
        }
    }

    /// <summary>Flips bits of the page's entry and fences, without which it would be open when the change is seen.</summary>
    private void EmitEntryChange()
    {
        int value = FreeNonzeroRegister();
        _code.Emit(Encode.I("ld", value, StackPointer, 0));
        _code.Emit(Encode.I("xori", value, value, _random.Below(1 << 9)));
        _code.Emit(Encode.S("sd", StackPointer, value, 0));
        _code.Emit(InstructionForms.Named("sfence.vma").Match);
    }

    /// <summary>Ends in the scratch memory: at x8, where a breakpoint lies, or two bytes before it, so that a fetch straddles pages.</summary>
    private void EmitJumpToScratch()
    {
        int pointer = FreeNonzeroRegister();
        _code.Emit(Encode.I("addi", pointer, ScratchPointer, _random.Chance(50) ? -2 : 0));
        _code.Emit(Encode.I("jalr", 0, pointer, 0));
    }

    /// <summary>At -2 the lower half of an ADDI, whose upper half at 0 is also a breakpoint, and one more behind it.</summary>
    private static void PlaceScratchCode(Span<byte> scratch)
    {
        Span<byte> middle = scratch[(scratch.Length / 2 - 2)..];
        ReadOnlySpan<byte> lowerHalf = [0x13, 0x00];
        lowerHalf.CopyTo(middle);
        CodeBuffer.EBreak.CopyTo(middle[2..]);
        CodeBuffer.EBreak.CopyTo(middle[4..]);
    }
}
