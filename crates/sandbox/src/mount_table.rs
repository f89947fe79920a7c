//! The table of mounts that a process has, as the kernel writes it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use rustix::mount::MountFlags;

/// A line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) at: PathBuf,
    pub(crate) read_only: bool,
    /// What may not be taken off it, and would be if it were not named again.
    pub(crate) flags: MountFlags,
}

/// Reads the table; lines that cannot be read are left out.
pub(crate) fn parse_mounts(table: &[u8]) -> Vec<Mounted> {
    table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let at = unescape(fields.nth(4)?);
            let options = std::str::from_utf8(fields.next()?).ok()?;
            let mut flags = MountFlags::empty();
            let mut read_only = false;
            for option in options.split(',') {
                match option {
                    "ro" => read_only = true,
                    "nosuid" => flags |= MountFlags::NOSUID,
                    "nodev" => flags |= MountFlags::NODEV,
                    "noexec" => flags |= MountFlags::NOEXEC,
                    // How times are kept stays as it is.
                    _ => {}
                }
            }
            Some(Mounted {
                at,
                read_only,
                flags,
            })
        })
        .collect()
}

/// Spaces, tabs, line ends and backslashes are written as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| std::str::from_utf8(after.get(..3)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_mounts_is_read_with_its_flags_and_its_odd_names() {
        let table =
            b"36 35 98:0 / /srv/a\\040b rw,nosuid,noexec,relatime shared:1 - ext4 /dev/x rw\n\
            37 36 0:4 / /q ro,nodev - tmpfs t rw\n\n";
        let mounted = |at: &str, read_only, flags| Mounted {
            at: at.into(),
            read_only,
            flags,
        };
        assert_eq!(
            parse_mounts(table),
            [
                mounted("/srv/a b", false, MountFlags::NOSUID | MountFlags::NOEXEC),
                mounted("/q", true, MountFlags::NODEV),
            ]
        );
    }
}
