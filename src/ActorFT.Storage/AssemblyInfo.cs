using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Storage.Tests")]
[assembly: InternalsVisibleTo("ActorFT.Cluster.Tests")]
[assembly: InternalsVisibleTo("ActorFT.Simulation")]
[assembly: InternalsVisibleTo("ActorFT.Benchmarks")]
