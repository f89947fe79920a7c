//! Landlock: the kernel refuses every file that no rule names.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use crate::plan::{Access, DEVICES, Look, Mount, What, resolver, system_folders};
use crate::spec::Sandbox;

/// The newest version of Landlock whose rights are known here.
const KNOWN: ABI = ABI::V10;
/// Before it nothing can be moved from one folder to another, which builds do all the time.
const NEEDED: ABI = ABI::V2;

/// What is allowed at a path and below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) at: PathBuf,
    pub(crate) grant: Grant,
}

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    /// See what is in folders.
    List,
    /// Read, list, run.
    Read,
    /// Read and write what is there, and no more: `/proc` and devices.
    Use,
    /// Sockets can be reached, and nothing changed.
    Reach,
    /// Everything.
    Write,
}

impl Grant {
    fn rights(self) -> BitFlags<AccessFs> {
        let read = AccessFs::from_read(KNOWN);
        match self {
            Self::List => AccessFs::ReadDir.into(),
            Self::Read => read,
            Self::Use => read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev,
            Self::Reach => read | AccessFs::ResolveUnix,
            Self::Write => AccessFs::from_all(KNOWN),
        }
    }
}

/// The rules inside mounts of its own: what the plan says, once more.
pub(crate) fn rules_of_plan(plan: &[Mount]) -> Vec<Rule> {
    let rule = |at: &Path, grant| Rule {
        at: at.to_owned(),
        grant,
    };
    let mut rules = vec![rule(Path::new("/"), Grant::List)];
    rules.extend(plan.iter().filter_map(|mount| {
        let is_device = mount.at.starts_with("/dev");
        let grant = match &mount.what {
            What::Bind { .. } if mount.at == Path::new(Sandbox::SOCKET_FOLDER) => Grant::Reach,
            What::Bind { access, .. } if is_device && *access == Access::Write => Grant::Use,
            What::Bind { access, .. } => match access {
                Access::Read => Grant::Read,
                Access::Write => Grant::Write,
            },
            What::Memory | What::Overlay { .. } => Grant::Write,
            What::Processes | What::Terminals => Grant::Use,
            What::Frame => Grant::List,
            What::EmptyFile | What::EmptyFolder => Grant::Read,
            What::Frozen | What::Link { .. } => return None,
        };
        Some(rule(&mount.at, grant))
    }));
    rules
}

/// The rules where Landlock is all there is. Masks cannot be kept: nothing below an allowed folder can be refused.
pub(crate) fn rules_without_mounts(
    wish: &Sandbox,
    scratch: &[PathBuf],
    look: &dyn Look,
) -> Vec<Rule> {
    let rule = |at: &Path, grant| Rule {
        at: at.to_owned(),
        grant,
    };
    let mut rules = vec![rule(Path::new("/"), Grant::List)];
    rules.extend(system_folders().map(|path| rule(path, Grant::Read)));
    rules.extend(resolver(look).map(|path| rule(&path, Grant::Read)));
    rules.extend(DEVICES.iter().map(|path| rule(Path::new(path), Grant::Use)));
    for path in ["/proc", "/dev/pts", "/dev/ptmx"] {
        rules.push(rule(Path::new(path), Grant::Use));
    }
    rules.push(rule(Path::new("/dev/shm"), Grant::Write));
    rules.extend(wish.read.iter().map(|path| rule(path, Grant::Read)));
    rules.extend(
        wish.caches
            .iter()
            .map(|cache| rule(&cache.path, Grant::Read)),
    );
    let written = wish.write.iter().chain(&wish.home).chain(scratch);
    rules.extend(written.map(|path| rule(path, Grant::Write)));
    rules.extend(
        wish.socket_folder
            .iter()
            .map(|path| rule(path, Grant::Reach)),
    );
    rules
}

/// Takes on the rules, for this process and all that it starts.
pub(crate) fn restrict(rules: &[Rule]) -> Result<(), String> {
    let status = apply(rules).map_err(|error| error.to_string())?;
    match status {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Err(
            "Landlock is not switched on: add `landlock` to the kernel's parameter `lsm=`"
                .to_owned(),
        ),
        (RulesetStatus::NotEnforced, _) => Err(
            "this kernel has no Landlock that lets files be moved: Linux 5.19 or newer has it"
                .to_owned(),
        ),
        (RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced, _) => Ok(()),
    }
}

fn apply(rules: &[Rule]) -> Result<(RulesetStatus, LandlockStatus), RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?;
    let mut created = ruleset.create()?;
    for rule in rules {
        let paths = [&rule.at];
        created = created.add_rules(path_beneath_rules(paths, rule.grant.rights()))?;
    }
    let status = created.restrict_self()?;
    Ok((status.ruleset, status.landlock))
}
