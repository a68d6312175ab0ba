using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace ActorFT.Management.Dashboard;

/// <summary>
/// The page at /: one file with its style and script inside, and a policy that lets the browser run exactly that script and
/// talk to exactly this node.
/// </summary>
internal static class DashboardPage
{
    private static readonly string s_page = Load();
    private static readonly string s_policy =
        $"default-src 'none'; script-src '{HashOf("script")}'; style-src '{HashOf("style")}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/", (HttpContext context) =>
    {
        context.Response.Headers.ContentSecurityPolicy = s_policy;
        return Results.Text(s_page, "text/html; charset=utf-8");
    }).ExcludeFromDescription();

    private static string Load()
    {
        using Stream stream = typeof(DashboardPage).Assembly.GetManifestResourceStream("ActorFT.Management.Dashboard.index.html")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static string HashOf(string element)
    {
        int start = s_page.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2, end = s_page.IndexOf($"</{element}>", StringComparison.Ordinal);
        return "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(s_page[start..end])));
    }
}
