//! Where a home, its cache and its sockets are, as a pure function of the surroundings.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The longest socket path; the kernel's limit is 108 bytes with the closing zero, and shims add names of their own.
pub const SOCKET_PATH_MAX: usize = 99;

/// What the process was told from outside; the binary reads it once.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `HYPERION_HOME`.
    pub hyperion_home: Option<OsString>,
    /// `XDG_DATA_HOME`.
    pub xdg_data_home: Option<OsString>,
    /// `XDG_CACHE_HOME`.
    pub xdg_cache_home: Option<OsString>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<OsString>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// The folder a relative `HYPERION_HOME` is relative to.
    pub current_dir: PathBuf,
    /// The user.
    pub uid: u32,
}

/// Where everything of one home is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locations {
    /// The home itself.
    pub home: PathBuf,
    /// What can be made again: lanes, clones.
    pub cache: PathBuf,
    /// Where a socket goes when the home's own path is too long for one.
    pub runtime: PathBuf,
}

/// The surroundings do not say where a home could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationsError {
    /// Neither `HYPERION_HOME`, `XDG_DATA_HOME` nor `HOME` is set.
    #[error(
        "find a home: none of HYPERION_HOME, XDG_DATA_HOME and HOME is set (set HYPERION_HOME to a folder)"
    )]
    NoHome,
}

impl Locations {
    /// Finds the places of a home: `HYPERION_HOME`, else `hyperion/` in the XDG data folder; the cache is shared by
    /// all homes of a user, so each has a folder of its own in it.
    pub fn resolve(surroundings: &Surroundings) -> Result<Self, LocationsError> {
        let Surroundings {
            hyperion_home,
            xdg_data_home,
            xdg_cache_home,
            xdg_runtime_dir,
            home,
            current_dir,
            uid,
        } = surroundings;
        let user = absolute(home.as_ref());
        let home = match hyperion_home.as_ref().filter(|value| !value.is_empty()) {
            Some(value) => current_dir.join(value),
            None => absolute(xdg_data_home.as_ref())
                .or_else(|| user.as_ref().map(|user| user.join(".local/share")))
                .map(|data| data.join("hyperion"))
                .ok_or(LocationsError::NoHome)?,
        };
        let home = without_dots(&home);
        let cache = absolute(xdg_cache_home.as_ref())
            .or_else(|| user.map(|user| user.join(".cache")))
            // Without a user's cache folder, the cache is placed in the home.
            .map_or_else(
                || home.join("cache"),
                |cache| cache.join("hyperion").join(short_name(&home)),
            );
        let runtime = absolute(xdg_runtime_dir.as_ref())
            .map(|runtime| runtime.join("hyperion"))
            .filter(|runtime| runtime.join(socket_name(&home)).as_os_str().len() <= SOCKET_PATH_MAX)
            .unwrap_or_else(|| PathBuf::from(format!("/tmp/hyperion-{uid}")));
        Ok(Self {
            home,
            cache,
            runtime,
        })
    }

    /// The home's socket: in the home where the path is short enough, else in the runtime folder under a name made
    /// from the home's path.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let inside = self.home.join("socket");
        if inside.as_os_str().len() <= SOCKET_PATH_MAX {
            inside
        } else {
            self.runtime.join(socket_name(&self.home))
        }
    }
}

/// The XDG rules: a relative path is to be ignored.
fn absolute(value: Option<&OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Takes `.` and `a/..` out by name, so that one home has one path without asking the filesystem.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

fn socket_name(home: &Path) -> String {
    format!("{}.sock", short_name(home))
}

/// A short name for a path that stays the same over versions of Hyperion and of Rust: FNV-1a, 64 bit. A clash of two
/// homes of one user would need that user to search for it, and the home's lock still tells them apart.
fn short_name(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(pairs: &[(&str, &str)]) -> Surroundings {
        let get = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        Surroundings {
            hyperion_home: get("HYPERION_HOME"),
            xdg_data_home: get("XDG_DATA_HOME"),
            xdg_cache_home: get("XDG_CACHE_HOME"),
            xdg_runtime_dir: get("XDG_RUNTIME_DIR"),
            home: get("HOME"),
            current_dir: PathBuf::from("/somewhere"),
            uid: 7,
        }
    }

    fn home(pairs: &[(&str, &str)]) -> String {
        Locations::resolve(&surroundings(pairs))
            .unwrap()
            .home
            .display()
            .to_string()
    }

    #[test]
    fn the_most_specific_variable_wins() {
        let all = [
            ("HYPERION_HOME", "/h"),
            ("XDG_DATA_HOME", "/data"),
            ("HOME", "/u"),
        ];
        assert_eq!(home(&all), "/h");
        assert_eq!(home(&all[1..]), "/data/hyperion");
        assert_eq!(home(&all[2..]), "/u/.local/share/hyperion");
        assert_eq!(
            home(&[("HYPERION_HOME", ""), ("HOME", "/u")]),
            "/u/.local/share/hyperion"
        );
        assert_eq!(
            home(&[("XDG_DATA_HOME", "relative"), ("HOME", "/u")]),
            "/u/.local/share/hyperion"
        );
        assert_eq!(home(&[("HYPERION_HOME", "x/../y/./z")]), "/somewhere/y/z");
        assert_eq!(
            Locations::resolve(&surroundings(&[])),
            Err(LocationsError::NoHome)
        );
    }

    #[test]
    fn two_homes_have_two_caches() {
        let cache = |home| {
            Locations::resolve(&surroundings(&[("HYPERION_HOME", home), ("HOME", "/u")]))
                .unwrap()
                .cache
        };
        assert!(cache("/a").starts_with("/u/.cache/hyperion"));
        assert_ne!(cache("/a"), cache("/b"));
        assert_eq!(cache("/a"), cache("/b/../a"));
        let alone = Locations::resolve(&surroundings(&[("HYPERION_HOME", "/a")])).unwrap();
        assert_eq!(alone.cache, PathBuf::from("/a/cache"));
    }

    #[test]
    fn a_socket_path_is_always_short() {
        let long = format!("/{}", "long/".repeat(40));
        let deep_runtime = format!("/{}", "run/".repeat(40));
        for (home, runtime) in [
            ("/h", "/run/user/7"),
            (long.as_str(), "/run/user/7"),
            (long.as_str(), &deep_runtime),
        ] {
            let locations = Locations::resolve(&surroundings(&[
                ("HYPERION_HOME", home),
                ("XDG_RUNTIME_DIR", runtime),
            ]))
            .unwrap();
            assert!(
                locations.socket().as_os_str().len() <= SOCKET_PATH_MAX,
                "{}",
                locations.socket().display()
            );
        }
        let near = Locations::resolve(&surroundings(&[("HYPERION_HOME", "/h")])).unwrap();
        assert_eq!(near.socket(), PathBuf::from("/h/socket"));
        let far = Locations::resolve(&surroundings(&[("HYPERION_HOME", &long)])).unwrap();
        assert!(far.socket().starts_with("/tmp/hyperion-7"));
    }
}
