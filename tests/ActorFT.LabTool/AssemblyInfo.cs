using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Network.Tests")]
