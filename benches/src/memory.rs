//! What this process holds in memory, and held at most.

/// Begins the peak anew. False where the kernel does not allow it.
#[must_use]
pub fn reset_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Bytes resident now.
#[must_use]
pub fn resident() -> u64 {
    status("VmRSS:")
}

/// Most bytes resident since [`reset_peak`].
#[must_use]
pub fn resident_peak() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib << 10)
}
