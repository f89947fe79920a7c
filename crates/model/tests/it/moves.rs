//! Every row of every noun's table of moves is driven, and every pair that is in no row is refused.

use hyperion_model::approval::{self, Approval};
use hyperion_model::change_set::{self, Basis, ChangeSet, item};
use hyperion_model::entry::{self, Entry, Quarantine};
use hyperion_model::grant::{self, Grant};
use hyperion_model::plan::{self, Plan, step};
use hyperion_model::repo::{self, Repo, Tracked};
use hyperion_model::request::{self, Outcome, Request};
use hyperion_model::run::{self, Ending, Run};
use hyperion_model::{
    ApprovalId, ChangeSetId, Decision, EntryId, GrantId, ItemId, Level, LineageId, Machine, PlanId,
    Refusal, RepoId, RequestId, RunId,
};

use crate::sample;
use crate::table::{Table, apply, case, case_where, is_illegal, stamp};

#[test]
fn every_move_of_a_repository() {
    use repo::Command;
    let create = Command::Register {
        id: RepoId::new(sample::uuid(1)),
        name: sample::name("widgets"),
        path: "/srv/widgets".to_owned(),
        branch: sample::name("main"),
    };
    let cases = vec![
        case("be retargeted", |_| Command::Retarget {
            branch: sample::name("trunk"),
        }),
        case("be moved", |_| Command::Move {
            path: "/srv/gadgets".to_owned(),
        }),
        case("be renamed", |_| Command::Rename {
            name: sample::name("gadgets"),
        }),
        case("be given a remote", |_| Command::SetRemote {
            remote: Some(sample::remote(true)),
        }),
        case_where(
            "follow its remote",
            |repo| Repo {
                remote: Some(sample::remote(true)),
                branches: [(
                    sample::name("main"),
                    Tracked {
                        pull: Some(sample::pull(1)),
                        ..Tracked::default()
                    },
                )]
                .into(),
                ..repo
            },
            |_| Command::EndPull {
                branch: sample::name("main"),
            },
        ),
        case("be forgotten", |_| Command::Forget),
        case("be restored", |_| Command::Restore),
        case("be paused", |_| Command::Pause { reason: None }),
        case("be resumed", |_| Command::Resume),
        case("have a check agreed to", |_| Command::AgreeToCheck {
            check: sample::digest(1),
            name: sample::text("test"),
        }),
    ];
    Table::<Repo>::of(&create, cases).check();
}

#[test]
fn every_move_of_a_request() {
    use request::Command;
    fn finish(outcome: Outcome) -> Command {
        Command::Finish {
            outcome,
            summary: sample::digest(1),
            reason: None,
        }
    }
    let create = Command::Submit {
        id: RequestId::new(sample::uuid(2)),
        submission: sample::submission(1),
    };
    let cases = vec![
        case("ask for clarification", |_| Command::Clarify {
            questions: sample::digest(1),
        }),
        case("be answered", |_| Command::Answer {
            answer: sample::digest(2),
        }),
        case("be planned", |_| Command::Plan {
            plan: PlanId::new(sample::uuid(3)),
            brief: sample::digest(3),
        }),
        case("start", |_| Command::Start),
        case("wait for approval", |_| Command::Wait),
        case("go on", |_| Command::Resume),
        case("be revised", |_| Command::Revise {
            revision: sample::digest(4),
            tip: None,
        }),
        case("complete", |_| finish(Outcome::Completed)),
        case("end partly landed", |_| finish(Outcome::PartlyLanded)),
        case("fail", |_| finish(Outcome::Failed)),
        case("be cancelled", |_| Command::Cancel {
            reason: sample::text("not wanted"),
        }),
        case("be reopened", |_| Command::Reopen),
        case("be rolled back", |_| Command::RollBack {
            by: RequestId::new(sample::uuid(20)),
        }),
    ];
    Table::<Request>::of(&create, cases).check();
}

/// The same plan with its only step elsewhere.
fn with_step(mut plan: Plan, status: step::Status) -> Plan {
    plan.steps[0].status = status;
    plan
}

fn create_plan() -> plan::Command {
    plan::Command::Create {
        id: PlanId::new(sample::uuid(3)),
        request: RequestId::new(sample::uuid(2)),
        repo: RepoId::new(sample::uuid(1)),
        document: sample::digest(3),
        steps: sample::steps(1),
    }
}

