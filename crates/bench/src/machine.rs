//! What the numbers were measured on, in a sentence that names no place. It reads `/proc` and knows no measurement.

use std::path::Path;

/// Processor, cores, memory, kernel, file system of a directory, and how busy it is.
pub(crate) fn describe(dir: &Path) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{}, {cores} cores, {} GiB, Linux {}, {}, load {} when it began",
        processor(&read("/proc/cpuinfo")),
        memory_gib(&read("/proc/meminfo")),
        kernel.split('-').next().unwrap_or_default().trim(),
        file_system(&read("/proc/self/mounts"), dir),
        read("/proc/loadavg").split(' ').next().unwrap_or("unknown"),
    )
}

fn processor(cpuinfo: &str) -> &str {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map_or("an unnamed processor", |(_, name)| name)
}

fn memory_gib(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    (kib.unwrap_or(0) + (1 << 19)) >> 20
}

/// The type of the mount that holds a directory: the one with the longest path above it.
fn file_system(mounts: &str, dir: &Path) -> String {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounts.filter(|(at, _)| dir.starts_with(at)).max_by_key(|(at, _)| at.len());
    above.map_or("an unknown file system", |(_, kind)| kind).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_told_by_what_the_system_says_of_it() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: Fast 9000\n"), "Fast 9000");
        assert_eq!([memory_gib("MemTotal:  24686012 kB\nMemFree: 1 kB\n"), memory_gib("")], [24, 0]);
        let mounts = "a / ext4 rw 0 0\nb /tmp tmpfs rw 0 0\nc /tm xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/tmp/x")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/home")), "ext4");
        assert!(describe(Path::new("/")).contains("Linux "));
    }
}
