//! Which checks a candidate has to pass, and what their runs say of it.

use std::collections::BTreeMap;

use hyperion_fault::{Point, reached};
use hyperion_git::Oid;
use hyperion_model::entry::{Candidate, Entry};
use hyperion_model::run::{self, Run, Status, Work};
use hyperion_model::{Command, LineageId, Name, NewBlob, RunId, ShortText, Subject, Uuid};
use hyperion_store::Filter;

use super::obstacle::Obstacle;
use super::work::millis;
use crate::cx::json_blob;
use crate::error::oid;
use crate::read_facts::ReadFacts;
use crate::repo::{Check, Opened};
use crate::run::CheckSpec;
use crate::{Cx, Error};

/// What the checks of a candidate say so far.
pub(crate) enum Verdict {
    /// Every one passed.
    Green {
        /// Their runs.
        runs: Vec<RunId>,
        /// How long they took together.
        took_ms: u64,
    },
    /// There are none.
    Unchecked,
    /// One is running, or was just started.
    Wait,
    /// One has to be started.
    Start(CheckSpec),
    /// One was lost with its engine too often.
    Lost(String),
    /// One failed.
    Failed {
        /// Its name.
        name: String,
        /// Its run.
        run: Box<Run>,
    },
}

/// Lists the checks: the repository's, from the branch's tip, then those that the tasks add.
pub(super) fn wanted(
    cx: &Cx,
    opened: &Opened,
    entry: &Entry,
    candidate: &Candidate,
) -> Result<Vec<CheckSpec>, Error> {
    let (file, _) = opened.file_and_rules(cx, &oid(&candidate.tip)?)?;
    let mut wanted: Vec<CheckSpec> = file
        .checks
        .into_iter()
        .map(|(name, check)| CheckSpec::of(name, check, &cx.settings))
        .collect();
    let added: Vec<String> = match entry.admission.checks {
        Some(digest) => cx.require_json(digest)?,
        None => Vec::new(),
    };
    for command in added {
        if !wanted.iter().any(|check| check.command == command) {
            let check = Check::plain(command.as_str());
            wanted.push(CheckSpec::of(command, check, &cx.settings));
        }
    }
    let tool_chain = cx.tool_chains.digest(&cx.settings.check_environment);
    for check in &mut wanted {
        check.tool_chain = Some(tool_chain);
    }
    Ok(wanted)
}

/// Finds a check of a branch's tip that asks for more than the machine gives to checks, and that no admin agreed to.
pub(super) fn not_agreed(
    cx: &Cx,
    opened: &Opened,
    branch: &Name,
    tip: &Oid,
) -> Result<Option<Obstacle>, Error> {
    let (file, _) = opened.file_and_rules(cx, tip)?;
    let mut asking = file.checks.iter().filter_map(|(name, check)| {
        let asks = check.asks_beyond(&cx.settings);
        let waits = !asks.is_empty() && !opened.repo.agrees_to(check.digest());
        waits.then(|| Obstacle::NotAgreed {
            repo: opened.repo.name.clone(),
            branch: Some(branch.clone()).filter(|branch| *branch != opened.repo.branch),
            check: name.clone(),
            asks: asks.join(", "),
        })
    });
    Ok(asking.next())
}

/// Reads what the runs say; checks run one after the other, in one lane.
pub(super) fn verdict(
    cx: &Cx,
    entry: &Entry,
    candidate: &Candidate,
    wanted: Vec<CheckSpec>,
) -> Result<Verdict, Error> {
    read(cx, cx.settings.max_attempts, entry, candidate, wanted)
}

/// Does the same with facts from wherever they are.
pub(crate) fn read(
    facts: &impl ReadFacts,
    max_attempts: u32,
    entry: &Entry,
    candidate: &Candidate,
    wanted: Vec<CheckSpec>,
) -> Result<Verdict, Error> {
    if wanted.is_empty() {
        return Ok(Verdict::Unchecked);
    }
    let runs = runs_of(facts, entry, candidate)?;
    let mut passed = Vec::new();
    let mut took_ms = 0;
    for check in wanted {
        // A check is what it runs: the same name with another command is another check.
        let key = ShortText::cut(&check.name);
        let runs_of = |spec| runs.get(&(key.as_str().to_owned(), spec));
        // Runs of a version that took no note of tool chains count as well.
        let of_check = match runs_of(json_blob(&check)?.digest) {
            None => runs_of(json_blob(&check.clone().with_any_tool_chain())?.digest),
            found => found,
        };
        let tries = of_check.map(Vec::as_slice).unwrap_or_default();
        let Some(latest) = tries.last() else {
            return Ok(Verdict::Start(check));
        };
        match latest.status {
            Status::Starting
            | Status::Running
            | Status::Paused
            | Status::Stalled
            | Status::Parked
            | Status::Uncertain => return Ok(Verdict::Wait),
            Status::Finished => {
                passed.push(latest.id);
                took_ms += latest
                    .began_at
                    .zip(latest.ended_at)
                    .map_or(0, |(from, to)| millis(from, to));
            }
            Status::Failed | Status::Killed => {
                return Ok(Verdict::Failed {
                    name: check.name,
                    run: Box::new(latest.clone()),
                });
            }
            Status::Lost if tries.len() >= max_attempts as usize => {
                let why = latest.reason.as_ref().map_or("", |reason| reason.as_str());
                return Ok(Verdict::Lost(format!(
                    "check {:?} was lost {} times: {why}",
                    check.name,
                    tries.len()
                )));
            }
            Status::Lost => return Ok(Verdict::Start(check)),
        }
    }
    Ok(Verdict::Green {
        runs: passed,
        took_ms,
    })
}

