//! Bases: the commits that changes were made on, which a merge needs until they land.
//!
//! A base is normally part of the user's history, and the user's repository keeps it. A person who rewrites that history
//! takes it away, once git's reflogs forget it. So bases are noted here, and one that no branch or tag of the user leads to
//! any more is copied: its files without its history, which is all that a merge needs.

use hyperion_fault::{Point, reached};
use hyperion_host::{Input, fsync_dir};

use crate::call::{LONG, one_line};
use crate::error::GitError;
use crate::oid::Oid;
use crate::store::RepoStore;

const BASE_PREFIX: &str = "refs/hyperion/base/";

impl RepoStore {
    /// Notes a base under `refs/hyperion/base/` of this folder, durably: the fact that names it comes next.
    pub fn pin_base(&self, commit: &Oid) -> Result<(), GitError> {
        self.write_own_ref(|| {
            self.own_call("update-ref")
                .setting("core.fsync=reference")
                .args([&format!("{BASE_PREFIX}{commit}"), commit.as_str()])
        })?;
        // Git syncs the file, not its name. From the folder of pins up to the one that holds this repository's, as each
        // may be new, or made by somebody who died before syncing it.
        let pins = self.git_dir().join(BASE_PREFIX);
        let top = self.own.parent().unwrap_or(&self.own);
        for folder in pins
            .ancestors()
            .take_while(|folder| folder.starts_with(top))
        {
            fsync_dir(folder).map_err(GitError::io(folder))?;
        }
        reached(Point::BasePinned);
        Ok(())
    }

    /// Lets a base go; one that was not pinned is fine.
    pub fn unpin_base(&self, commit: &Oid) -> Result<(), GitError> {
        self.write_own_ref(|| {
            self.own_call("update-ref")
                .args(["-d", &format!("{BASE_PREFIX}{commit}")])
        })?;
        reached(Point::BaseUnpinned);
        Ok(())
    }

    /// The bases that are pinned.
    pub fn bases(&self) -> Result<Vec<Oid>, GitError> {
        let listed = self
            .own_call("for-each-ref")
            .args(["--format=%(objectname)", BASE_PREFIX])
            .output()?;
        let oid = |line: &str| {
            Oid::parse(line).map_err(|_| GitError::unexpected("for-each-ref", line.as_bytes()))
        };
        one_line(&listed).lines().map(oid).collect()
    }

    /// Copies the files of every pinned base that the user's history no longer holds; answers which.
    ///
    /// It belongs into regular housekeeping: between the rewriting of history and the clean-up that makes it final git
    /// leaves weeks by default.
    pub fn secure_bases(&self) -> Result<Vec<Oid>, GitError> {
        let mut secured = Vec::new();
        for base in self.bases()? {
            if !self.exists(&base)? {
                // Cleaned up before it was copied: a ref to nothing keeps nothing, and is damage to whoever looks.
                self.unpin_base(&base)?;
                continue;
            }
            if !self.user_leads_to(&base)? && !self.has_copy_of(&base)? {
                self.copy_files_of(&base)?;
                secured.push(base);
            }
        }
        Ok(secured)
    }

    pub(crate) fn user_leads_to(&self, commit: &Oid) -> Result<bool, GitError> {
        let holders = self
            .user
            .call("for-each-ref")
            .args(["--count=1", "--format=x", "--contains", commit.as_str()])
            .wall(LONG)
            .outcome()?;
        Ok(holders.exit.success() && !holders.stdout.bytes.is_empty())
    }

    /// A copy is one pack, so the commit stands for all of it.
    pub(crate) fn has_copy_of(&self, commit: &Oid) -> Result<bool, GitError> {
        Ok(self
            .own_call("cat-file")
            .env("GIT_OBJECT_DIRECTORY", self.written())
            .args(["-e", commit.as_str()])
            .outcome()?
            .exit
            .success())
    }

    fn copy_files_of(&self, commit: &Oid) -> Result<(), GitError> {
        let list = self.scratch().join("base-objects");
        self.own_call("rev-list")
            .args([
                "--objects",
                "--no-walk",
                "--no-object-names",
                commit.as_str(),
            ])
            .wall(LONG)
            .into_file(&list)?;
        let pack = self.own.join("written/pack");
        hyperion_host::create_private_dir(&pack).map_err(GitError::io(&pack))?;
        self.own_call("pack-objects")
            .setting("core.fsync=all")
            .args(["-q"])
            .arg(pack.join("pack"))
            .input(Input::File(list))
            .wall(LONG)
            .output()?;
        self.sync()
    }
}
