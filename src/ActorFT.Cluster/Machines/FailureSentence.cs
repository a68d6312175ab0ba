using System.Diagnostics;

namespace ActorFT.Cluster.Machines;

/// <summary>What an exception that nobody expected says to an operator and to who mends it: type, message and the place, in one line.</summary>
internal static class FailureSentence
{
    /// <summary>E.g. "IndexOutOfRangeException: Index was outside the bounds of the array (in LockstepCoordinatorActor.OnDiskChanged)". Without a full stop.</summary>
    internal static string Of(Exception error)
    {
        string what = $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ')}";
        System.Reflection.MethodBase? ours = new StackTrace(error).GetFrames().Select(frame => frame.GetMethod()).FirstOrDefault(method => method?.DeclaringType?.Namespace is { } space && IsOurs(space));
        return ours is null ? what : $"{what} (in {ours.DeclaringType!.Name}.{ours.Name})";
    }

    private static bool IsOurs(string space) => space == nameof(ActorFT) || space.StartsWith(nameof(ActorFT) + ".", StringComparison.Ordinal);
}
