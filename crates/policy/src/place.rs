//! Where something happens: the roots it may touch, the folder it stands in, the home.
//!
//! Paths are compared by their letters alone. Links are not followed here: that nothing below a root leads out of it
//! is seen to by who opens the file, without following links (`host`).

/// Says why a place cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No root was named.
    #[error("judge a path or command: no root was named; name the folder that it may touch")]
    NoRoot,
    /// A path that is not absolute, or has characters that hide what it is.
    #[error(
        "judge a path or command: {0:?} is not a plain absolute path; write it from `/` on, without odd letters"
    )]
    NotAbsolute(String),
    /// A folder that no root contains.
    #[error("judge a path or command: {0:?} is below none of the roots; stand in one of them")]
    Outside(String),
}

/// The roots, the folder that relative paths start from, and the home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    roots: Vec<String>,
    dir: String,
    home: Option<String>,
}

impl Place {
    /// Makes a place; every path is absolute, and `dir` is below a root.
    pub fn new(
        roots: impl IntoIterator<Item = String>,
        dir: &str,
        home: Option<&str>,
    ) -> Result<Self, PlaceError> {
        let plain = |path: &str| {
            let odd = path.chars().any(char::is_control) || !path.starts_with('/');
            if odd {
                Err(PlaceError::NotAbsolute(path.to_owned()))
            } else {
                Ok(joined("/", path))
            }
        };
        let roots = roots
            .into_iter()
            .map(|root| plain(&root))
            .collect::<Result<Vec<_>, _>>()?;
        if roots.is_empty() {
            return Err(PlaceError::NoRoot);
        }
        let dir = plain(dir)?;
        let home = home.map(plain).transpose()?;
        let place = Self { roots, dir, home };
        match place.root_of(&place.dir) {
            Some(_) => Ok(place),
            None => Err(PlaceError::Outside(place.dir)),
        }
    }

    /// Makes the place of a single root, standing in it.
    pub fn at(root: &str, home: Option<&str>) -> Result<Self, PlaceError> {
        Self::new([root.to_owned()], root, home)
    }

    /// Lists the roots.
    pub fn roots(&self) -> &[String] {
        &self.roots
    }

    /// Gives the folder that relative paths start from.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// Gives the home, where there is one.
    pub fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }

    /// Gives which root contains an absolute plain path, and the path below it (empty for the root itself).
    pub(crate) fn root_of<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let below = |root: &String| {
            let rest = path.strip_prefix(root.as_str())?;
            match rest.strip_prefix('/') {
                Some(rest) => Some(rest),
                // `/` itself as a root, or the root itself.
                None => (rest.is_empty() || root == "/").then_some(rest),
            }
        };
        let found = self
            .roots
            .iter()
            .enumerate()
            .filter_map(|(at, root)| Some((at, below(root)?)));
        // The innermost root says most.
        found.min_by_key(|(_, rest)| rest.len())
    }
}

/// Joins a path to a folder by its letters: `.` and `..` are resolved, `..` at the top stays there.
pub(crate) fn joined(dir: &str, path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { dir };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut joined = String::with_capacity(dir.len() + path.len() + 1);
    for part in parts {
        joined.push('/');
        joined.push_str(part);
    }
    if joined.is_empty() {
        joined.push('/');
    }
    joined
}
