//! One event of every kind.

use hyperion_model::change_set::{Basis, item};
use hyperion_model::entry::{Cause, Quarantine};
use hyperion_model::plan::step;
use hyperion_model::run::{Confinement, Ending, Process, Usage};
use hyperion_model::{
    ApprovalId, ChangeSetId, Decision, EntryId, Fact, GrantId, ItemId, Level, LineageId, PlanId,
    RepoId, RequestId, Role, RunId, approval, audit, change_set, entry, grant, plan, repo, request,
    run,
};

use crate::sample::{self, digest, git, name, text, uuid};

pub(crate) fn repos() -> Vec<Fact> {
    use repo::Event;
    let events = [
        Event::Registered {
            id: RepoId::new(uuid(9)),
            name: name("widgets"),
            path: "/srv/widgets".to_owned(),
            branch: name("main"),
        },
        Event::Retargeted {
            branch: name("release/2"),
        },
        Event::Moved {
            path: "/srv/gadgets".to_owned(),
        },
        Event::Renamed {
            name: name("gadgets"),
        },
        Event::RemoteSet {
            remote: Some(sample::remote(true)),
        },
        Event::PushWanted {
            branch: name("main"),
            commit: git(1),
            landings: 1,
        },
        Event::Pushed {
            branch: name("main"),
            commit: git(1),
            landings: 1,
        },
        Event::RemoteFailed {
            branch: name("main"),
            cause: repo::Cause::Conflict,
            reason: text("both changed a.txt"),
            theirs: Some(git(2)),
        },
        Event::RemoteCleared {
            branch: name("main"),
        },
        Event::PullBegun {
            branch: name("main"),
            pull: sample::pull(1),
        },
        Event::Pulled {
            branch: name("main"),
        },
        Event::PullDropped {
            branch: name("main"),
        },
        Event::Forgotten {},
        Event::Paused {
            reason: Some(text("release day")),
        },
        Event::Resumed {},
        Event::CheckAgreed {
            check: digest(1),
            name: text("test"),
        },
        Event::CheckWithdrawn { check: digest(1) },
        Event::Restored {},
    ];
    events.map(Fact::Repo).to_vec()
}

pub(crate) fn requests() -> Vec<Fact> {
    use request::Event;
    let events = [
        Event::Submitted {
            id: RequestId::new(uuid(9)),
            submission: sample::submission(1),
        },
        Event::ClarificationRequested {
            questions: digest(1),
        },
        Event::Clarified { answer: digest(2) },
        Event::Planned {
            plan: PlanId::new(uuid(3)),
            brief: digest(3),
        },
        Event::Started {},
        Event::Progressed {
            awaiting_approval: true,
        },
        Event::Revised {
            revision: digest(4),
            tip: Some(sample::git(4)),
        },
        Event::Completed {
            partly: true,
            summary: digest(4),
            reason: Some(text("T2 was rejected")),
        },
        Event::Failed {
            summary: digest(4),
            reason: None,
        },
        Event::Cancelled {
            reason: text("not wanted"),
        },
        Event::Reopened {},
        Event::RolledBack {
            by: RequestId::new(uuid(20)),
        },
    ];
    events.map(Fact::Request).to_vec()
}

pub(crate) fn plans() -> Vec<Fact> {
    use plan::Event;
    let events = [
        Event::Created {
            id: PlanId::new(uuid(9)),
            request: RequestId::new(uuid(2)),
            repo: RepoId::new(uuid(1)),
            document: digest(3),
            steps: sample::steps(2),
        },
        Event::Activated {},
        Event::StepStarted {
            number: 1,
            run: RunId::new(uuid(4)),
        },
        Event::StepHandedIn {
            number: 1,
            change_set: ChangeSetId::new(uuid(6)),
        },
        Event::StepRevised { number: 1 },
        Event::StepCompleted { number: 1 },
        Event::StepSkipped {
            number: 2,
            reason: text("nothing to do"),
        },
        Event::StepFailed {
            number: 2,
            cause: step::Cause::Agent,
            reason: text("no change came of it"),
        },
        Event::StepRetried { number: 2 },
        Event::Completed {},
        Event::Abandoned {
            reason: text("called off"),
        },
        Event::Reopened {},
    ];
    events.map(Fact::Plan).to_vec()
}

