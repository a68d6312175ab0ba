namespace ActorFT.Machine.Firmware;

/// <summary>Extension ids (SBI v2.0; the chapter that defines each).</summary>
internal static class SbiExtension
{
    public const ulong LegacySetTimer = 0x00, LegacyPutChar = 0x01, LegacyGetChar = 0x02, LegacyClearIpi = 0x03, LegacySendIpi = 0x04;
    public const ulong LegacyRemoteFenceI = 0x05, LegacyRemoteFenceVma = 0x06, LegacyRemoteFenceVmaAsid = 0x07, LegacyShutdown = 0x08;
    public const ulong Base = 0x10, Time = 0x54494D45, Ipi = 0x735049, RemoteFence = 0x52464E43, HartState = 0x48534D;
    public const ulong SystemReset = 0x53525354, DebugConsole = 0x4442434E;
}

/// <summary>Return codes (SBI v2.0 chapter 3).</summary>
internal static class SbiError
{
    public const long Success = 0, Failed = -1, NotSupported = -2, InvalidParameter = -3, Denied = -4, InvalidAddress = -5, AlreadyAvailable = -6;
}
