using System.Runtime.CompilerServices;
using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]
[assembly: InternalsVisibleTo("ActorFT.Node.Tests")]
[assembly: InternalsVisibleTo("ActorFT.EndToEnd")]
