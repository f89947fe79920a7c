//! Who is told of what, and how.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use hyperion_host::read_bounded;
use hyperion_notify::{Kind, Rules, Secret};

/// The longest secret.
const SECRET_BYTES_MAX: u64 = 4096;

/// Where the secret is that messages are signed with.
#[derive(Debug, Clone)]
pub enum SecretFrom {
    /// It is this.
    Value(Secret),
    /// In a file that its owner alone can read.
    File(PathBuf),
}

impl SecretFrom {
    /// Reads it, or says why not.
    pub(super) fn read(&self) -> Result<Secret, String> {
        let path = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let bytes =
            read_bounded(path, SECRET_BYTES_MAX).map_err(|error| crate::error::chain(&error))?;
        let mode = std::fs::metadata(path)
            .map_err(|error| error.to_string())?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            let path = path.display();
            return Err(format!(
                "others can read the secret in {path}: run `chmod 600 {path}`"
            ));
        }
        let secret = bytes.trim_ascii();
        match secret.is_empty() {
            true => Err(format!("{} is empty", path.display())),
            false => Ok(Secret::new(secret)),
        }
    }
}

/// Who is told of what, and how (`notify.*`).
#[derive(Debug, Clone)]
pub struct Notify {
    /// Whether the desktop is told.
    pub desktop: bool,
    /// The environment in which the desktop is found.
    pub environment: Vec<(OsString, OsString)>,
    /// The address that is told; none tells nobody.
    pub webhook_url: Option<String>,
    /// What messages to it are signed with.
    pub webhook_secret: Option<SecretFrom>,
    /// What is told, and when.
    pub rules: Rules,
}

impl Notify {
    /// Whether anybody is told anything.
    pub fn is_on(&self) -> bool {
        (self.desktop || self.webhook_url.is_some()) && !self.rules.on.is_empty()
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            desktop: false,
            environment: Vec::new(),
            webhook_url: None,
            webhook_secret: None,
            rules: Rules {
                on: Kind::ALL.into(),
                dwell: Duration::from_secs(10),
                cooldown: Duration::from_secs(60),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let mode =
            |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let from = SecretFrom::File(path.clone());
        mode(0o644);
        assert!(from.read().unwrap_err().contains("chmod 600"));
        mode(0o600);
        assert_eq!(from.read(), Ok(Secret::new("s3cret")));
    }
}
