//! What tool chains need of a machine: what they read, and which caches they share.
//!
//! The list names folders one by one, never a person's HOME as a whole: a tool that keeps its settings and its credentials beside its
//! cache (`.npmrc`, `.pypirc`, `settings.xml`, `gradle.properties`, `credentials.toml`) gets the cache and not those.

use std::path::{Path, PathBuf};

use crate::Cache;

/// A machine, as far as the list asks about it.
pub struct Machine<'a> {
    /// The HOME of the person.
    pub home: Option<&'a Path>,
    /// The environment of what is to be run.
    pub environment: &'a [(String, String)],
    /// Folders that nothing may be seen of, whatever a variable names: Hyperion's own.
    pub hidden: &'a [PathBuf],
    /// Tells whether something is at a path.
    pub exists: &'a dyn Fn(&Path) -> bool,
}

/// What there is of tool chains on a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolChains {
    /// What is read and run.
    pub read: Vec<PathBuf>,
    /// The caches; what is written there goes with the run unless an `upper` is set.
    pub caches: Vec<Cache>,
    /// Variables that lead to what is read, also where HOME is another folder.
    pub environment: Vec<(String, String)>,
}

/// Where a tool chain is.
enum Root {
    /// There.
    At(&'static str),
    /// Below HOME.
    Home(&'static str),
    /// Below the folder for caches, which is `.cache` in HOME unless `XDG_CACHE_HOME` says otherwise.
    Cache(&'static str),
    /// Where a variable says, else below HOME.
    Named(&'static str, &'static str),
    /// Where a variable says, else nowhere.
    Variable(&'static str),
}

/// One line of the list: where it is, what of it is read, and what of it is a cache; an empty path is all of it.
struct ToolChain(Root, &'static [&'static str], &'static [&'static str]);

use Root::{At, Home, Named, Variable};

const ALL: &[&str] = &[""];

const TOOL_CHAINS: &[ToolChain] = &[
    // Rust
    ToolChain(Named("RUSTUP_HOME", ".rustup"), ALL, &[]),
    ToolChain(
        Named("CARGO_HOME", ".cargo"),
        &["bin", "config.toml", "config", "env"],
        &["registry", "git"],
    ),
    ToolChain(Root::Cache("sccache"), &[], ALL),
    // JavaScript
    ToolChain(Named("NVM_DIR", ".nvm"), ALL, &[]),
    ToolChain(Named("VOLTA_HOME", ".volta"), ALL, &[]),
    ToolChain(Home(".local/share/fnm"), ALL, &[]),
    ToolChain(Home(".npm"), &[], ALL),
    ToolChain(Home(".local/share/pnpm"), ALL, &["store"]),
    ToolChain(Root::Cache("pnpm"), &[], ALL),
    ToolChain(Root::Cache("yarn"), &[], ALL),
    ToolChain(Home(".yarn/berry"), &[], &["cache"]),
    ToolChain(Root::Cache("node"), &[], ALL),
    ToolChain(Root::Cache("node-gyp"), &[], ALL),
    ToolChain(Root::Cache("electron"), &[], ALL),
    ToolChain(Root::Cache("ms-playwright"), ALL, &[]),
    ToolChain(Root::Cache("puppeteer"), ALL, &[]),
    ToolChain(Root::Cache("Cypress"), ALL, &[]),
    ToolChain(Named("BUN_INSTALL", ".bun"), &["bin"], &["install/cache"]),
    ToolChain(Home(".deno"), &["bin"], &[]),
    ToolChain(Root::Cache("deno"), &[], ALL),
    // Python
    ToolChain(Named("PYENV_ROOT", ".pyenv"), ALL, &[]),
    ToolChain(Variable("VIRTUAL_ENV"), ALL, &[]),
    ToolChain(Home(".local/lib"), ALL, &[]),
    ToolChain(Home(".local/share/uv"), ALL, &[]),
    ToolChain(Home(".local/share/virtualenvs"), ALL, &[]),
    ToolChain(Home(".local/share/pipx"), ALL, &[]),
    ToolChain(Home(".local/pipx"), ALL, &[]),
    ToolChain(Home("miniconda3"), ALL, &[]),
    ToolChain(Home("miniforge3"), ALL, &[]),
    ToolChain(Home("anaconda3"), ALL, &[]),
    ToolChain(Root::Cache("pip"), &[], ALL),
    ToolChain(Root::Cache("uv"), &[], ALL),
    ToolChain(Root::Cache("pypoetry"), &[], ALL),
    ToolChain(Root::Cache("pre-commit"), &[], ALL),
    // Go
    ToolChain(Variable("GOROOT"), ALL, &[]),
    ToolChain(Home("sdk"), ALL, &[]),
    ToolChain(Named("GOPATH", "go"), &["bin"], &["pkg/mod"]),
    ToolChain(Root::Cache("go-build"), &[], ALL),
    // Java
    ToolChain(Variable("JAVA_HOME"), ALL, &[]),
    ToolChain(Named("SDKMAN_DIR", ".sdkman"), &["candidates"], &[]),
    ToolChain(Home(".m2"), &[], &["repository", "wrapper"]),
    ToolChain(
        Named("GRADLE_USER_HOME", ".gradle"),
        &[],
        &["caches", "wrapper", "native"],
    ),
    ToolChain(Home(".ivy2"), &[], &["cache"]),
    ToolChain(Root::Cache("coursier"), &[], ALL),
    // Others
    ToolChain(Named("RBENV_ROOT", ".rbenv"), ALL, &[]),
    ToolChain(Home(".rvm"), ALL, &[]),
    ToolChain(Home(".gem"), &[], &["ruby"]),
    ToolChain(Home(".bundle"), &[], &["cache"]),
    ToolChain(Named("DOTNET_ROOT", ".dotnet"), ALL, &[]),
    ToolChain(Home(".nuget"), &[], &["packages"]),
    ToolChain(Root::Cache("composer"), &[], ALL),
    ToolChain(Home(".ghcup"), ALL, &[]),
    ToolChain(Home(".cabal"), &["bin"], &["packages"]),
    ToolChain(Home(".opam"), ALL, &[]),
    ToolChain(Root::Cache("zig"), &[], ALL),
    ToolChain(Root::Cache("ccache"), &[], ALL),
    ToolChain(Home(".ccache"), &[], ALL),
    ToolChain(Root::Cache("bazel"), &[], ALL),
    ToolChain(Named("ASDF_DATA_DIR", ".asdf"), ALL, &[]),
    ToolChain(Home(".local/share/mise"), ALL, &[]),
    ToolChain(Home(".nix-profile"), ALL, &[]),
    ToolChain(At("/nix"), ALL, &[]),
    ToolChain(At(concat!("/home/", "linuxbrew/.linuxbrew")), ALL, &[]),
    ToolChain(At("/snap"), ALL, &[]),
];

/// Variables that name where a tool chain is and keep naming it while HOME is another folder. `CARGO_HOME` is none: cargo writes there,
/// so without mounts it has one of its own.
const KEPT: &[&str] = &[
    "RUSTUP_HOME",
    "NVM_DIR",
    "VOLTA_HOME",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "SDKMAN_DIR",
    "DOTNET_ROOT",
    "ASDF_DATA_DIR",
];

/// Beside the `bin` that PATH names: what its programs load.
const BESIDE_BIN: &[&str] = &["lib", "lib64", "libexec"];

/// Where people's programs keep credentials, below HOME: seen empty wherever a folder that is given holds them.
pub const CREDENTIALS: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".docker/config.json",
    ".kube",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".gem/credentials",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".nuget/NuGet/NuGet.Config",
    ".local/share/keyrings",
    ".password-store",
    ".mozilla",
    ".config/google-chrome",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
];

impl Machine<'_> {
    /// Finds the tool chains of the machine.
    #[must_use]
    pub fn tool_chains(&self) -> ToolChains {
        let mut found = ToolChains::default();
        for ToolChain(root, read, caches) in TOOL_CHAINS {
            let Some(at) = self.root(root) else { continue };
            for path in read.iter().map(|part| below(&at, part)) {
                self.add(&mut found.read, path);
            }
            for path in caches.iter().map(|part| below(&at, part)) {
                if self.may_give(&path) && found.caches.iter().all(|cache| cache.path != path) {
                    found.caches.push(Cache {
                        path,
                        upper: None,
                        masks: Vec::new(),
                    });
                }
            }
            if let Named(name, _) = root
                && KEPT.contains(name)
                && self.variable(name).is_none()
                && self.may_give(&at)
                && let Some(at) = at.to_str()
            {
                found.environment.push(((*name).to_owned(), at.to_owned()));
            }
        }
        for folder in self.search_path() {
            if folder.ends_with("bin")
                && let Some(above) = folder.parent()
                && !is_of_the_system(above)
            {
                for beside in BESIDE_BIN {
                    self.add(&mut found.read, above.join(beside));
                }
            }
            self.add(&mut found.read, folder);
        }
        found
    }