type RunsByCheck = BTreeMap<(String, hyperion_model::Digest), Vec<Run>>;

/// Groups the runs on a candidate's tree by check, oldest first.
fn runs_of(
    facts: &impl ReadFacts,
    entry: &Entry,
    candidate: &Candidate,
) -> Result<RunsByCheck, Error> {
    let mut runs: RunsByCheck = BTreeMap::new();
    // What was found before a person took it up again no longer counts. Their order is that of the events.
    let retried = facts.last_event(Subject::Entry(entry.id), "merge.retried")?;
    let filter = Filter::default().parent(entry.id.uuid());
    for run in facts.list_behind::<Run>(&filter, retried.unwrap_or(0))? {
        if let Work::Check { tree, name, .. } = &run.work
            && tree.as_str() == candidate.tree.as_str()
        {
            runs.entry((name.as_str().to_owned(), run.spec))
                .or_default()
                .push(run);
        }
    }
    Ok(runs)
}

/// Decides on a run of a check; its thread is started by whoever watches runs.
pub(super) fn start(
    cx: &Cx,
    part: &Name,
    entry: &Entry,
    candidate: &Candidate,
    check: &CheckSpec,
) -> Result<(), Error> {
    let (command, spec) = run_command(cx, entry, candidate, check, || cx.ids.next())?;
    cx.execute(cx.stamp(part), vec![command], vec![spec])?;
    reached(Point::CheckRequested);
    Ok(())
}

/// Says what running a check once more comes to.
pub(crate) fn run_command(
    facts: &impl ReadFacts,
    entry: &Entry,
    candidate: &Candidate,
    check: &CheckSpec,
    mut fresh: impl FnMut() -> Uuid,
) -> Result<(Command, NewBlob), Error> {
    let earlier = runs_of(facts, entry, candidate)?;
    let spec = json_blob(check)?;
    let name = ShortText::cut(&check.name);
    let tries = earlier.get(&(name.as_str().to_owned(), spec.digest));
    let id = RunId::new(fresh());
    let first = tries.and_then(|tries| tries.first()).map(|run| run.lineage);
    let command = run::Command::Start {
        id,
        lineage: first.unwrap_or_else(|| LineageId::new(fresh())),
        incarnation: 1 + tries.map_or(0, |tries| {
            u32::try_from(tries.len()).unwrap_or(u32::MAX - 1)
        }),
        request: Some(entry.admission.request),
        work: Work::Check {
            entry: entry.id,
            tree: Name::new(candidate.tree.as_str())
                .map_err(|error| Error::Missing(error.to_string()))?,
            name,
        },
        spec: spec.digest,
    };
    Ok((Command::Run(id, command), spec))
}

#[cfg(test)]
mod tests {
    use hyperion_model::entry::{self, Cause};
    use hyperion_testkit::{task, task_request};

    use crate::repo::{LookedAt, agree_to_check, find};
    use crate::testing::{World, admin};

    // X6: what a check asks for beyond the machine's sandbox is an admin's to give, once for each check as it is written.
    #[test]
    fn an_entry_waits_until_an_admin_agrees_to_what_a_check_asks_for() {
        let toml = "[checks]\ntest = { run = \"true\", timeout_sec = 3600 }\nnarrow = { run = \"true\", network = \"off\" }\n";
        let mut world = World::new(&[("a.txt", "one\n"), ("hyperion.toml", toml)]);
        let change = task("T1", "say two").replace("a.txt", "two\n");
        world.file(&task_request("Say two").class("bugfix").task(change));
        world.settle();
        world.approve_all();
        world.settle();
        let entry = world.entries().pop().unwrap();
        assert_eq!(entry.status, entry::Status::Blocked);
        assert_eq!(entry.cause, Some(Cause::CheckNotAgreed));
        insta::assert_snapshot!(entry.reason.unwrap().as_str(), @r#"check "test" asks for timeout_sec = 3600, which is more than checks have here; if it may, an admin says so: hyperion repo allow-check repo test"#);

        let repo = find(&world.cx, "repo", None).unwrap();
        let looked_at = |check| LookedAt {
            check,
            branch: None,
            digest: None,
        };
        let refused = agree_to_check(&world.cx, &admin(), &repo, looked_at("narrow"), true);
        assert!(refused.unwrap_err().to_string().contains("nothing beyond"));
        let unknown = agree_to_check(&world.cx, &admin(), &repo, looked_at("tests"), true);
        assert!(
            unknown
                .unwrap_err()
                .to_string()
                .ends_with("it has: narrow, test")
        );
        let repo = agree_to_check(&world.cx, &admin(), &repo, looked_at("test"), true).unwrap();
        assert_eq!(repo.agreements.len(), 1);
        world.settle();
        assert_eq!(world.entries().pop().unwrap().status, entry::Status::Landed);
    }
}
