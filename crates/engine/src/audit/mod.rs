//! The audit: verifying the log, and rebuilding from it alone who asked, who approved, what landed.

pub(crate) mod anchors;
pub(crate) mod moved;
mod records;

use std::collections::BTreeMap;

use hyperion_api::audit::{LandedCheck, Landing, Replay, Verification};
use hyperion_git::Oid;
use hyperion_model::entry::{self, Entry};
use hyperion_model::machine::{Machine as _, Noun};
use hyperion_model::repo::Repo;
use hyperion_model::run::{Run, Work};
use hyperion_model::{
    ApprovalId, Digest, EntryId, Fact, RequestId, RunId, Subject, approval, change_set, request,
    run,
};
use hyperion_store::{By, EventFilter, Filter, HeadState};

use self::moved::Moved;
pub(crate) use self::records::Recorder;
pub use self::records::{Records, note_backup};
use crate::error::oid;
use crate::request::result;
use crate::rollback::taken_back_by;
use crate::{Cx, Error};

/// How many events are read at once.
const PAGE: u32 = 1000;

/// Verifies chain, head, rows, blobs, and every landing against its repository.
pub fn verify(cx: &Cx) -> Result<Verification, Error> {
    let found = cx.store.verify()?;
    let mut not_shown = found.not_shown.clone();
    let (head, head_ok) = match &found.seal {
        HeadState::Sealed => ("sealed".to_owned(), true),
        HeadState::Unsealed => ("unsealed".to_owned(), found.events == 0),
        HeadState::Mismatch { detail } => (format!("mismatch: {detail}"), false),
        HeadState::KeyMissing { key_id } => (format!("key_missing: {key_id}"), true),
    };
    let (compared, differ, moved) = compare_landings(cx, &mut not_shown)?;
    match anchors::compare(cx) {
        Ok(anchors) => {
            let lost = anchors.lost.into_iter();
            not_shown.extend(lost.map(|lost| {
                format!("what happened behind the end of the log, which is older than the branch: {lost}")
            }));
            not_shown.extend(anchors.unknown);
        }
        Err(error) => not_shown.push(format!(
            "whether the log has all landings: {}",
            crate::error::chain(&error)
        )),
    }
    let structure: Vec<String> = found
        .structure
        .iter()
        .chain(&found.wrong_figure)
        .cloned()
        .collect();
    let ok = found.first_bad.is_none()
        && head_ok
        && structure.is_empty()
        && found.rows_differing == 0
        && found.damaged_blobs.is_empty()
        && differ.is_empty();
    Ok(Verification {
        ok,
        events: found.events,
        first_bad: found
            .first_bad
            .map(|bad| format!("event {}: {}", bad.seq, bad.detail)),
        structure,
        head,
        rows_compared: found.rows_compared,
        rows_differ: found
            .rows_differ
            .iter()
            .map(|row| {
                format!(
                    "{} {}: {}",
                    row.subject.noun(),
                    row.subject.uuid(),
                    row.detail
                )
            })
            .collect(),
        damaged_blobs: found
            .damaged_blobs
            .iter()
            .map(|(digest, why)| format!("{digest}: {why}"))
            .collect(),
        landings_compared: compared,
        landings_differ: differ,
        landings_moved: moved.told(cx),
        not_shown,
    })
}

/// Asks git whether each landing is on its branch, and whether its audit trailer is in the log.
fn compare_landings(
    cx: &Cx,
    not_shown: &mut Vec<String>,
) -> Result<(u64, Vec<String>, Moved), Error> {
    let mut compared = 0;
    let mut differ = Vec::new();
    let mut moved = Moved::default();
    let mut filter = Filter::default()
        .archived()
        .status(entry::Status::Landed.name())
        .limit(PAGE);
    loop {
        let page = match cx.store.list::<Entry>(&filter) {
            Ok(page) => page,
            Err(error) => {
                not_shown.push(format!(
                    "whether all landings are on their branches: {}",
                    crate::error::chain(&error)
                ));
                break;
            }
        };
        moved.look(cx, &page.rows);
        for entry in &page.rows {
            match compare_landing(cx, entry, moved.rewritten(entry.id)) {
                Ok(None) => compared += 1,
                Ok(Some(why)) => {
                    compared += 1;
                    differ.push(format!("queue entry {}: {why}", entry.id));
                }
                Err(error) => not_shown.push(format!(
                    "whether queue entry {} landed as the log says: {}",
                    entry.id,
                    crate::error::chain(&error)
                )),
            }
        }
        match page.next {
            Some(next) => filter = filter.after(next),
            None => break,
        }
    }
    not_shown.append(&mut moved.unknown);
    Ok((compared, differ, moved))
}

