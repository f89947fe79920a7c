//! Landlock: the kernel refuses every file that no rule names.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use crate::plan::{
    Access, DEVICES, Look, Mount, What, leads_through, resolve, resolver, system_folders, written,
};
use crate::spec::Sandbox;

/// The newest version of Landlock whose rights are known here.
const KNOWN: ABI = ABI::V10;
/// Before it nothing can be moved from one folder to another, which builds do all the time.
const NEEDED: ABI = ABI::V2;

/// The most rules; what comes after them is refused.
const RULES_MAX: usize = 10_000;

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

/// The rules where Landlock is all there is, and how many masks cannot be kept.
///
/// Nothing below an allowed folder can be refused. Where a mask is in a folder that is read, its neighbours are named instead of the
/// folder; a folder that is written needs a rule of its own for what will be there.
pub(crate) fn rules_without_mounts(
    wish: &Sandbox,
    scratch: &[PathBuf],
    is_root: bool,
    look: &dyn Look,
) -> (Vec<Rule>, usize) {
    // Root may turn the machine's switches in `/proc`, and read what nobody else may.
    let (proc, private) = match is_root {
        true => (Grant::Read, look.private_below(Path::new("/etc"))),
        false => (Grant::Use, Vec::new()),
    };
    let masks = wish.masks.iter().cloned().chain(private);
    let of_caches = wish
        .caches
        .iter()
        .flat_map(|cache| cache.masks.iter().map(|mask| cache.path.join(mask)));
    let masks: Vec<PathBuf> = masks
        .chain(of_caches)
        .filter_map(|mask| Some(resolve(&mask, look)?.0))
        .collect();
    let mut rules = Vec::new();
    rules.push(rule(Path::new("/proc"), proc));
    for path in DEVICES.iter().chain(&["/dev/pts", "/dev/ptmx"]) {
        rules.push(rule(Path::new(path), Grant::Use));
    }
    rules.push(rule(Path::new("/dev/shm"), Grant::Write));
    let in_written = written(wish, look);
    let wished = wish
        .read
        .iter()
        .chain(wish.caches.iter().map(|cache| &cache.path))
        .filter(|path| !leads_through(path, &in_written, look))
        .cloned();
    let read = system_folders()
        .map(Path::to_owned)
        .chain(resolver(look))
        .chain(wished);
    for path in read.filter_map(|path| Some(resolve(&path, look)?.0)) {
        read_around(&path, &masks, look, &mut rules);
    }
    let folders: Vec<&PathBuf> = wish.write.iter().chain(&wish.home).chain(scratch).collect();
    rules.extend(folders.iter().map(|path| rule(path, Grant::Write)));
    rules.extend(
        wish.socket_folder
            .iter()
            .map(|path| rule(path, Grant::Reach)),
    );
    let lost = masks.iter().filter(|mask| {
        let in_it = |folder: &&PathBuf| {
            resolve(folder, look).is_some_and(|(real, _)| mask.starts_with(real))
        };
        folders.iter().any(in_it)
    });
    let lost = lost.count();
    (rules, lost)
}

fn rule(at: &Path, grant: Grant) -> Rule {
    Rule {
        at: at.to_owned(),
        grant,
    }
}

fn read_around(path: &Path, masks: &[PathBuf], look: &dyn Look, rules: &mut Vec<Rule>) {
    if masks.iter().any(|mask| mask == path) || rules.len() >= RULES_MAX {
        return;
    }
    if !masks.iter().any(|mask| mask.starts_with(path)) {
        rules.push(rule(path, Grant::Read));
        return;
    }
    rules.push(rule(path, Grant::List));
    for child in look.children(path) {
        read_around(&child, masks, look, rules);
    }
}

/// What the kernel's Landlock does not keep away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// Sockets of other programs that have a name and no path.
    pub(crate) abstract_sockets: bool,
    /// Sockets of other programs that have a path.
    pub(crate) sockets: bool,
}

/// Takes on the rules, for this process and all that it starts.
pub(crate) fn restrict(rules: &[Rule]) -> Result<Gaps, String> {
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
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(Gaps {
            abstract_sockets: effective_abi < ABI::V6,
            sockets: effective_abi < ABI::V9,
        }),
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => {
            Err("the kernel says that it has no Landlock".to_owned())
        }
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
