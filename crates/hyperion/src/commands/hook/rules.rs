//! Judges by the rules, without an engine.

use std::path::{Path, PathBuf};

use hyperion_api::policy::{Reason, Verdict};
use hyperion_engine::repo::RepoFile;
use hyperion_policy::{Access, Judgement, Place, Rules, judge_command, judge_path};

use super::agent::{Act, Call};
use crate::context::Cx;

/// The most bytes of a `hyperion.toml`.
const FILE_MAX: u64 = 1024 * 1024;

/// Judges an act: by this machine's rules, narrowed by the `hyperion.toml` of the work tree.
///
/// That file may have been edited by the agent itself; the engine, where one is up, reads the branch's.
pub(super) fn judge(call: &Call, act: &Act, cx: &Cx) -> Result<Verdict, String> {
    let (loaded, _) = cx.usable_settings().map_err(|error| error.to_string())?;
    let machine = Rules::compile(loaded.settings.policy).map_err(|error| error.to_string())?;
    let dir = call
        .dir
        .canonicalize()
        .map_err(|error| format!("{}: {error}", call.dir.display()))?;
    let root = root_of(&dir);
    let rules = match narrowed(&root, &machine)? {
        Some(rules) => rules,
        None => machine,
    };
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| format!("{} is not UTF-8", path.display()))
    };
    let home = cx.variables().get("HOME").and_then(|home| home.to_str());
    let home = home.filter(|home| home.starts_with('/'));
    let place =
        Place::new([text(&root)?], &text(&dir)?, home).map_err(|error| error.to_string())?;
    Ok(verdict(match act {
        Act::Command(command) => judge_command(command, &rules, &place),
        Act::Read(path) => judge_path(path, Access::Read, &rules, &place).judgement,
        Act::Edit(path) => judge_path(path, Access::Write, &rules, &place).judgement,
    }))
}

/// Finds the work tree that a folder is in; the folder itself outside of one.
fn root_of(dir: &Path) -> PathBuf {
    let tree = dir.ancestors().find(|folder| folder.join(".git").exists());
    tree.unwrap_or(dir).to_path_buf()
}

fn narrowed(root: &Path, machine: &Rules) -> Result<Option<Rules>, String> {
    let path = root.join("hyperion.toml");
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |why: String| format!("{}: {why}", path.display());
    let bytes =
        hyperion_host::read_bounded(&path, FILE_MAX).map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    let file = RepoFile::parse(&text).map_err(|error| wrong(error.to_string()))?;
    let rules = file
        .rules(machine)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(Some(rules))
}

fn verdict(judgement: Judgement) -> Verdict {
    Verdict {
        verdict: judgement.verdict().to_owned(),
        level: judgement.level().map(|level| level.name().to_owned()),
        shape: judgement.shape.as_ref().map(ToString::to_string),
        reasons: judgement
            .reasons
            .into_iter()
            .map(|reason| Reason {
                code: reason.code.to_owned(),
                detail: reason.detail,
            })
            .collect(),
    }
}