    /// Lists what is to be seen empty of folders that are given: credentials of the person.
    #[must_use]
    pub fn credentials_below(&self, given: &[PathBuf]) -> Vec<PathBuf> {
        let Some(home) = self.home else {
            return Vec::new();
        };
        let paths = CREDENTIALS.iter().map(|path| home.join(path));
        paths
            .filter(|path| given.iter().any(|given| path.starts_with(given)))
            .filter(|path| (self.exists)(path))
            .collect()
    }

    /// Whether the folder for caches that a variable names is the person's own; inside, others do not exist.
    #[must_use]
    pub fn has_own_cache_folder(&self) -> bool {
        self.variable("XDG_CACHE_HOME")
            .zip(self.home)
            .is_some_and(|(cache, home)| cache.starts_with(home))
    }

    fn add(&self, paths: &mut Vec<PathBuf>, path: PathBuf) {
        if self.may_give(&path) && !paths.contains(&path) {
            paths.push(path);
        }
    }

    /// Whether something is there that may be given: never a folder that holds HOME, or anything of Hyperion.
    fn may_give(&self, path: &Path) -> bool {
        let holds = |other: &Path| other.starts_with(path);
        path.is_absolute()
            && path
                .components()
                .all(|part| !matches!(part, std::path::Component::ParentDir))
            && !self.home.is_some_and(holds)
            && !self
                .hidden
                .iter()
                .any(|hidden| holds(hidden) || path.starts_with(hidden))
            && (self.exists)(path)
    }