fn start_step(_: &Plan) -> plan::Command {
    plan::Command::StartStep {
        number: 1,
        run: RunId::new(sample::uuid(4)),
    }
}

fn hand_in(_: &Plan) -> plan::Command {
    plan::Command::HandIn {
        number: 1,
        change_set: ChangeSetId::new(sample::uuid(6)),
    }
}

fn revise_step(_: &Plan) -> plan::Command {
    plan::Command::ReviseStep { number: 1 }
}

fn complete_step(_: &Plan) -> plan::Command {
    plan::Command::CompleteStep { number: 1 }
}

fn skip_step(_: &Plan) -> plan::Command {
    plan::Command::SkipStep {
        number: 1,
        reason: sample::text("nothing to do"),
    }
}

fn fail_step(_: &Plan) -> plan::Command {
    plan::Command::FailStep {
        number: 1,
        cause: step::Cause::Agent,
        reason: sample::text("no change came of it"),
    }
}

fn retry_step(_: &Plan) -> plan::Command {
    plan::Command::RetryStep { number: 1 }
}

// P1: a plan's own moves; work on steps is for active plans only.
#[test]
fn every_move_of_a_plan() {
    use plan::Command;
    use step::Status;
    let work = "work on a step";
    let cases = vec![
        case("be activated", |_| Command::Activate),
        case_where(work, |p| with_step(p, Status::Pending), start_step),
        case_where(work, |p| with_step(p, Status::InProgress), hand_in),
        case_where(work, |p| with_step(p, Status::InProgress), revise_step),
        case_where(work, |p| with_step(p, Status::InProgress), complete_step),
        case_where(work, |p| with_step(p, Status::Pending), skip_step),
        case_where(work, |p| with_step(p, Status::Pending), fail_step),
        case_where(work, |p| with_step(p, Status::Failed), retry_step),
        case_where(
            "complete",
            |p| with_step(p, Status::Completed),
            |_| Command::Complete,
        ),
        case("be abandoned", |_| Command::Abandon {
            reason: sample::text("called off"),
        }),
        case("be reopened", |_| Command::Reopen),
    ];
    Table::<Plan>::of(&create_plan(), cases).check();
}

// P1: the moves of one step, inside an active plan.
#[test]
fn every_move_of_a_step() {
    let created = Plan::decide(None, &create_plan(), &stamp()).unwrap();
    let plan = apply(None, &created);
    let activated = Plan::decide(plan.as_ref(), &plan::Command::Activate, &stamp()).unwrap();
    let table = Table::<Plan> {
        start: apply(plan, &activated).unwrap(),
        status: |plan| plan.steps[0].status.name(),
        states: step::Status::ALL.iter().map(|s| s.name()).collect(),
        moves: step::moves(),
        cases: vec![
            case("start", start_step),
            case("hand in a change", hand_in),
            case("be revised", revise_step),
            case("complete", complete_step),
            case("be skipped", skip_step),
            case("fail", fail_step),
            case("be retried", retry_step),
        ],
        refused: is_illegal::<Plan>,
    };
    table.check();
}

#[test]
fn every_move_of_a_run() {
    use run::Command;
    fn ending() -> Ending {
        Ending {
            exit_code: Some(1),
            reason: Some(sample::text("it ended")),
            result: Some(sample::digest(1)),
            ..Ending::default()
        }
    }
    let create = Command::Start {
        id: RunId::new(sample::uuid(4)),
        lineage: LineageId::new(sample::uuid(5)),
        incarnation: 1,
        request: Some(RequestId::new(sample::uuid(2))),
        work: sample::work(),
        spec: sample::digest(2),
    };
    let cases = vec![
        case("be held", |_| Command::Hold),
        case_where(
            "be allowed",
            |run| Run {
                began_at: None,
                judged: None,
                ..run
            },
            |_| Command::Allow(run::Ground::ReadOnly),
        ),
        case("begin", |_| Command::Begin { process: None }),
        case("be paused", |_| Command::Pause),
        case("be resumed", |_| Command::Resume),
        case("stall", |_| Command::Stall {
            last_seen: sample::time(1),
        }),
        case("recover", |_| Command::Recover),
        case("be parked", |_| Command::Park(ending())),
        case("be continued", |_| Command::Continue {
            by: RunId::new(sample::uuid(8)),
        }),
        case("be asked to stop", |_| Command::Stop),
        case("become uncertain", |_| Command::Doubt {
            reason: sample::text("another machine took over"),
        }),
        case("finish", |_| Command::Finish(ending())),
        case("fail", |_| Command::Fail(ending())),
        case("be killed", |_| Command::Kill(ending())),
        case("be lost", |_| Command::Lose {
            reason: sample::text("its engine died"),
        }),
    ];
    Table::<Run>::of(&create, cases).check();
}

