using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Network.Tests")]
[assembly: InternalsVisibleTo("ActorFT.LabTool")]
[assembly: InternalsVisibleTo("ActorFT.Benchmarks")]
[assembly: InternalsVisibleTo("ActorFT.EndToEnd")]