pub(crate) fn runs() -> Vec<Fact> {
    use run::Event;
    let ending = |exit_code| Ending {
        exit_code: Some(exit_code),
        reason: Some(text("it ended")),
        result: Some(digest(2)),
        ..Ending::default()
    };
    let events = [
        Event::Started {
            id: RunId::new(uuid(9)),
            lineage: LineageId::new(uuid(5)),
            incarnation: 1,
            request: Some(RequestId::new(uuid(2))),
            work: sample::work(),
            spec: digest(1),
        },
        // The same kind with the other sort of work.
        Event::Started {
            id: RunId::new(uuid(9)),
            lineage: LineageId::new(uuid(5)),
            incarnation: 2,
            request: Some(RequestId::new(uuid(2))),
            work: run::Work::Check {
                entry: EntryId::new(uuid(7)),
                tree: name(git(2).as_str()),
                name: text("cargo test"),
            },
            spec: digest(1),
        },
        Event::Began {
            process: Some(Process {
                pid: 4711,
                start_ticks: 123_456_789,
                boot_id: name("b00t"),
            }),
        },
        Event::Started {
            id: RunId::new(uuid(9)),
            lineage: LineageId::new(uuid(5)),
            incarnation: 1,
            request: None,
            work: run::Work::Command {
                name: text("npm"),
                asked_by: sample::person(Role::Operator),
                launch: None,
            },
            spec: digest(1),
        },
        Event::Paused {},
        Event::Resumed {},
        Event::Stalled {
            last_seen: sample::time(1),
        },
        Event::Recovered {},
        Event::Parked(ending(75)),
        Event::Held {},
        Event::Allowed(run::Ground::ReadOnly),
        Event::Allowed(run::Ground::Grant {
            grant: GrantId::new(uuid(8)),
        }),
        Event::Allowed(run::Ground::Approval {
            approval: ApprovalId::new(uuid(3)),
        }),
        Event::Continued {
            by: RunId::new(uuid(8)),
        },
        Event::Doubted {
            reason: text("another machine took over"),
        },
        Event::StopRequested {},
        Event::Finished(Ending {
            usage: Some(Usage {
                cpu_ms: 1200,
                wall_ms: 3400,
                ..Usage::default()
            }),
            confinement: Some(Confinement {
                level: name("partial"),
                network: name("on"),
                detail: digest(3),
            }),
            ..ending(0)
        }),
        Event::Finished(ending(0)),
        Event::Failed(ending(101)),
        Event::Killed(ending(-9)),
        Event::Lost {
            reason: text("its engine died"),
        },
    ];
    events.map(Fact::Run).to_vec()
}

pub(crate) fn change_sets() -> Vec<Fact> {
    use change_set::Event;
    let mut proposal = sample::proposal(false);
    proposal.items.truncate(1);
    let events = [
        Event::Proposed {
            id: ChangeSetId::new(uuid(9)),
            proposal,
        },
        Event::Assessed(sample::assessed(Decision::Ask(Level::TeamLead))),
        Event::ItemDecided {
            item: ItemId::new(uuid(103)),
            status: item::Status::Accepted,
            rejected_hunks: vec![0, 2],
        },
        Event::Asked {
            approval: ApprovalId::new(uuid(30)),
        },
        Event::Approved(Basis::Policy),
        // The same kind on the other basis.
        Event::Approved(Basis::Approval {
            approval: ApprovalId::new(uuid(30)),
        }),
        Event::Queued {
            entry: EntryId::new(uuid(7)),
            dry_run: false,
        },
        Event::Dispatched {},
        Event::Undispatched {},
        Event::Landed { commit: git(3) },
        Event::RolledBack { commit: git(4) },
        Event::Rejected { reason: text("no") },
        Event::Failed {
            cause: step::Cause::Change,
            reason: text("it does not merge"),
        },
        Event::ChangesRequested {
            reason: text("name the constant"),
            revise_by: sample::time(500_000),
        },
        Event::Superseded {},
        Event::Expired {},
        Event::Cancelled {
            reason: text("not wanted"),
        },
        Event::Requeued {},
    ];
    events.map(Fact::ChangeSet).to_vec()
}

