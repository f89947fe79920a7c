//! What `hyperion login` keeps: where an engine elsewhere is, and the token for it.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hyperion_host::{create_private, create_private_dir};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;

/// The file, in the folder of this machine's home.
const FILE: &str = "login.json";

/// An engine elsewhere, and who asks it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Login {
    /// Where it is.
    pub(crate) url: String,
    /// The token for it.
    pub(crate) token: String,
    /// The token's id, where it was made by signing in.
    #[serde(default)]
    pub(crate) token_id: Option<String>,
}

fn path(home: &Path) -> PathBuf {
    home.join(FILE)
}

/// Keeps it where nobody else may read it: whole, or as it was.
pub(crate) fn keep(home: &Path, login: &Login) -> anyhow::Result<()> {
    create_private_dir(home).with_context(|| format!("make {}", home.display()))?;
    let (path, new) = (path(home), home.join("login.json.new"));
    let text = serde_json::to_string_pretty(login)?;
    let written = create_private(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    });
    written.with_context(|| format!("write {}", path.display()))
}

/// Gives what is kept; a file that others may read is refused.
pub(crate) fn kept(home: &Path) -> anyhow::Result<Option<Login>> {
    let path = path(home);
    let text = match fs::read_to_string(&path) {
        // Whoever may not read the home, or names something else, is told when it is used.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(None);
        }
        text => text.with_context(|| format!("read {}", path.display()))?,
    };
    let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let what = format!("{} holds a token, and others may read it", path.display());
        let hint = format!(
            "`chmod 600 {}`, and have the token revoked if somebody did",
            path.display()
        );
        return Err(Failure::new(Exit::Usage, what).hint(hint).into());
    }
    let login = serde_json::from_str(&text).map_err(|_| {
        Failure::new(Exit::Usage, format!("{} cannot be read", path.display()))
            .hint("sign in again with `hyperion login URL`, or remove it")
    })?;
    Ok(Some(login))
}

/// Forgets it.
pub(crate) fn forget(home: &Path) -> anyhow::Result<()> {
    let path = path(home);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("remove {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // X8: the token of a login is for its owner's eyes alone.
    #[test]
    fn a_login_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        assert!(kept(&home).unwrap().is_none());
        let login = Login {
            url: "https://h.example".to_owned(),
            token: "hyp_x".to_owned(),
            token_id: None,
        };
        keep(&home, &login).unwrap();
        let mode = fs::metadata(path(&home)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(kept(&home).unwrap().unwrap().token, "hyp_x");
        fs::set_permissions(path(&home), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(kept(&home).is_err());
        forget(&home).unwrap();
        forget(&home).unwrap();
        assert!(kept(&home).unwrap().is_none());
    }
}
