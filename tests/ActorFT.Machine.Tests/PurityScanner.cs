using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ActorFT.Machine.Tests;

/// <summary>
/// Lists what an assembly uses of the outside: every type, and every member of such types, that its metadata refers to
/// and <see cref="PureSurface"/> does not allow. Metadata holds every reference that its code could follow, reflection
/// aside, and reflection is not on the list.
/// </summary>
internal static class PurityScanner
{
    public static IReadOnlyList<string> FindViolations(string assemblyPath)
    {
        using FileStream file = File.OpenRead(assemblyPath);
        using var portable = new PEReader(file);
        MetadataReader metadata = portable.GetMetadataReader();
        SortedSet<string> violations = new(StringComparer.Ordinal);
        foreach (TypeReferenceHandle handle in metadata.TypeReferences)
        {
            string type = FullName(metadata, handle);
            if (!PureSurface.AllowsType(type)) violations.Add(type);
        }
        foreach (MemberReferenceHandle handle in metadata.MemberReferences)
        {
            MemberReference member = metadata.GetMemberReference(handle);
            if (DeclaringType(metadata, member.Parent) is not { } type) continue;
            string name = metadata.GetString(member.Name);
            if (PureSurface.AllowsType(type) && !PureSurface.AllowsMember(type, name)) violations.Add($"{type}.{name}");
        }
        foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
        {
            MethodDefinition method = metadata.GetMethodDefinition(handle);
            if (method.GetImport() is { Module.IsNil: false } import)
                violations.Add($"[DllImport] {metadata.GetString(metadata.GetModuleReference(import.Module).Name)}");
        }
        return [.. violations];
    }

    private static string? DeclaringType(MetadataReader metadata, EntityHandle parent) => parent.Kind switch
    {
        HandleKind.TypeReference => FullName(metadata, (TypeReferenceHandle)parent),
        HandleKind.TypeSpecification => GenericDefinition(metadata, (TypeSpecificationHandle)parent),
        _ => null, // the assembly's own types
    };

    /// <summary>ECMA-335 II.23.2.14: GENERICINST, CLASS or VALUETYPE, then the definition.</summary>
    private static string? GenericDefinition(MetadataReader metadata, TypeSpecificationHandle handle)
    {
        BlobReader blob = metadata.GetBlobReader(metadata.GetTypeSpecification(handle).Signature);
        if (blob.ReadByte() != 0x15) return null; // arrays, pointers and type parameters have no members of their own
        blob.ReadByte();
        EntityHandle definition = blob.ReadTypeHandle();
        return definition.Kind == HandleKind.TypeReference ? FullName(metadata, (TypeReferenceHandle)definition) : null;
    }

    private static string FullName(MetadataReader metadata, TypeReferenceHandle handle)
    {
        TypeReference type = metadata.GetTypeReference(handle);
        string name = metadata.GetString(type.Name);
        if (type.ResolutionScope.Kind == HandleKind.TypeReference) return FullName(metadata, (TypeReferenceHandle)type.ResolutionScope) + "+" + name;
        string space = metadata.GetString(type.Namespace);
        return space.Length == 0 ? name : space + "." + name;
    }
}