// C1, C3: the moves of a change set.
#[test]
fn every_move_of_a_change_set() {
    use change_set::Command;
    let create = Command::Propose {
        id: ChangeSetId::new(sample::uuid(6)),
        proposal: sample::proposal(false),
    };
    let cases = vec![
        case("be assessed", |_| {
            Command::Assess(sample::assessed(Decision::Allow))
        }),
        case("have an item decided", |_| Command::DecideItem {
            item: ItemId::new(sample::uuid(103)),
            status: item::Status::Accepted,
            rejected_hunks: vec![0],
        }),
        case("be asked about", |_| Command::Ask {
            approval: ApprovalId::new(sample::uuid(30)),
        }),
        case_where(
            "be approved",
            |set| ChangeSet {
                assessed: Some(sample::assessed(Decision::Allow)),
                ..set
            },
            |_| Command::Approve(Basis::Policy),
        ),
        case_where(
            "be approved",
            |set| ChangeSet {
                assessed: Some(sample::assessed(Decision::Ask(Level::Admin))),
                approval: Some(ApprovalId::new(sample::uuid(30))),
                ..set
            },
            |_| {
                Command::Approve(Basis::Approval {
                    approval: ApprovalId::new(sample::uuid(30)),
                })
            },
        ),
        case_where("be queued", |set| with_dry_run(set, false), queue),
        case_where(
            "be queued for a dry run",
            |set| with_dry_run(set, true),
            queue,
        ),
        case_where(
            "be dispatched",
            |set| with_dry_run(set, false),
            |_| Command::Dispatch,
        ),
        case("go back to the queue", |_| Command::Undispatch),
        case("land", |_| Command::Land {
            commit: sample::git(1),
        }),
        case("be rolled back", |_| Command::RollBack {
            commit: sample::git(2),
        }),
        case("be rejected", |_| Command::Reject {
            reason: sample::text("no"),
        }),
        case("fail", |_| Command::Fail {
            cause: step::Cause::Change,
            reason: sample::text("it does not merge"),
        }),
        case("be sent back", |_| Command::RequestChanges {
            reason: sample::text("name the constant"),
            revise_by: sample::time(0),
        }),
        case("be superseded", |_| Command::Supersede),
        case("expire", |_| Command::Expire),
        case("be cancelled", |_| Command::Cancel {
            reason: sample::text("not wanted"),
        }),
        case_where(
            "be queued again",
            // Only what failed inside the queue can go back; elsewhere the state alone refuses.
            |set| match set.status {
                change_set::Status::Failed => ChangeSet {
                    entry: Some(EntryId::new(sample::uuid(7))),
                    ..set
                },
                _ => set,
            },
            |_| Command::Requeue,
        ),
    ];
    Table::<ChangeSet>::of(&create, cases).check();
}

fn with_dry_run(mut set: ChangeSet, dry_run: bool) -> ChangeSet {
    set.proposal.dry_run = dry_run;
    set
}

fn queue(_: &ChangeSet) -> change_set::Command {
    change_set::Command::Queue {
        entry: EntryId::new(sample::uuid(7)),
    }
}

fn announced(mut approval: Approval) -> Approval {
    approval.warned_at = Some(approval.question.expires_at);
    approval
}

// S3: the moves of an approval; whoever decides too late learns who was first.
#[test]
fn every_move_of_an_approval() {
    use approval::Command;
    let create = Command::Ask(sample::question(Level::Admin, sample::time(500_000)));
    let cases = vec![
        case("be announced", |_| Command::Warn),
        case("be looked at whole", |approval: &Approval| {
            Command::LookAt {
                digest: approval.question.digest,
            }
        }),
        case("be given more time", |approval: &Approval| {
            let more = std::time::Duration::from_secs(1);
            Command::Extend {
                expires_at: approval.question.expires_at + more,
            }
        }),
        case("be approved", |approval: &Approval| Command::Approve {
            digest: Some(approval.question.digest),
            reason: None,
        }),
        case("be rejected", |approval: &Approval| Command::Reject {
            digest: Some(approval.question.digest),
            reason: Some(sample::text("please split it")),
            changes_requested: true,
        }),
        // Nothing expires unannounced.
        case_where("expire", announced, |_| Command::Expire),
        case("be cancelled", |_| Command::Cancel {
            reason: sample::text("not wanted"),
        }),
    ];
    let table = Table::<Approval> {
        refused: |refusal, status, verb| match verb {
            "be looked at whole" | "be given more time" | "be approved" | "be rejected" => {
                matches!(refusal, Refusal::AlreadyDecided { status: told, .. } if *told == status)
            }
            _ => is_illegal::<Approval>(refusal, status, verb),
        },
        ..Table::of(&create, cases)
    };
    table.check();
}

