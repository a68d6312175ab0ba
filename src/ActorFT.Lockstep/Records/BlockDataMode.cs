namespace ActorFT.Lockstep.Records;

/// <summary>What a record says about the bytes a disk read gave.</summary>
public enum BlockDataMode : byte
{
    /// <summary>Length and hash only: every replica reads its own copy of the disk and compares. The lockstep log.</summary>
    Hashed = 0,

    /// <summary>The bytes themselves: the record can be replayed without any disk.</summary>
    Carried = 1,
}
