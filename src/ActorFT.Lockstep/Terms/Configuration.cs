namespace ActorFT.Lockstep.Terms;

/// <summary>One run of the program on one server. A server that was restarted is another member: what it had in memory is gone.</summary>
/// <param name="Server">The server's name, 1 to 64 letters, digits, '-', '_' and '.'.</param>
/// <param name="Incarnation">Unique to the run: the shell draws it at start.</param>
public sealed record Member(string Server, ulong Incarnation)
{
    /// <summary>The longest name of a server or machine, in characters.</summary>
    public const int MaxNameLength = 64;
}

/// <summary>
/// Who runs a machine in one term. The arbiter keeps the latest one durably; a term's configuration never changes, a new
/// one is a new term. Only members have current state and disks.
/// </summary>
/// <param name="Term">From 1 on, rising by one.</param>
/// <param name="Leader">Whose outputs reach the world.</param>
/// <param name="Follower">The replica in lockstep with it; null in simplex.</param>
public sealed record Configuration(ulong Term, Member Leader, Member? Follower)
{
    /// <summary>Whether this run of a server is a member.</summary>
    public bool Contains(Member member) => Leader == member || Follower == member;

    /// <summary>Whether a server is a member, in whatever run.</summary>
    public bool ContainsServer(string server) => Leader.Server == server || Follower?.Server == server;

    /// <summary>Such as "term 7: server-a leads, server-b follows".</summary>
    public override string ToString() =>
        $"term {Term}: {Leader.Server} leads, {(Follower is null ? "nobody" : Follower.Server)} follows";
}
