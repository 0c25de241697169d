//! Whether a directory lies on a network file system: their locks and syncs are not those of a local disk, so no
//! journal is kept there. Told by statfs(2), and for FUSE, which may be anything, by the type of the mount.

use rustix::fs::{fstat, fstatfs, major, minor};
use std::io;
use std::os::fd::AsFd;

/// Network file systems by their magic numbers.
const BY_MAGIC: [(u32, &str); 9] = [
    (0x6969, "nfs"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x517b, "smb"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
];
/// FUSE: a program stands behind it.
const FUSE: u32 = 0x6573_5546;
/// What stands behind it, where that is a network: types of mounts are `fuse.` and one of these.
const BY_TYPE: [&str; 13] = [
    "sshfs",
    "rclone",
    "s3fs",
    "gcsfuse",
    "davfs",
    "glusterfs",
    "ceph",
    "ceph-fuse",
    "curlftpfs",
    "goofys",
    "juicefs",
    "smbnetfs",
    "hdfs",
];

/// The magic number of the file system of an open directory, and its name where it is a network one, on which no
/// journal is kept.
///
/// # Errors
/// The system refuses to tell.
pub fn network_file_system(dir: impl AsFd) -> io::Result<(u32, Option<&'static str>)> {
    let stat = fstatfs(&dir)?;
    // The magic numbers are 32 bits wide; the field is wider, and sign-extended on some machines.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only 32 bits are defined")]
    let magic = stat.f_type as u32;
    if magic != FUSE {
        return Ok((magic, BY_MAGIC.iter().find(|(m, _)| *m == magic).map(|(_, name)| *name)));
    }
    let device = fstat(&dir)?.st_dev;
    // Where /proc is missing nothing can be told, and nothing is refused.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    Ok((magic, behind_fuse(&mounts, &format!("{}:{}", major(device), minor(device)))))
}

/// The network behind the FUSE mount of a device, from the text of `/proc/self/mountinfo`.
fn behind_fuse(mounts: &str, device: &str) -> Option<&'static str> {
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(device))?;
    let kind = line.split_once(" - ")?.1.split(' ').next()?.strip_prefix("fuse.")?;
    BY_TYPE.into_iter().find(|name| *name == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_behind_fuse_is_known_by_the_type_of_its_mount() {
        let mounts = "22 1 0:20 / /proc rw - proc proc rw\n\
                      40 1 0:51 / /home/me/far rw,nosuid shared:9 - fuse.sshfs me@far:/ rw\n\
                      41 1 0:52 / /mnt/usb rw - fuseblk /dev/sdb1 rw\n\
                      42 1 0:53 / /mnt/x rw - fuse.encfs encfs rw\n";
        let found = ["0:51", "0:52", "0:53", "0:20", "0:5"].map(|device| behind_fuse(mounts, device));
        assert_eq!(found, [Some("sshfs"), None, None, None, None]);
    }

    #[test]
    fn the_directory_of_a_test_is_on_no_network() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(network_file_system(std::fs::File::open(dir.path()).unwrap()).unwrap().1, None);
    }
}
