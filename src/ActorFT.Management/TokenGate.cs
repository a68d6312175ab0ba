using System.Security.Cryptography;
using System.Text;
using ActorFT.Cluster.Configuration;
using Microsoft.AspNetCore.Http;

namespace ActorFT.Management;

/// <summary>
/// The only way to a change: the token of <c>akka.management.http.token-file</c>, as a bearer token. The file is read at each
/// change, so a token is replaced by replacing the file. Comparison takes the same time whatever is sent.
/// </summary>
public sealed class TokenGate
{
    /// <summary>A token has at least so many characters.</summary>
    public const int MinTokenCharacters = 16;

    private const int MaxTokenCharacters = 1024;

    private readonly string? _path;

    /// <summary>Creates it; a file that cannot be used is refused now.</summary>
    /// <param name="path">The token's file; null: nothing can be changed.</param>
    /// <exception cref="OperatorException">The file does not exist, cannot be read or holds no good token.</exception>
    public TokenGate(string? path)
    {
        _path = path;
        if (path is not null && Read() is null)
            throw new OperatorException($"akka.management.http.token-file = {path}: the file must be readable and hold one token of {MinTokenCharacters} to {MaxTokenCharacters} characters.");
    }

    /// <summary>Whether anything can be changed at all.</summary>
    public bool IsOpen => _path is not null;

    /// <summary>Null when the request may change something, otherwise the refusal.</summary>
    public IResult? Check(HttpContext context)
    {
        if (_path is null) return Answers.Refuse(403, "Changes are switched off here: akka.management.http.token-file is not set on this node.");
        if (Read() is not { } expected) return Answers.Refuse(403, "Changes are switched off here: the token's file cannot be read.");
        string header = context.Request.Headers.Authorization.ToString();
        const string Scheme = "Bearer ";
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return Answers.Refuse(401, "A change needs the header \"Authorization: Bearer TOKEN\" with the token of this node's token file.");
        }

        return IsRight(header[Scheme.Length..], expected) ? null : Answers.Refuse(403, "The token is not the one in this node's token file.");
    }

    /// <summary>Whether the request has the token.</summary>
    public bool IsHeldBy(HttpContext context)
    {
        const string Scheme = "Bearer ";
        string header = context.Request.Headers.Authorization.ToString();
        return _path is not null && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && Read() is { } expected && IsRight(header[Scheme.Length..], expected);
    }

    // Hashes are of one length, so the time tells neither the token's content nor its length.
    private static bool IsRight(string sent, string expected) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(sent.Trim())), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));

    private string? Read()
    {
        try
        {
            using FileStream file = new(_path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (file.Length > 4 * MaxTokenCharacters) return null;
            using StreamReader reader = new(file);
            string token = reader.ReadToEnd().Trim();
            return token.Length is >= MinTokenCharacters and <= MaxTokenCharacters ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }
}
