using static ActorFT.Differential.Isa.Extension;
using static ActorFT.Differential.Isa.Operand;

namespace ActorFT.Differential.Isa;

/// <summary>
/// RV64IMAFD, Zicsr and Zifencei, from the opcode listings of the unprivileged specification. Written independently of
/// the product's own table: a slip in either shows as a mismatch or as an instruction that traps.
/// </summary>
internal static class InstructionForms
{
    private const Operand R = Rd | Rs1 | Rs2, Imm = Rd | Rs1 | ImmI, Store = Rs1 | Rs2 | ImmS, Branch = Rs1 | Rs2 | ImmB;
    private const Operand Amo = Rd | Rs1 | Rs2 | AqRl, Fr = Fd | Fs1 | Fs2, FrRm = Fr | Rm, Fused = Fd | Fs1 | Fs2 | Fs3 | Rm, Compare = Rd | Fs1 | Fs2;

    public static readonly IReadOnlyList<InstructionForm> All =
    [
        .. Plain(I, Rd | ImmU, ("lui", 0x37), ("auipc", 0x17)),
        .. Plain(I, Rd | ImmJ, ("jal", 0x6F)),
        .. Plain(I, Imm, ("jalr", 0x67)),
        .. Plain(I, Branch, ("beq", 0x0063), ("bne", 0x1063), ("blt", 0x4063), ("bge", 0x5063), ("bltu", 0x6063), ("bgeu", 0x7063)),
        .. Plain(I, Imm, ("lb", 0x0003), ("lh", 0x1003), ("lw", 0x2003), ("ld", 0x3003), ("lbu", 0x4003), ("lhu", 0x5003), ("lwu", 0x6003)),
        .. Plain(I, Store, ("sb", 0x0023), ("sh", 0x1023), ("sw", 0x2023), ("sd", 0x3023)),
        .. Plain(I, Imm, ("addi", 0x0013), ("slti", 0x2013), ("sltiu", 0x3013), ("xori", 0x4013), ("ori", 0x6013), ("andi", 0x7013), ("addiw", 0x001B)),
        .. Plain(I, Rd | Rs1 | Shamt6, ("slli", 0x1013), ("srli", 0x5013), ("srai", 0x4000_5013)),
        .. Plain(I, Rd | Rs1 | Shamt5, ("slliw", 0x101B), ("srliw", 0x501B), ("sraiw", 0x4000_501B)),
        .. Plain(I, R, ("add", 0x0033), ("sub", 0x4000_0033), ("sll", 0x1033), ("slt", 0x2033), ("sltu", 0x3033), ("xor", 0x4033)),
        .. Plain(I, R, ("srl", 0x5033), ("sra", 0x4000_5033), ("or", 0x6033), ("and", 0x7033)),
        .. Plain(I, R, ("addw", 0x003B), ("subw", 0x4000_003B), ("sllw", 0x103B), ("srlw", 0x503B), ("sraw", 0x4000_503B)),
        .. Plain(I, Fence, ("fence", 0x000F), ("fence.i", 0x100F)),
        .. Plain(I, None, ("ecall", 0x0000_0073), ("ebreak", 0x0010_0073)),

        .. Plain(M, R, ("mul", 0x0200_0033), ("mulh", 0x0200_1033), ("mulhsu", 0x0200_2033), ("mulhu", 0x0200_3033)),
        .. Plain(M, R, ("div", 0x0200_4033), ("divu", 0x0200_5033), ("rem", 0x0200_6033), ("remu", 0x0200_7033)),
        .. Plain(M, R, ("mulw", 0x0200_003B), ("divw", 0x0200_403B), ("divuw", 0x0200_503B), ("remw", 0x0200_603B), ("remuw", 0x0200_703B)),

        .. Atomics(".w", 0x202F),
        .. Atomics(".d", 0x302F),

        .. Plain(F, Fd | Rs1 | ImmI, ("flw", 0x2007)),
        .. Plain(F, Rs1 | Fs2 | ImmS, ("fsw", 0x2027)),
        .. Floats(F, ".s", 0),
        .. Plain(F, Rd | Fs1, ("fmv.x.w", 0xE000_0053)),
        .. Plain(F, Fd | Rs1, ("fmv.w.x", 0xF000_0053)),

        .. Plain(D, Fd | Rs1 | ImmI, ("fld", 0x3007)),
        .. Plain(D, Rs1 | Fs2 | ImmS, ("fsd", 0x3027)),
        .. Floats(D, ".d", 0x0200_0000),
        .. Plain(D, Fd | Fs1 | Rm, ("fcvt.s.d", 0x4010_0053), ("fcvt.d.s", 0x4200_0053)),
        .. Plain(D, Rd | Fs1, ("fmv.x.d", 0xE200_0053)),
        .. Plain(D, Fd | Rs1, ("fmv.d.x", 0xF200_0053)),

        .. Plain(Zicsr, Rd | Rs1 | Csr, ("csrrw", 0x1073), ("csrrs", 0x2073), ("csrrc", 0x3073)),
        .. Plain(Zicsr, Rd | Zimm | Csr, ("csrrwi", 0x5073), ("csrrsi", 0x6073), ("csrrci", 0x7073)),
        .. Plain(Zicsr, None, ("sret", 0x1020_0073), ("mret", 0x3020_0073), ("wfi", 0x1050_0073)),
        .. Plain(Zicsr, Rs1 | Rs2, ("sfence.vma", 0x1200_0073)),
    ];

