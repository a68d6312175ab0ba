using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("ActorFT.Management.Tests")]
