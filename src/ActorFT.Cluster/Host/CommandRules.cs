using static ActorFT.Cluster.Messages.CommandProtocol;

namespace ActorFT.Cluster.Host;

/// <summary>What a command is about.</summary>
internal enum CommandSubject
{
    /// <summary>A server's replica of a machine, or the server itself.</summary>
    Replica,
    /// <summary>One server's copy of a disk.</summary>
    Disk,
    /// <summary>One server's NIC.</summary>
    Nic,
    /// <summary>An FT link, both ends.</summary>
    Link,
    /// <summary>One vCPU of a replica.</summary>
    Vcpu,
    /// <summary>A replica's memory.</summary>
    Memory,
}

/// <summary>
/// Which component a command is about, and what may be asked of it. Pure. Its one invariant: a command for a component reaches that
/// component or is refused; it never becomes one for something larger.
/// </summary>
internal static class CommandRules
{
    /// <summary>How components are named.</summary>
    public const string AllowedComponents = "disk-NAME, nic-NAME, link-NAME, vcpu-NUMBER, memory, or none for the server's replica";

    private static readonly (string Prefix, CommandSubject Subject)[] s_prefixes =
        [("disk-", CommandSubject.Disk), ("nic-", CommandSubject.Nic), ("link-", CommandSubject.Link), ("vcpu-", CommandSubject.Vcpu)];

    /// <summary>The component's kind and its name or number; null when it is none.</summary>
    public static (CommandSubject Subject, string Name)? Parse(string component)
    {
        if (component is "" or "replica") return (CommandSubject.Replica, "");
        if (component == "memory") return (CommandSubject.Memory, "");
        foreach ((string prefix, CommandSubject subject) in s_prefixes)
            if (component.StartsWith(prefix, StringComparison.Ordinal) && component.Length > prefix.Length) return (subject, component[prefix.Length..]);
        return null;
    }

    /// <summary>The argument of an isolation that a policy wants (reference.conf, faults.policies).</summary>
    public const string ByPolicy = "by=policy";

    /// <summary>Why a component that was isolated is out of service.</summary>
    public static string TakenOut(Command command) =>
        command.Arguments is [ByPolicy, ..] ? "taken out of service by policy, after too many faults" : "taken out of service by an operator";

    /// <summary>Why the command is nothing that can be done; null when it may be tried.</summary>
    public static string? Refuse(Command command, bool allowsFaultInjection)
    {
        if (Parse(command.Component) is not { } target) return $"\"{Shown(command.Component)}\" is no component; allowed are {AllowedComponents}.";
        if (command.Verb is Verbs.Inject or Verbs.Clear && !allowsFaultInjection)
            return "Faults can be injected only where actorft.fault-injection is on; here it is off.";
        if (IsPossible(command.Verb, target.Subject))
            return command.Verb == Verbs.Isolate && target.Subject == CommandSubject.Replica && command.Server.Length == 0
                ? $"Name the server whose replica of machine {command.Machine} is to be taken out." : null;
        return (command.Verb, target.Subject) switch
        {
            (Verbs.Repair, CommandSubject.Replica) => $"A replica is brought back by \"actorft protect {command.Machine}\"; repair is for a component.",
            (Verbs.Isolate or Verbs.Repair, CommandSubject.Vcpu or CommandSubject.Memory) =>
                $"{command.Component} cannot be taken out or repaired alone: it is part of its server's replica (actorft server isolate SERVER, actorft protect MACHINE).",
            (Verbs.Scrub, _) => "Only a disk can be scrubbed (disk-NAME).",
            (Verbs.Inject or Verbs.Clear, CommandSubject.Replica) => "Name the component to inject a fault into; allowed are disk-NAME, nic-NAME, link-NAME, vcpu-NUMBER and memory.",
            (Verbs.Clear, CommandSubject.Memory) => "A flipped bit cannot be flipped back: the replica that differs is rebuilt by itself.",
            (_, CommandSubject.Replica) => $"\"{Shown(command.Verb)}\" is nothing that machine {command.Machine} can do.",
            _ => $"\"{Shown(command.Verb)}\" is about a machine or a server, not about a component such as {Shown(command.Component)}; leave the component out.",
        };
    }

    private static bool IsPossible(string verb, CommandSubject subject) => verb switch
    {
        Verbs.FailOver or Verbs.Protect or Verbs.Leave or Verbs.Return or Verbs.ForceStart => subject == CommandSubject.Replica,
        Verbs.Isolate => subject is CommandSubject.Replica or CommandSubject.Disk or CommandSubject.Nic or CommandSubject.Link,
        Verbs.Repair => subject is CommandSubject.Disk or CommandSubject.Nic or CommandSubject.Link,
        Verbs.Scrub => subject == CommandSubject.Disk,
        Verbs.Inject => subject != CommandSubject.Replica,
        Verbs.Clear => subject is not (CommandSubject.Replica or CommandSubject.Memory),
        _ => false,
    };

    private static string Shown(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
