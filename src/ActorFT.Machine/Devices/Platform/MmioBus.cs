namespace ActorFT.Machine.Devices;

/// <summary>
/// Routes a hart's loads and stores outside RAM to devices. Windows never overlap; an access that is not wholly inside
/// one window, or not naturally aligned, has no device, and the hart takes an access fault.
/// </summary>
internal sealed class MmioBus
{
    private ulong[] _starts = [];
    private ulong[] _ends = []; // exclusive
    private IMmioDevice[] _devices = [];
    private int _lastHit; // a hint only: never changes what is found

    /// <summary>The devices, in order of address.</summary>
    public ReadOnlySpan<IMmioDevice> Devices => _devices;

    /// <summary>Maps a device's window at <paramref name="address"/>.</summary>
    /// <exception cref="ArgumentException">The window is empty, wraps around, is not aligned to 8 bytes, or overlaps another.</exception>
    public void Map(ulong address, IMmioDevice device)
    {
        ulong end = address + device.WindowBytes;
        if (end <= address || (address & 7) != 0)
            throw new ArgumentException($"Device {device.Name} cannot have a window of 0x{device.WindowBytes:x} bytes at 0x{address:x}.", nameof(address));
        int at = 0;
        while (at < _starts.Length && _starts[at] < address) at++;
        if ((at > 0 && _ends[at - 1] > address) || (at < _starts.Length && end > _starts[at]))
            throw new ArgumentException($"The window of device {device.Name} at 0x{address:x} overlaps another's.", nameof(address));
        _starts = [.. _starts[..at], address, .. _starts[at..]];
        _ends = [.. _ends[..at], end, .. _ends[at..]];
        _devices = [.. _devices[..at], device, .. _devices[at..]];
        _lastHit = at;
    }

    /// <summary>A load of 1, 2, 4 or 8 bytes; false when there is no device.</summary>
    public bool TryRead(ulong address, int widthBytes, out ulong value)
    {
        int index = Find(address, widthBytes);
        if (index < 0) { value = 0; return false; }
        value = _devices[index].Read(address - _starts[index], widthBytes);
        return true;
    }

    /// <summary>A store of 1, 2, 4 or 8 bytes; false when there is no device.</summary>
    public bool TryWrite(ulong address, int widthBytes, ulong value)
    {
        int index = Find(address, widthBytes);
        if (index < 0) return false;
        _devices[index].Write(address - _starts[index], widthBytes, value);
        return true;
    }

    private int Find(ulong address, int widthBytes)
    {
        if ((address & (ulong)(widthBytes - 1)) != 0) return -1;
        int index = _lastHit;
        if ((uint)index >= (uint)_starts.Length || address - _starts[index] >= _ends[index] - _starts[index])
        {
            index = Array.BinarySearch(_starts, address);
            if (index < 0) index = ~index - 1; // the window that starts below the address
            if (index < 0 || address >= _ends[index]) return -1;
            _lastHit = index;
        }
        return (ulong)widthBytes <= _ends[index] - address ? index : -1;
    }
}
