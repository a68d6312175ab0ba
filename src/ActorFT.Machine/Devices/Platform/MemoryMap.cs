namespace ActorFT.Machine.Devices;

/// <summary>
/// Where everything lies in the guest-physical address space. Equal to QEMU's riscv "virt" machine where that has the
/// device, so that guests which carry fixed addresses (early consoles, test programs) find what they expect.
/// </summary>
internal static class MemoryMap
{
    /// <summary>Goldfish RTC.</summary>
    public const ulong RtcBase = 0x0010_1000;

    /// <summary>Interrupt source of the RTC.</summary>
    public const int RtcIrq = 11;

    /// <summary>Platform-level interrupt controller.</summary>
    public const ulong PlicBase = 0x0C00_0000;

    /// <summary>UART 16550A.</summary>
    public const ulong UartBase = 0x1000_0000;

    /// <summary>Interrupt source of the UART.</summary>
    public const int UartIrq = 10;

    /// <summary>The UART's input clock, as the device tree tells it: 16 × 230,400 baud.</summary>
    public const uint UartClockHz = 3_686_400;

    /// <summary>First virtio-mmio window.</summary>
    public const ulong VirtioBase = 0x1000_1000;

    /// <summary>Distance between virtio-mmio windows, and the size of each.</summary>
    public const ulong VirtioStrideBytes = 0x1000;

    /// <summary>Most virtio devices of one machine.</summary>
    public const int MaxVirtioSlots = 32;

    /// <summary>RAM's first byte.</summary>
    public const ulong RamBase = 0x8000_0000;

    /// <summary>Frequency of the <c>time</c> CSR.</summary>
    public const uint TimebaseHz = 10_000_000;

    /// <summary>Nanoseconds in one tick of the <c>time</c> CSR.</summary>
    public const ulong NsPerTimebaseTick = 1_000_000_000 / TimebaseHz;

    // QEMU has eight slots with sources 1 to 8; 10 and 11 belong to the UART and the RTC, so later slots go on at 12.
    private const int LowVirtioIrqs = 8, FirstHighVirtioIrq = 12;

    /// <summary>The base address of a virtio-mmio slot.</summary>
    public static ulong VirtioAddress(int slot) => VirtioBase + (ulong)slot * VirtioStrideBytes;

    /// <summary>The interrupt source of a virtio-mmio slot.</summary>
    public static int VirtioIrq(int slot) => slot < LowVirtioIrqs ? 1 + slot : FirstHighVirtioIrq + slot - LowVirtioIrqs;
}
