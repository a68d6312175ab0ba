using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Machine.Tests")]
[assembly: InternalsVisibleTo("ActorFT.Benchmarks")]
[assembly: InternalsVisibleTo("ActorFT.Differential")]
[assembly: InternalsVisibleTo("ActorFT.Network")]
[assembly: InternalsVisibleTo("ActorFT.Network.Tests")]
