using System.Collections.Frozen;

namespace ActorFT.Machine.Tests;

/// <summary>
/// The part of .NET that the deterministic projects may use: an allow-list, so that what nobody thought of is
/// refused. Add to it only what gives the same result on every host, at every time, in every process.
/// </summary>
internal static class PureSurface
{
    /// <summary>Namespaces whose types depend on their arguments alone, nested namespaces not included.</summary>
    private static readonly string[] _namespaces =
    [
        "System.Buffers.Binary", "System.Collections", "System.Collections.Generic", "System.Collections.Immutable",
        "System.IO.Hashing", "System.Linq", "System.Numerics", "System.Runtime.CompilerServices", "System.Runtime.Intrinsics",
        "System.Runtime.Intrinsics.Arm", "System.Runtime.Intrinsics.X86", "System.Diagnostics.CodeAnalysis",
    ];

    private static readonly FrozenSet<string> _types = FrozenSet.Create(StringComparer.Ordinal,
        // Primitives, spans and the types every program needs.
        "System.Array", "System.BitConverter", "System.Boolean", "System.Buffer", "System.Byte", "System.Char", "System.Convert",
        "System.Double", "System.Enum", "System.GC", "System.Half", "System.Index", "System.Int128", "System.Int16", "System.Int32", "System.Int64",
        "System.IntPtr", "System.Math", "System.MathF", "System.Memory`1", "System.MemoryExtensions", "System.MidpointRounding", "System.Nullable", "System.Nullable`1",
        "System.Object", "System.Range", "System.ReadOnlyMemory`1", "System.ReadOnlySpan`1", "System.RuntimeFieldHandle",
        "System.RuntimeTypeHandle", "System.SByte", "System.Single", "System.Span`1", "System.String", "System.StringComparer",
        "System.StringComparison", "System.Tuple`2", "System.Type", "System.UInt128", "System.UInt16", "System.UInt32", "System.UInt64",
        "System.UIntPtr", "System.ValueTuple", "System.ValueType", "System.Void",
        // Delegates and contracts.
        "System.Action", "System.Comparison`1", "System.Converter`2", "System.Delegate", "System.IComparable", "System.IComparable`1", "System.IDisposable",
        "System.IEquatable`1", "System.IFormatProvider", "System.MulticastDelegate", "System.Predicate`1",
        // Errors.
        "System.ArgumentException", "System.ArgumentNullException", "System.ArgumentOutOfRangeException", "System.DivideByZeroException",
        "System.Exception", "System.IndexOutOfRangeException", "System.InvalidOperationException", "System.NotImplementedException",
        "System.NotSupportedException", "System.ObjectDisposedException", "System.OutOfMemoryException", "System.OverflowException",
        "System.PlatformNotSupportedException", "System.Text.DecoderFallbackException",
        // Bytes and text.
        "System.Buffers.ArrayBufferWriter`1", "System.Buffers.BuffersExtensions", "System.Buffers.IBufferWriter`1", "System.Buffers.MemoryManager`1",
        "System.Globalization.CultureInfo", "System.Globalization.NumberStyles", "System.Text.ASCIIEncoding", "System.Text.Encoding",
        "System.Text.StringBuilder", "System.Text.UTF8Encoding",
        // Memory.
        "System.Runtime.InteropServices.CollectionsMarshal", "System.Runtime.InteropServices.ImmutableCollectionsMarshal",
        "System.Runtime.InteropServices.LayoutKind", "System.Runtime.InteropServices.MemoryMarshal",
        "System.Runtime.InteropServices.NativeMemory", "System.Runtime.InteropServices.UnmanagedType",
        // What the C# compiler puts into records and assemblies.
        "System.Diagnostics.DebuggableAttribute+DebuggingModes", "System.Diagnostics.DebuggerBrowsableState", "System.Reflection.MemberInfo",
        "System.Security.Permissions.SecurityAction");

    /// <summary>Types of which only these members are pure: the others ask the process, the culture or the host's C library.</summary>
    private static readonly FrozenDictionary<string, string[]> _onlyMembers = new Dictionary<string, string[]>
    {
        ["System.GC"] = ["AllocateUninitializedArray"], // only where the very next lines fill the whole array
        ["System.Globalization.CultureInfo"] = ["get_InvariantCulture"],
        ["System.Math"] = _exactMath,
        ["System.MathF"] = _exactMath,
        ["System.Reflection.MemberInfo"] = ["get_Name"],
        ["System.StringComparer"] = ["get_Ordinal", "get_OrdinalIgnoreCase"],
        ["System.Type"] = ["GetTypeFromHandle", "op_Equality", "op_Inequality"],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>IEEE 754 asks for one result, or no rounding is involved. Sin, Exp, Pow, … differ between C libraries.</summary>
    private static string[] _exactMath => ["Abs", "BigMul", "Ceiling", "Clamp", "DivRem", "Floor", "FusedMultiplyAdd", "Max", "Min", "Round", "Sign", "Sqrt", "Truncate"];

    /// <summary>Members whose results differ between processes, or whose order is nobody's promise.</summary>
    private static readonly FrozenSet<string> _neverMembers = FrozenSet.Create(StringComparer.Ordinal,
        "System.Object.GetHashCode", "System.String.GetHashCode", "System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode",
        "System.StringComparer.GetHashCode", "System.MemoryExtensions.GetHashCode",
        "System.Collections.Generic.Dictionary`2.GetEnumerator", "System.Collections.Generic.Dictionary`2.get_Keys",
        "System.Collections.Generic.Dictionary`2.get_Values", "System.Collections.Generic.HashSet`1.GetEnumerator");

    /// <summary>Attributes that would let uninitialised memory be read.</summary>
    private const string UninitialisedLocals = "System.Runtime.CompilerServices.SkipLocalsInitAttribute";

    public static bool AllowsType(string type)
    {
        if (type == UninitialisedLocals) return false;
        if (type.StartsWith("ActorFT.Machine.", StringComparison.Ordinal)) return true; // held to the same rule
        if (type.StartsWith("System.Action`", StringComparison.Ordinal) || type.StartsWith("System.Func`", StringComparison.Ordinal)
            || type.StartsWith("System.ValueTuple`", StringComparison.Ordinal)) return true;
        if (type.StartsWith("System.", StringComparison.Ordinal) && type.EndsWith("Attribute", StringComparison.Ordinal)) return true;
        if (_types.Contains(type)) return true;
        int nested = type.IndexOf('+', StringComparison.Ordinal);
        string outer = nested < 0 ? type : type[..nested];
        if (nested >= 0 && _types.Contains(outer)) return true;
        int dot = outer.LastIndexOf('.');
        return dot >= 0 && _namespaces.Contains(outer[..dot]);
    }

    public static bool AllowsMember(string type, string member)
    {
        if (_neverMembers.Contains($"{type}.{member}")) return false;
        return !_onlyMembers.TryGetValue(type, out string[]? allowed) || allowed.Contains(member);
    }
}
