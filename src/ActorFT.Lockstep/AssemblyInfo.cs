using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Lockstep.Tests")]
[assembly: InternalsVisibleTo("ActorFT.Simulation")]
[assembly: InternalsVisibleTo("ActorFT.Benchmarks")]
