using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace ActorFT.Machine.FloatingPoint;

/// <summary>Whether the host multiplies and adds in one instruction. A constant once compiled.</summary>
internal static class HostFma
{
    // DETERMINISM: decides between two ways to the same result, never about the result.
    public static bool IsFast => Fma.IsSupported || AdvSimd.IsSupported;
}
