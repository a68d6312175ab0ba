namespace ActorFT.Machine.Cpu.Instructions;

// Zicsr (Unprivileged spec chapter 6). Every CSR instruction ends its block and has interrupts looked at again.
internal static unsafe partial class Execute
{
    public static void CsrWrite(Hart h, Op* op) => ChangeCsr(h, op, h.X(op->Rs1), CsrOperation.Write, writes: true);

    public static void CsrSet(Hart h, Op* op) => ChangeCsr(h, op, h.X(op->Rs1), CsrOperation.Set, op->Rs1 != 0);

    public static void CsrClear(Hart h, Op* op) => ChangeCsr(h, op, h.X(op->Rs1), CsrOperation.Clear, op->Rs1 != 0);

    public static void CsrWriteImmediate(Hart h, Op* op) => ChangeCsr(h, op, op->Rs1, CsrOperation.Write, writes: true);

    public static void CsrSetImmediate(Hart h, Op* op) => ChangeCsr(h, op, op->Rs1, CsrOperation.Set, op->Rs1 != 0);

    public static void CsrClearImmediate(Hart h, Op* op) => ChangeCsr(h, op, op->Rs1, CsrOperation.Clear, op->Rs1 != 0);

    private enum CsrOperation
    {
        Write,
        Set,
        Clear,
    }

    private static void ChangeCsr(Hart h, Op* op, ulong operand, CsrOperation operation, bool writes)
    {
        int number = op->Imm & 0xFFF;
        if (!h.TryReadCsr(number, out ulong old))
        {
            h.RaiseIllegal(op);
            return;
        }

        if (writes)
        {
            ulong value = operation switch
            {
                CsrOperation.Write => operand,
                CsrOperation.Set => h.WritableView(number, old) | operand,
                _ => h.WritableView(number, old) & ~operand,
            };
            if (!h.TryWriteCsr(number, value))
            {
                h.RaiseIllegal(op);
                return;
            }
        }

        Next(h, op);
        if (op->Rd != 0) h.X(op->Rd) = old;
        h.RequestInterruptCheck();
    }
}
