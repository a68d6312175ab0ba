using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Machine.Tests")]
[assembly: InternalsVisibleTo("ActorFT.Benchmarks")]
[assembly: InternalsVisibleTo("ActorFT.Differential")]