    fn root(&self, root: &Root) -> Option<PathBuf> {
        match root {
            At(path) => Some(PathBuf::from(path)),
            Home(path) => Some(self.home?.join(path)),
            Root::Cache(path) if self.has_own_cache_folder() => {
                Some(self.variable("XDG_CACHE_HOME")?.join(path))
            }
            Root::Cache(path) => Some(self.home?.join(".cache").join(path)),
            Named(name, path) => match self.variable(name) {
                Some(named) => Some(named),
                None => Some(self.home?.join(path)),
            },
            Variable(name) => self.variable(name),
        }
    }

    fn variable(&self, wanted: &str) -> Option<PathBuf> {
        let found = self.environment.iter().find(|(name, _)| name == wanted);
        found
            .filter(|(_, value)| !value.is_empty())
            .map(|(_, value)| PathBuf::from(value))
    }

    fn search_path(&self) -> Vec<PathBuf> {
        let path = self.environment.iter().find(|(name, _)| name == "PATH");
        path.map(|(_, value)| std::env::split_paths(value).collect())
            .unwrap_or_default()
    }
}

fn is_of_the_system(folder: &Path) -> bool {
    folder == Path::new("/") || folder.starts_with("/usr")
}

/// Joins a part of a folder; an empty one is the folder itself.
fn below(folder: &Path, part: &str) -> PathBuf {
    match part {
        "" => folder.to_path_buf(),
        part => folder.join(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(environment: &[(&str, &str)], there: &[&str]) -> (ToolChains, Vec<PathBuf>) {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let hidden = [
            PathBuf::from("/h/p/.local/state/hyperion"),
            PathBuf::from("/h/p/.cache/hyperion"),
        ];
        let exists = |path: &Path| {
            let is_above = |there: &&str| Path::new(there).starts_with(path);
            there
                .iter()
                .any(|there| path == Path::new(there) || is_above(there))
        };
        let machine = Machine {
            home: Some(Path::new("/h/p")),
            environment: &environment,
            hidden: &hidden,
            exists: &exists,
        };
        let given = [PathBuf::from("/h/p")];
        (machine.tool_chains(), machine.credentials_below(&given))
    }

    fn shown((chains, masks): (ToolChains, Vec<PathBuf>)) -> String {
        let read = chains
            .read
            .iter()
            .map(|path| format!("read {}", path.display()));
        let caches = chains
            .caches
            .iter()
            .map(|cache| format!("cache {}", cache.path.display()));
        let environment = chains
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let masks = masks.iter().map(|path| format!("mask {}", path.display()));
        let lines: Vec<_> = read.chain(caches).chain(environment).chain(masks).collect();
        lines.join("\n")
    }

    // X6: the caches of tool chains are given, and the credentials that lie beside them are not.
    #[test]
    fn what_is_there_of_tool_chains_is_given_and_no_credentials() {
        let path = "/h/p/.cargo/bin:/h/p/tools/x/bin:/usr/local/bin:/usr/bin:relative";
        let there = [
            "/h/p/.rustup/toolchains",
            "/h/p/.cargo/bin",
            "/h/p/.cargo/registry",
            "/h/p/.cargo/credentials.toml",
            "/h/p/.npm",
            "/h/p/.npmrc",
            "/h/p/.cache/pip",
            "/h/p/tools/x/bin",
            "/h/p/tools/x/lib",
            "/h/p/.ssh",
            "/usr/bin",
            "/usr/local/bin",
            "/usr/local/lib",
        ];
        insta::assert_snapshot!(shown(found(&[("PATH", path)], &there)), @"
        read /h/p/.rustup
        read /h/p/.cargo/bin
        read /h/p/tools/x/lib
        read /h/p/tools/x/bin
        read /usr/local/bin
        read /usr/bin
        cache /h/p/.cargo/registry
        cache /h/p/.npm
        cache /h/p/.cache/pip
        RUSTUP_HOME=/h/p/.rustup
        mask /h/p/.ssh
        mask /h/p/.npmrc
        mask /h/p/.cargo/credentials.toml
        ");
    }

    #[test]
    fn no_variable_gives_home_or_anything_of_hyperion() {
        let environment = [
            ("GOPATH", "/h/p"),
            ("CARGO_HOME", "/h"),
            ("JAVA_HOME", "/"),
            ("GOROOT", "/h/p/.local/state/hyperion/runs"),
            ("VIRTUAL_ENV", "/h/p/x/../.ssh"),
            ("RUSTUP_HOME", "/h/p/.cache"),
            (
                "PATH",
                "/h/p:/h/p/.local/state:/h/p/.local/state/hyperion/repos",
            ),
            ("XDG_CACHE_HOME", "/elsewhere"),
        ];
        let there = [
            "/h/p/.local/state/hyperion/runs",
            "/h/p/.local/state/hyperion/repos",
            "/h/p/.cache/hyperion",
            "/h/p/.ssh",
            "/elsewhere/pip",
        ];
        insta::assert_snapshot!(shown(found(&environment, &there)), @"mask /h/p/.ssh");
    }
}