// X11: the moves of a grant.
#[test]
fn every_move_of_a_grant() {
    use grant::Command;
    let create = Command::Give {
        id: GrantId::new(sample::uuid(8)),
        terms: grant::Terms {
            expires_at: Some(sample::time(2_000_000)),
            ..sample::terms()
        },
    };
    fn used(_: &Grant) -> Command {
        Command::Use {
            run: None,
            level: Level::TeamLead,
        }
    }
    let cases = vec![
        case("be used", used),
        case_where(
            "be used for the last time",
            |mut grant| {
                grant.terms.uses_max = Some(1);
                grant
            },
            used,
        ),
        case_where(
            "expire",
            |mut grant| {
                grant.terms.expires_at = Some(sample::time(500_000));
                grant
            },
            |_| Command::Expire,
        ),
        case("be revoked", |_| Command::Revoke { reason: None }),
    ];
    let table = Table::<Grant> {
        // Each use is tried as an ordinary one first.
        refused: |refusal, status, _| matches!(refusal, Refusal::Illegal { status: told, .. } if *told == status),
        ..Table::of(&create, cases)
    };
    table.check();
}

// M1, M5: the moves of a queue entry.
#[test]
fn every_move_of_an_entry() {
    use entry::{Cause, Command};
    /// As if its checks had passed.
    fn passed(entry: Entry) -> Entry {
        Entry {
            candidate: Some(sample::candidate(1, 2, 3)),
            verdict: Some(sample::verdict(2)),
            ..entry
        }
    }
    fn quarantine(quarantine: Quarantine) -> Command {
        Command::Quarantine {
            quarantine,
            evidence: sample::digest(1),
            reason: sample::text("put aside"),
        }
    }
    let create = Command::Enqueue {
        id: EntryId::new(sample::uuid(7)),
        admission: sample::admission(false),
    };
    let cases = vec![
        case("be leased", |entry: &Entry| Command::Lease {
            fence: entry.fence + 1,
        }),
        case("be merged", |_| Command::Merge),
        case("be checked", |_| Command::Check {
            candidate: sample::candidate(1, 2, 3),
        }),
        case_where("pass its checks", passed, |_| {
            Command::Pass(sample::verdict(2))
        }),
        case_where("be dispatched", passed, |_| {
            Command::Dispatch(sample::dispatch(1, 3))
        }),
        case_where(
            "land",
            |entry| Entry {
                dispatch: Some(sample::dispatch(1, 3)),
                ..entry
            },
            |_| Command::Land {
                commit: sample::git(3),
            },
        ),
        case("be released", |entry: &Entry| Command::Release {
            cause: Cause::EngineEnded,
            reason: sample::text("its worker died"),
            max_attempts: entry.attempts + 2,
        }),
        case("be given up", |entry: &Entry| Command::Release {
            cause: Cause::EngineEnded,
            reason: sample::text("its worker died again"),
            max_attempts: entry.attempts + 1,
        }),
        case("start over on a moved branch", |_| Command::Refresh {
            tip: sample::git(9),
        }),
        case("be blocked", |_| Command::Block {
            cause: Cause::Edited,
            reason: sample::text("the work tree has changes"),
        }),
        case("be unblocked", |_| Command::Unblock),
        case("be quarantined", |_| quarantine(Quarantine::Conflict)),
        case("be quarantined", |_| quarantine(Quarantine::Check)),
        case("be quarantined", |_| quarantine(Quarantine::Policy)),
        case("fail", |_| Command::Fail {
            cause: Cause::NotLanded,
            reason: sample::text("what it needs did not land"),
        }),
        case("be cancelled", |_| Command::Cancel {
            reason: sample::text("not wanted"),
        }),
        case("be retried", |_| Command::Retry),
    ];
    Table::<Entry>::of(&create, cases).check();
}
