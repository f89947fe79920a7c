//! What of a run is nobody else's: its arguments and its environment, which may hold secrets.
//!
//! The run's folder does not have it where [`write_public_spec`](crate::write_public_spec) wrote the spec. Whoever starts the shim hands it
//! over in a file that only exists in memory, as standard input; the shim hands that on to the first process inside, and keeps nothing.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use crate::spec::Spec;

/// The most bytes of it: an environment may be large.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The part of a [`Spec`] that its file need not have.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Private {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Its whole environment, without what the shim adds.
    pub env: Vec<(String, String)>,
}

impl Private {
    /// Takes it from a spec.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        Self {
            argv: spec.argv.clone(),
            env: spec.env.clone(),
        }
    }

    /// Whether a spec was written without it.
    pub(crate) const fn is_missing_in(spec: &Spec) -> bool {
        spec.argv.is_empty()
    }

    /// Puts it into a file that nobody finds.
    pub(crate) fn to_file(&self) -> io::Result<OwnedFd> {
        let mut file = File::from(memfd_create("hyperion-run", MemfdFlags::CLOEXEC)?);
        file.write_all(&serde_json::to_vec(self)?)?;
        Ok(file.into())
    }

    /// Reads it from such a file, however often.
    pub(crate) fn read(file: &OwnedFd) -> io::Result<Self> {
        let file = File::from(file.try_clone()?);
        let length = file.metadata()?.len();
        if !(1..=BYTES_MAX).contains(&length) {
            let what = "nobody handed over its arguments and its environment";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}
