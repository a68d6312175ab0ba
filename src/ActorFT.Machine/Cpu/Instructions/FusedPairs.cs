namespace ActorFT.Machine.Cpu.Instructions;

/// <summary>
/// Pairs of instructions that follow each other often: executed by one handler, made from the semantics of the two, so
/// that a dispatch is spared. An op keeps its own operands and its place, and the second its own handler: the pair is only a
/// different way from the first to the third, and a block that must end between them is given the first one's own handler.
/// </summary>
/// <remarks>The pairs are those that make up 0.75 % or more of what the guest of scripts/bench machine executes in one of its rows.</remarks>
internal static unsafe class FusedPairs
{
    private readonly record struct Pair(Type First, Type Second, nint Handler, nint FirstHandler);

    private static readonly Pair[] s_pairs =
    [
        Ends<AddUpperToPc, JumpRegister>(),
        Steps<AddUpperToPc, Load<Unsigned64>>(),
        Steps<AddUpperToPc, Immediate<Add>>(),
        Steps<Load<Signed32>, Load<Signed32>>(),
        Steps<Load<Signed32>, Immediate<ShiftLeftWord>>(),
        Steps<Load<Signed32>, Binary<Xor>>(),
        Steps<Load<Unsigned64>, Load<Unsigned64>>(),
        Steps<Load<Unsigned64>, Store<Unsigned64>>(),
        Steps<Load<Unsigned64>, Immediate<Add>>(),
        Steps<Load<Unsigned64>, Binary<Add>>(),
        Steps<Load<Unsigned64>, Binary<Subtract>>(),
        Steps<Load<Unsigned8>, Branch<Equal>>(),
        Steps<Load<Unsigned8>, Branch<NotEqual>>(),
        Steps<Load<Unsigned8>, Load<Unsigned8>>(),
        Steps<Load<Unsigned8>, Immediate<Add>>(),
        Steps<Load<Unsigned16>, Branch<NotLessUnsigned>>(),
        Steps<Load<Unsigned16>, Binary<Add>>(),
        Steps<Load<Unsigned32>, Immediate<Add>>(),
        Steps<Store<Unsigned8>, Branch<NotEqual>>(),
        Steps<Store<Unsigned16>, Immediate<Add>>(),
        Steps<Store<Unsigned32>, Branch<NotEqual>>(),
        Steps<Store<Unsigned64>, Load<Unsigned64>>(),
        Steps<Store<Unsigned64>, Store<Unsigned64>>(),
        Steps<Store<Unsigned64>, Immediate<Add>>(),
        Steps<Store<Unsigned64>, Binary<Add>>(),
        Ends<Immediate<Add>, Jump>(),
        Ends<Immediate<Add>, JumpRegister>(),
        Steps<Immediate<Add>, Branch<Equal>>(),
        Steps<Immediate<Add>, Branch<NotEqual>>(),
        Steps<Immediate<Add>, Load<Unsigned64>>(),
        Steps<Immediate<Add>, Load<Unsigned8>>(),
        Steps<Immediate<Add>, Store<Unsigned64>>(),
        Steps<Immediate<Add>, Immediate<Add>>(),
        Steps<Immediate<Add>, Immediate<ShiftLeft>>(),
        Steps<Immediate<Add>, Immediate<AddWord>>(),
        Steps<Immediate<Add>, Binary<Add>>(),
        Steps<Immediate<Add>, Binary<AddWord>>(),
        Steps<Immediate<Xor>, Binary<And>>(),
        Steps<Immediate<And>, Branch<Equal>>(),
        Steps<Immediate<And>, Branch<NotEqual>>(),
        Steps<Immediate<And>, Branch<NotLessUnsigned>>(),
        Steps<Immediate<And>, Immediate<Add>>(),
        Steps<Immediate<And>, Immediate<AddWord>>(),
        Steps<Immediate<ShiftLeft>, Immediate<ShiftRight>>(),
        Steps<Immediate<ShiftLeft>, Binary<Add>>(),
        Steps<Immediate<ShiftLeft>, Binary<Or>>(),
        Steps<Immediate<ShiftRight>, Immediate<ShiftRight>>(),
        Steps<Immediate<ShiftRight>, Binary<Add>>(),
        Steps<Immediate<ShiftRight>, Binary<Multiply>>(),
        Steps<Immediate<AddWord>, Branch<NotEqual>>(),
        Steps<Immediate<AddWord>, Store<Unsigned32>>(),
        Steps<Immediate<AddWord>, Immediate<Add>>(),
        Steps<Immediate<AddWord>, Immediate<And>>(),
        Steps<Immediate<AddWord>, Immediate<ShiftLeft>>(),
        Steps<Immediate<ShiftLeftWord>, Immediate<Add>>(),
        Steps<Immediate<ShiftLeftWord>, Immediate<ShiftRightWord>>(),
        Steps<Immediate<ShiftLeftWord>, Binary<Or>>(),
        Steps<Immediate<ShiftRightWord>, Load<Signed32>>(),
        Steps<Immediate<ShiftRightWord>, Immediate<ShiftLeftWord>>(),
        Steps<Immediate<ShiftRightWord>, Binary<Xor>>(),
        Steps<Immediate<ShiftRightWord>, Binary<Or>>(),
        Ends<Binary<Add>, Jump>(),
        Steps<Binary<Add>, Branch<Equal>>(),
        Steps<Binary<Add>, Branch<NotEqual>>(),
        Steps<Binary<Add>, Branch<LessUnsigned>>(),
        Steps<Binary<Add>, Branch<NotLessUnsigned>>(),
        Steps<Binary<Add>, Load<Signed32>>(),
        Steps<Binary<Add>, Load<Unsigned64>>(),
        Steps<Binary<Add>, Load<Unsigned8>>(),
        Steps<Binary<Add>, Load<Unsigned16>>(),
        Steps<Binary<Add>, Store<Unsigned8>>(),
        Steps<Binary<Add>, Store<Unsigned64>>(),
        Steps<Binary<Add>, Immediate<Add>>(),
        Steps<Binary<Add>, Immediate<ShiftLeft>>(),
        Steps<Binary<Add>, Immediate<AddWord>>(),
        Steps<Binary<Add>, Binary<Add>>(),
        Steps<Binary<Add>, Binary<SetLessUnsigned>>(),
        Steps<Binary<Add>, Binary<Multiply>>(),
        Steps<Binary<Subtract>, Immediate<ShiftLeft>>(),
        Steps<Binary<SetLessUnsigned>, Immediate<ShiftRight>>(),
        Steps<Binary<SetLessUnsigned>, Binary<Add>>(),
        Steps<Binary<Xor>, Load<Signed32>>(),
        Steps<Binary<Xor>, Immediate<Xor>>(),
        Steps<Binary<Xor>, Immediate<ShiftLeftWord>>(),
        Steps<Binary<Xor>, Immediate<ShiftRightWord>>(),
        Steps<Binary<Xor>, Binary<Xor>>(),
        Steps<Binary<Xor>, Binary<And>>(),
        Steps<Binary<Xor>, Binary<AddWord>>(),
        Steps<Binary<ShiftRight>, Immediate<And>>(),
        Steps<Binary<Or>, Immediate<ShiftLeftWord>>(),
        Steps<Binary<Or>, Immediate<ShiftRightWord>>(),
        Steps<Binary<Or>, Binary<Xor>>(),
        Steps<Binary<And>, Immediate<ShiftLeft>>(),
        Steps<Binary<And>, Binary<Xor>>(),
        Steps<Binary<And>, Binary<And>>(),
        Steps<Binary<AddWord>, Load<Signed32>>(),
        Steps<Binary<AddWord>, Load<Unsigned32>>(),
        Steps<Binary<AddWord>, Store<Unsigned32>>(),
        Steps<Binary<AddWord>, Immediate<ShiftLeftWord>>(),
        Steps<Binary<AddWord>, Binary<Add>>(),
        Steps<Binary<AddWord>, Binary<AddWord>>(),
        Steps<Binary<Multiply>, Immediate<ShiftLeft>>(),
        Steps<Binary<Multiply>, Binary<Add>>(),
        Steps<Binary<Multiply>, Binary<Multiply>>(),
    ];