    /// <summary>The forms of one extension.</summary>
    public static IReadOnlyList<InstructionForm> Of(Extension extension) => s_byExtension[extension];

    private static readonly Dictionary<Extension, InstructionForm[]> s_byExtension =
        All.GroupBy(form => form.Extension).ToDictionary(group => group.Key, group => group.ToArray());

    private static readonly Dictionary<string, InstructionForm> s_byName = All.ToDictionary(form => form.Name);

    public static InstructionForm Named(string name) => s_byName[name];

    /// <summary>The form of a word, or null if it is reserved or of an extension that the machine has not.</summary>
    public static InstructionForm? Find(uint word) => All.FirstOrDefault(form => (word & form.Mask) == form.Match);

    private static IEnumerable<InstructionForm> Plain(Extension extension, Operand operands, params (string Name, uint Match)[] rows) =>
        rows.Select(row => new InstructionForm(row.Name, extension, row.Match, operands));

    private static IEnumerable<InstructionForm> Atomics(string suffix, uint width) =>
    [
        new("lr" + suffix, A, 0x1000_0000 | width, Rd | Rs1 | AqRl),
        .. Plain(A, Amo, ("sc" + suffix, 0x1800_0000 | width), ("amoswap" + suffix, 0x0800_0000 | width), ("amoadd" + suffix, width)),
        .. Plain(A, Amo, ("amoxor" + suffix, 0x2000_0000 | width), ("amoand" + suffix, 0x6000_0000 | width), ("amoor" + suffix, 0x4000_0000 | width)),
        .. Plain(A, Amo, ("amomin" + suffix, 0x8000_0000 | width), ("amomax" + suffix, 0xA000_0000 | width)),
        .. Plain(A, Amo, ("amominu" + suffix, 0xC000_0000 | width), ("amomaxu" + suffix, 0xE000_0000 | width)),
    ];

    private static IEnumerable<InstructionForm> Floats(Extension extension, string suffix, uint format) =>
    [
        .. Plain(extension, Fused, ("fmadd" + suffix, format | 0x43), ("fmsub" + suffix, format | 0x47)),
        .. Plain(extension, Fused, ("fnmsub" + suffix, format | 0x4B), ("fnmadd" + suffix, format | 0x4F)),
        .. Plain(extension, FrRm, ("fadd" + suffix, format | 0x0000_0053), ("fsub" + suffix, format | 0x0800_0053)),
        .. Plain(extension, FrRm, ("fmul" + suffix, format | 0x1000_0053), ("fdiv" + suffix, format | 0x1800_0053)),
        .. Plain(extension, Fd | Fs1 | Rm, ("fsqrt" + suffix, format | 0x5800_0053)),
        .. Plain(extension, Fr, ("fsgnj" + suffix, format | 0x2000_0053), ("fsgnjn" + suffix, format | 0x2000_1053), ("fsgnjx" + suffix, format | 0x2000_2053)),
        .. Plain(extension, Fr, ("fmin" + suffix, format | 0x2800_0053), ("fmax" + suffix, format | 0x2800_1053)),
        .. Plain(extension, Compare, ("fle" + suffix, format | 0xA000_0053), ("flt" + suffix, format | 0xA000_1053), ("feq" + suffix, format | 0xA000_2053)),
        .. Plain(extension, Rd | Fs1, ("fclass" + suffix, format | 0xE000_1053)),
        .. Plain(extension, Rd | Fs1 | Rm, ("fcvt.w" + suffix, format | 0xC000_0053), ("fcvt.wu" + suffix, format | 0xC010_0053)),
        .. Plain(extension, Rd | Fs1 | Rm, ("fcvt.l" + suffix, format | 0xC020_0053), ("fcvt.lu" + suffix, format | 0xC030_0053)),
        .. Plain(extension, Fd | Rs1 | Rm, ("fcvt" + suffix + ".w", format | 0xD000_0053), ("fcvt" + suffix + ".wu", format | 0xD010_0053)),
        .. Plain(extension, Fd | Rs1 | Rm, ("fcvt" + suffix + ".l", format | 0xD020_0053), ("fcvt" + suffix + ".lu", format | 0xD030_0053)),
    ];
}
