//! Shows text through a pager, which takes over the terminal.

use std::io::Write as _;
use std::process::Stdio;

use crate::launch::{Launch, SpawnError};

/// Runs a pager over a text until the person leaves it; gives its exit status, none where a signal ended it.
///
/// Unlike any other child it stays in our process group, because only that group may use the terminal, and has no deadline: the
/// person ends it.
pub fn page(pager: &Launch, text: &[u8]) -> Result<Option<i32>, SpawnError> {
    let mut child = pager.spawn_in_our_group(Stdio::piped(), Stdio::inherit(), Stdio::inherit())?;
    if let Some(mut input) = child.stdin.take() {
        // Whoever leaves before the end has seen enough.
        let _ = input.write_all(text);
    }
    let status = child.wait().map_err(|source| pager.watch_error(source))?;
    Ok(status.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_gets_the_text_and_may_leave_early() {
        let folder = tempfile::tempdir().unwrap();
        let shell = |script: &str| {
            let launch = Launch::new("/bin/sh", folder.path()).env("PATH", "/usr/bin:/bin");
            launch.args(["-c", script])
        };
        let text = vec![b'x'; 1024 * 1024];
        assert_eq!(page(&shell("cat > shown; exit 3"), &text).unwrap(), Some(3));
        assert_eq!(std::fs::read(folder.path().join("shown")).unwrap(), text);
        assert_eq!(page(&shell("exit 0"), &text).unwrap(), Some(0));
        assert!(page(&Launch::new("/no/such", folder.path()), b"").is_err());
    }
}