    private static readonly Dictionary<Type, byte> s_numbers = s_pairs.SelectMany(pair => (Type[])[pair.First, pair.Second]).Distinct()
        .Select((semantics, index) => (semantics, index)).ToDictionary(of => of.semantics, of => (byte)(of.index + 1));

    // By the numbers of both; 0: no pair.
    private static readonly nint[,] s_handlers = ByNumbers();

    /// <summary>The number by which <see cref="Find"/> knows an instruction; 0 when it is in no pair.</summary>
    public static byte NumberOf(InstructionDefinition definition) =>
        definition.Semantics is { } semantics ? s_numbers.GetValueOrDefault(semantics) : (byte)0;

    /// <summary>Whether there is such a pair.</summary>
    public static bool Contains(byte first, byte second) => s_handlers[first, second] != 0;

    /// <summary>The handler of a pair of numbers, or null.</summary>
    public static delegate*<Hart, Op*, void> Find(byte first, byte second) => (delegate*<Hart, Op*, void>)s_handlers[first, second];

    /// <summary>The handler that a pair's first instruction has by itself.</summary>
    public static delegate*<Hart, Op*, void> FirstOf(delegate*<Hart, Op*, void> pairHandler)
    {
        foreach (Pair pair in s_pairs)
            if (pair.Handler == (nint)pairHandler) return (delegate*<Hart, Op*, void>)pair.FirstHandler;
        throw new InvalidOperationException("No pair has this handler.");
    }

    private static Pair Steps<TFirst, TSecond>() where TFirst : struct, IStep where TSecond : struct, IStep =>
        new(typeof(TFirst), typeof(TSecond), (nint)(delegate*<Hart, Op*, void>)&Execute.StepStep<TFirst, TSecond>, (nint)(delegate*<Hart, Op*, void>)&Execute.Step<TFirst>);

    private static Pair Ends<TFirst, TSecond>() where TFirst : struct, IStep where TSecond : struct, IBlockEnd =>
        new(typeof(TFirst), typeof(TSecond), (nint)(delegate*<Hart, Op*, void>)&Execute.StepEnd<TFirst, TSecond>, (nint)(delegate*<Hart, Op*, void>)&Execute.Step<TFirst>);

    private static nint[,] ByNumbers()
    {
        nint[,] handlers = new nint[s_numbers.Count + 1, s_numbers.Count + 1];
        foreach (Pair pair in s_pairs) handlers[s_numbers[pair.First], s_numbers[pair.Second]] = pair.Handler;
        return handlers;
    }
}