/// Says how a landing's commit differs from what the log says of it; that its branch was moved is no such difference.
fn compare_landing(
    cx: &Cx,
    entry: &Entry,
    rewritten: Option<&Oid>,
) -> Result<Option<String>, Error> {
    let opened = cx.repos.open(cx, entry.admission.repo)?;
    let commit = entry
        .commit
        .as_ref()
        .ok_or_else(|| Error::Missing("the commit it landed as".to_owned()))?;
    let commit = oid(commit)?;
    if let Some(other) = rewritten {
        return Ok(Some(format!(
            "commit {commit:.10} is no longer part of {}, and {other:.10} there goes by its name",
            entry.admission.branch
        )));
    }
    let message = opened.git.commit_info(&commit)?.message;
    let trailer = message
        .lines()
        .find_map(|line| line.strip_prefix("Hyperion-Audit: "));
    let Some((seq, hash)) = trailer.and_then(|trailer| trailer.trim().split_once(':')) else {
        return Ok(Some(format!(
            "commit {commit:.10} has no Hyperion-Audit trailer"
        )));
    };
    let logged = match seq.parse() {
        Ok(seq) => cx.store.event_text(seq)?,
        Err(_) => None,
    };
    let fits = logged.is_some_and(|text| Digest::of(text.as_bytes()).hex() == hash);
    Ok((!fits).then(|| {
        format!("commit {commit:.10} names event {seq}, which the log does not have as it was")
    }))
}

/// What the log says of one landing, while it is read.
#[derive(Default)]
struct Reading {
    asked_by: BTreeMap<RequestId, String>,
    approvals: BTreeMap<ApprovalId, String>,
    approved: BTreeMap<EntryId, Vec<String>>,
    basis: BTreeMap<hyperion_model::ChangeSetId, String>,
    entries: BTreeMap<EntryId, Entry>,
    checks: BTreeMap<RunId, LandedCheck>,
    landings: Vec<Landing>,
    events: u64,
}

