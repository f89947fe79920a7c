//! The demo's folder: everything it makes is in there, and nothing of the person's is touched.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use hyperion_host::{Home, HomeError};

use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Variables;

/// The settings of the demo's home.
const CONFIG: &str = include_str!("project/config.toml");
/// How many demos may begin in the same second.
const SAME_SECOND_MAX: u32 = 100;
/// What the demo's own processes see of the person's environment.
const PASSED_ON: &[&str] = &[
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "USER",
    "LOGNAME",
    "XDG_RUNTIME_DIR",
    "HYPERION_GIT",
];

/// Where the demo keeps what it makes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    /// Makes a fresh folder, private to the person: the one given, else one in the folder for temporary files.
    pub(super) fn make(wanted: Option<&Path>, cx: &Cx) -> anyhow::Result<Self> {
        let folder = match wanted {
            Some(wanted) => {
                let folder = cx.current_dir().join(wanted);
                require_fresh(&folder)?;
                hyperion_host::create_private_dir(&folder)
                    .with_context(|| format!("make {}", folder.display()))?;
                folder
            }
            None => make_temporary(cx)?,
        };
        // Git and the home's socket want a path that means the same everywhere.
        let folder = folder
            .canonicalize()
            .with_context(|| format!("resolve {}", folder.display()))?;
        let place = Self { folder };
        for folder in [place.home(), place.requests()] {
            hyperion_host::create_private_dir(&folder)
                .with_context(|| format!("make {}", folder.display()))?;
        }
        place.write(&place.home().join("config.toml"), CONFIG)?;
        Ok(place)
    }

    /// Makes sure that the demo's home can be one.
    pub(super) fn require_home(&self, cx: &Cx) -> anyhow::Result<()> {
        match Home::open_or_create(&self.surroundings(cx).locations()?) {
            Ok(_) => Ok(()),
            Err(error @ HomeError::InsideRepository { .. }) => Err(Failure::new(
                Exit::Unavailable,
                format!("failed to {error}"),
            )
            .hint("name a folder outside of any repository with --dir")
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The copy of the repository.
    pub(super) fn copy(&self) -> PathBuf {
        self.folder.join("repo")
    }

    /// The demo's own `HYPERION_HOME`.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The request files, to look at and to file again.
    pub(super) fn requests(&self) -> PathBuf {
        self.folder.join("requests")
    }

    /// Writes one of the demo's files.
    pub(super) fn write(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Gives the surroundings in which every command finds the demo's home and the copy.
    pub(super) fn surroundings(&self, cx: &Cx) -> Cx {
        Cx::new(
            Arc::clone(&cx.output),
            self.variables(cx.variables()),
            self.copy(),
            Some(cx.zone().clone()),
        )
    }

    fn variables(&self, persons: &Variables) -> Variables {
        let passed_on = PASSED_ON.iter().filter_map(|name| {
            let value = persons.get(name)?;
            Some((OsString::from(name), value.to_os_string()))
        });
        let own = [
            ("HYPERION_HOME", self.home()),
            ("XDG_CACHE_HOME", self.folder.join("cache")),
            // The person's own git settings and start-up files take no part.
            ("HOME", self.folder.clone()),
        ];
        let own = own.map(|(name, path)| (OsString::from(name), path.into_os_string()));
        Variables::new(passed_on.chain(own))
    }
}

fn require_fresh(folder: &Path) -> Result<(), Failure> {
    let taken = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    };
    if taken {
        let what = format!("{} is there already and not empty", folder.display());
        return Err(
            Failure::usage(what).hint("name a folder that is not there yet, or leave --dir out")
        );
    }
    Ok(())
}

fn make_temporary(cx: &Cx) -> anyhow::Result<PathBuf> {
    let temporary = cx.variables().get("TMPDIR").map(PathBuf::from);
    let temporary = temporary
        .filter(|path| path.is_absolute())
        .unwrap_or_else(|| PathBuf::from("/tmp"));
    let now = cx.now_here().strftime("%Y%m%d-%H%M%S").to_string();
    for number in 1..=SAME_SECOND_MAX {
        let name = match number {
            1 => format!("hyperion-demo-{now}"),
            _ => format!("hyperion-demo-{now}-{number}"),
        };
        let folder = temporary.join(name);
        // Others write to that place too: only a folder that we made is ours.
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context(format!("make {}", folder.display())),
        }
    }
    Err(Failure::usage("too many demos began in this second")
        .hint("name a folder with --dir")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_with_nothing_in_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        require_fresh(folder.path()).unwrap();
        require_fresh(&folder.path().join("missing")).unwrap();
        fs::write(folder.path().join("mine"), "x").unwrap();
        let refused = require_fresh(folder.path()).unwrap_err().to_string();
        assert!(refused.ends_with("not empty"), "{refused}");
        assert!(require_fresh(&folder.path().join("mine")).is_err());
    }

    #[test]
    fn nothing_of_the_persons_settings_comes_along() {
        let persons = [
            ("PATH", "/bin"),
            ("HOME", "/home/ada"),
            ("HYPERION_HOME", "/home/ada/hyperion"),
            ("HYPERION_MERGE__WORKERS", "1"),
            ("API_TOKEN", "not-for-the-demo"),
        ];
        let persons = Variables::new(persons.map(|(name, value)| (name.into(), value.into())));
        let place = Place {
            folder: "/tmp/demo".into(),
        };
        let variables = place.variables(&persons);
        let seen: Vec<_> = variables
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        assert_eq!(
            seen,
            [
                "HOME=/tmp/demo",
                "HYPERION_HOME=/tmp/demo/home",
                "PATH=/bin",
                "XDG_CACHE_HOME=/tmp/demo/cache"
            ]
        );
    }
}
