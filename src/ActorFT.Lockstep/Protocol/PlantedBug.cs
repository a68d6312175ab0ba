namespace ActorFT.Lockstep.Protocol;

/// <summary>A rule broken on purpose. Only tests can set it.</summary>
internal enum PlantedBug
{
    None,
    ReleaseBeforeStored,
    ReleaseWithoutDigest,
    PromoteWithoutClaim,
    IgnoreLostClaim,
    PromoteBeforeExecuting,
    ForgetKeptOutputs,
    ForgetStoredAtPromotion,
    BootWithoutClaim,
    AcknowledgeBeyondGap,
    EnrollWithoutHolding,
    WriteDiskBeforeCommit,
    IgnoreDivergence,
    ClockGoesBack,
    NoFlowControl,
    NoReprotection,
    ArbiterIgnoresMembership,
    ArbiterRepliesBeforeStored,
    BootDespiteLivePeer,
    KeepReleasedOutputs,
    NeverDoubt,
    TrustLateAnswers,
    ForgetReturnedOutputs,
    ForgetEndingFlushes,
    TakeLeadWithoutDisks,
    CountRoundAhead,
}
