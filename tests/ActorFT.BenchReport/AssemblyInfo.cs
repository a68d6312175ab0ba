using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Node.Tests")]