/// Reads the whole log and rebuilds the queue from it.
pub fn replay(cx: &Cx) -> Result<Replay, Error> {
    let mut reading = Reading::default();
    let mut after = 0;
    loop {
        let page = cx.store.events_after(after, PAGE)?;
        for stored in &page.events {
            reading.events += 1;
            read(&mut reading, &stored.event)?;
        }
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let mut queue = BTreeMap::new();
    let mut same = true;
    for (id, entry) in &reading.entries {
        *queue.entry(entry.status.name().to_owned()).or_default() += 1;
        same &= cx.store.get::<Entry>(*id)?.as_ref() == Some(entry);
    }
    same &= cx.store.count::<Entry>(&Filter::default().archived())? == reading.entries.len() as u64;
    Ok(Replay {
        events: reading.events,
        landings: reading.landings,
        queue,
        same_as_database: same,
    })
}

fn read(reading: &mut Reading, event: &hyperion_model::Event) -> Result<(), Error> {
    match (&event.subject, &event.fact) {
        (Subject::Request(id), Fact::Request(request::Event::Submitted { .. })) => {
            reading.asked_by.insert(*id, event.stamp.actor.to_string());
        }
        (
            Subject::Approval(id),
            Fact::Approval(approval::Event::Decided { approved: true, .. }),
        ) => {
            reading.approvals.insert(*id, event.stamp.actor.to_string());
        }
        (Subject::ChangeSet(id), Fact::ChangeSet(change_set::Event::Approved(basis))) => {
            let by = match basis {
                change_set::Basis::Policy => "policy".to_owned(),
                change_set::Basis::Approval { approval } => reading
                    .approvals
                    .get(approval)
                    .cloned()
                    .unwrap_or_else(|| format!("approval {approval}")),
            };
            reading.basis.insert(*id, by);
        }
        (Subject::Run(id), Fact::Run(fact)) => note_check(&mut reading.checks, *id, fact),
        (Subject::Entry(id), Fact::Entry(fact)) => {
            let before = reading.entries.remove(id);
            let entry = Entry::apply(before, fact, &event.stamp).map_err(|corrupt| {
                Error::Missing(format!("an unbroken history of {}: {corrupt}", Noun::Entry))
            })?;
            note_landing(reading, &entry, fact, event);
            reading.entries.insert(*id, entry);
        }
        _ => {}
    }
    Ok(())
}

/// Follows a check by its events.
fn note_check(checks: &mut BTreeMap<RunId, LandedCheck>, id: RunId, fact: &run::Event) {
    use run::Status;
    let status = match fact {
        run::Event::Started { work, .. } => {
            if let Work::Check { name, .. } = work {
                let (name, result) = (name.to_string(), result(Status::Starting).to_owned());
                checks.insert(id, LandedCheck { name, result });
            }
            return;
        }
        run::Event::Began { .. } | run::Event::Resumed {} | run::Event::Recovered {} => {
            Status::Running
        }
        run::Event::Paused {} => Status::Paused,
        run::Event::Stalled { .. } => Status::Stalled,
        run::Event::Parked(_) => Status::Parked,
        run::Event::Doubted { .. } => Status::Uncertain,
        run::Event::Held {} | run::Event::Allowed(_) | run::Event::StopRequested {} => return,
        run::Event::Continued { .. } | run::Event::Finished(_) => Status::Finished,
        run::Event::Failed(_) => Status::Failed,
        run::Event::Killed(_) => Status::Killed,
        run::Event::Lost { .. } => Status::Lost,
    };
    if let Some(check) = checks.get_mut(&id) {
        check.result = result(status).to_owned();
    }
}

fn note_landing(
    reading: &mut Reading,
    entry: &Entry,
    fact: &entry::Event,
    event: &hyperion_model::Event,
) {
    if let entry::Event::Enqueued { admission, .. } = fact {
        let by = admission
            .change_sets
            .iter()
            .filter_map(|set| reading.basis.get(set).cloned());
        let mut by: Vec<String> = by.collect();
        by.sort_unstable();
        by.dedup();
        reading.approved.insert(entry.id, by);
    }
    if let entry::Event::Landed { commit } = fact {
        reading.landings.push(Landing {
            entry_id: entry.id.to_string(),
            request_id: entry.admission.request.to_string(),
            title: String::new(),
            repo: String::new(),
            taken_back_by: None,
            asked_by: reading
                .asked_by
                .get(&entry.admission.request)
                .cloned()
                .unwrap_or_default(),
            approved_by: reading.approved.get(&entry.id).cloned().unwrap_or_default(),
            checks: entry.verdict.as_ref().map_or(0, |verdict| {
                u32::try_from(verdict.runs.len()).unwrap_or(u32::MAX)
            }),
            results: runs_of(entry)
                .filter_map(|run| reading.checks.get(&run).cloned())
                .collect(),
            commit: commit.to_string(),
            landed_at: event.stamp.time.to_string(),
            note: None,
        });
    }
}

/// Lists the runs that a landing rests on.
fn runs_of(entry: &Entry) -> impl Iterator<Item = RunId> {
    entry
        .verdict
        .iter()
        .flat_map(|verdict| verdict.runs.iter().copied())
}

/// Lists what landed, the latest first, from the rows.
pub fn history(cx: &Cx, filter: &Filter) -> Result<(Vec<Landing>, Option<String>), Error> {
    let filter = Filter {
        // What landed has ended. Said so, it is found by an index, and not behind everything that waits.
        open: Some(false),
        // By the landing, which is the last event of an entry, and not by when it was queued.
        by: By::Changed,
        ..filter.clone().status(entry::Status::Landed.name()).newest()
    };
    let page = cx.store.list::<Entry>(&filter)?;
    Ok((
        landings(cx, &page.rows)?,
        page.next.map(|next| next.to_string()),
    ))
}

/// Tells of the landings among some entries.
pub fn landings(cx: &Cx, entries: &[Entry]) -> Result<Vec<Landing>, Error> {
    let mut moved = Moved::default();
    moved.look(cx, entries);
    let off = moved.entries();
    let landed = entries
        .iter()
        .filter(|entry| entry.status == entry::Status::Landed);
    landed
        .map(|entry| landing(cx, entry, off.contains(&entry.id)))
        .collect()
}

/// Tells of one landing; `is_off` says that its branch was moved below it.
fn landing(cx: &Cx, entry: &Entry, is_off: bool) -> Result<Landing, Error> {
    let request = cx.store.get::<request::Request>(entry.admission.request)?;
    let mut approved_by = Vec::new();
    for id in &entry.admission.change_sets {
        let Some(set) = cx.store.get::<change_set::ChangeSet>(*id)? else {
            continue;
        };
        match set.basis {
            Some(change_set::Basis::Approval { approval }) => {
                let found = cx.store.get::<approval::Approval>(approval)?;
                approved_by.extend(
                    found
                        .and_then(|found| found.verdict)
                        .map(|verdict| verdict.by.to_string()),
                );
            }
            Some(change_set::Basis::Policy) => approved_by.push("policy".to_owned()),
            None => {}
        }
    }
    approved_by.sort_unstable();
    approved_by.dedup();
    let mut results = Vec::new();
    for run in runs_of(entry) {
        let check = cx.store.get::<Run>(run)?;
        let check = check
            .map(|run| crate::request::check(cx, &run))
            .transpose()?;
        results.extend(check.flatten().map(|check| LandedCheck {
            name: check.name,
            result: check.result,
        }));
    }
    let repo = cx.store.get::<Repo>(entry.admission.repo)?;
    Ok(Landing {
        results,
        entry_id: entry.id.to_string(),
        request_id: entry.admission.request.to_string(),
        title: crate::queue::title(cx, entry)?,
        repo: repo.map(|repo| repo.name.to_string()).unwrap_or_default(),
        taken_back_by: taken_back_by(cx, entry)?.map(|by| by.to_string()),
        asked_by: request
            .map(|request| request.submitted_by.to_string())
            .unwrap_or_default(),
        approved_by,
        checks: entry.verdict.as_ref().map_or(0, |verdict| {
            u32::try_from(verdict.runs.len()).unwrap_or(u32::MAX)
        }),
        commit: entry
            .commit
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        landed_at: entry.ended_at.map(|at| at.to_string()).unwrap_or_default(),
        note: is_off.then(|| {
            let branch = &entry.admission.branch;
            format!("no longer on {branch}, which was moved")
        }),
    })
}

/// Gives the events that a filter names, for whoever follows the feed.
pub fn events(cx: &Cx, filter: &EventFilter) -> Result<hyperion_store::EventPage, Error> {
    Ok(cx.store.events(filter)?)
}
