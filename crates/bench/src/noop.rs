//! The cheapest program there is: a static file of a few bytes that exits with 0, written here, so that no compiler is
//! needed. It knows the ELF format and two instruction sets.

use std::path::{Path, PathBuf};

/// Where the file is mapped, and the length of its two headers.
const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 56;

/// `exit(0)`, and the machine's number in an ELF file.
fn machine() -> Result<(u16, &'static [u8]), String> {
    match std::env::consts::ARCH {
        // xor edi, edi; mov eax, 60; syscall
        "x86_64" => Ok((62, &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05])),
        // mov x0, #0; mov x8, #93; svc #0
        "aarch64" => Ok((183, &[0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4])),
        other => Err(format!("no no-op is known for {other}")),
    }
}

/// Writes the program into a directory and answers its path.
pub(crate) fn write(dir: &Path) -> Result<PathBuf, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.join("noop");
    let (number, code) = machine()?;
    let fail = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    std::fs::write(&path, file(number, code)).map_err(fail)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(fail)?;
    Ok(path)
}

/// A header, one loaded segment that is the whole file, and the code.
fn file(machine: u16, code: &[u8]) -> Vec<u8> {
    let length = (HEADERS + code.len()) as u64;
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|v| out.extend(v.to_le_bytes()));
    let word = |out: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|v| out.extend(v.to_le_bytes()));
    let long = |out: &mut Vec<u8>, values: &[u64]| values.iter().for_each(|v| out.extend(v.to_le_bytes()));
    half(&mut out, &[2, machine]); // a program
    word(&mut out, &[1]);
    long(&mut out, &[BASE + HEADERS as u64, 64, 0]); // entry, segments, no sections
    word(&mut out, &[0]);
    half(&mut out, &[64, 56, 1, 64, 0, 0]);
    word(&mut out, &[1, 5]); // loaded, readable and executable
    long(&mut out, &[0, BASE, BASE, length, length, 0x1000]);
    out.extend_from_slice(code);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_no_op_runs_and_exits_with_0() {
        if machine().is_err() {
            return; // a machine that nobody measures on
        }
        let dir = std::env::temp_dir().join(format!("regatta-noop-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let status = std::process::Command::new(write(&dir).unwrap()).status();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(status.unwrap().success());
    }
}