pub(crate) fn approvals() -> Vec<Fact> {
    use approval::Event;
    let events = [
        Event::Requested(sample::question(Level::Admin, sample::time(500_000))),
        Event::Decided {
            approved: false,
            digest: digest(8),
            reason: Some(text("please split it")),
            changes_requested: true,
        },
        Event::Expired {},
        Event::Cancelled {
            reason: text("not wanted"),
        },
        Event::Expiring {},
        Event::LookedAt { digest: digest(8) },
        Event::Extended {
            expires_at: sample::time(900_000),
        },
    ];
    events.map(Fact::Approval).to_vec()
}

pub(crate) fn grants() -> Vec<Fact> {
    use grant::Event;
    let events = [
        Event::Given {
            id: GrantId::new(uuid(9)),
            terms: sample::terms(),
        },
        Event::Used {
            run: Some(RunId::new(uuid(4))),
            last: false,
        },
        Event::Used {
            run: None,
            last: true,
        },
        Event::Expired {},
        Event::Revoked {
            reason: Some(text("the release is out")),
        },
    ];
    events.map(Fact::Grant).to_vec()
}

pub(crate) fn entries() -> Vec<Fact> {
    use entry::Event;
    let events = [
        Event::Enqueued {
            id: EntryId::new(uuid(9)),
            admission: sample::admission(false),
        },
        Event::Leased { fence: 7 },
        Event::Merging {},
        Event::Merged {
            candidate: sample::candidate(1, 2, 3),
        },
        Event::Checked(sample::verdict(2)),
        Event::Dispatched(sample::dispatch(1, 3)),
        Event::Landed { commit: git(3) },
        Event::Released {
            cause: None,
            reason: text("its worker died"),
        },
        Event::Refreshed { tip: git(5) },
        Event::DeadLettered {
            cause: None,
            reason: text("its worker died again"),
        },
        Event::Blocked {
            cause: None,
            reason: text("the work tree has changes"),
        },
        Event::Unblocked {},
        Event::Conflicted {
            evidence: digest(6),
        },
        Event::Quarantined {
            quarantine: Quarantine::Conflict,
            evidence: digest(6),
            reason: text("README.md: both changed line 3"),
        },
        Event::Failed {
            cause: None,
            reason: text("what it needs did not land"),
        },
        Event::Cancelled {
            reason: text("not wanted"),
        },
        Event::Retried {},
        Event::Released {
            cause: Some(Cause::EngineEnded),
            reason: text("its worker died"),
        },
        Event::DeadLettered {
            cause: Some(Cause::Fault),
            reason: text("its worker died again"),
        },
        Event::Blocked {
            cause: Some(Cause::Edited),
            reason: text("the work tree has changes"),
        },
        Event::Failed {
            cause: Some(Cause::LostBase),
            reason: text("what it was made on is gone"),
        },
    ];
    events.map(Fact::Entry).to_vec()
}

pub(crate) fn records() -> Vec<Fact> {
    use audit::{Event, ToolCall};
    let events = [
        Event::ToolCalled(ToolCall {
            session: uuid(50),
            by: text("ada"),
            server: text("filesystem"),
            tool: text("writeFile"),
            began_at: sample::time(0),
            calls: 1,
            paths: vec![text("src/a.txt")],
            more_paths: 0,
            old: Some(digest(1)),
            new: None,
            outcome: text("done"),
        }),
        Event::SettingsChanged {
            keys: vec![name("merge.workers")],
            more_keys: 0,
            settings: digest(2),
        },
        Event::BackupTaken {
            to: text("/mnt/backups"),
            up_to: 7,
        },
        Event::HomeRestored {
            from: text("/mnt/backups"),
            up_to: 7,
        },
        Event::CallRefused {
            call: text("POST /api/repos"),
            status: 403,
            code: name("policy.refused"),
            count: 2,
        },
    ];
    events.map(Fact::Audit).to_vec()
}
