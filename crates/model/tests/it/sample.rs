//! Plausible values, each from a small number: equal numbers give equal values.

use hyperion_model::approval::{Question, Risk};
use hyperion_model::change_set::{Assessed, Item, Proposal, item};
use hyperion_model::entry::{Admission, Candidate, Dispatch, Green, Verdict};
use hyperion_model::facts::{Class, Operation, Priority};
use hyperion_model::plan::NewStep;
use hyperion_model::repo::{Pull, Remote};
use hyperion_model::request::{Source, Submission};
use hyperion_model::run::Work;
use hyperion_model::{
    Actor, ChangeSetId, Decision, Digest, EntryId, GitId, ItemId, Level, LineageId, Name, PlanId,
    RepoId, RepoPath, RequestId, Role, RunId, ShortText, Stamp, Subject, TaskId, Time, Uuid,
};

pub(crate) fn uuid(n: u32) -> Uuid {
    Uuid::from_u128(0x0190_b7c4_6f2e_7a31_9d52_3f1c_0000_0000 + u128::from(n))
}

pub(crate) fn digest(n: u32) -> Digest {
    Digest::from_bytes([u8::try_from(n % 256).unwrap_or(0); 32])
}

pub(crate) fn git(n: u32) -> GitId {
    GitId::new(format!("{n:040x}")).expect("40 hexadecimal digits")
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

pub(crate) fn remote(push: bool) -> Remote {
    Remote {
        name: name("origin"),
        push,
    }
}

pub(crate) fn pull(n: u32) -> Pull {
    Pull {
        from: git(n),
        to: git(n + 1),
        theirs: git(n + 2),
    }
}

pub(crate) fn task(n: u32) -> TaskId {
    TaskId::new(format!("T{n}")).expect("a valid task id")
}

pub(crate) fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a valid path")
}

pub(crate) fn text(text: &str) -> ShortText {
    ShortText::cut(text)
}

/// The given number of milliseconds after the tests' beginning of time.
pub(crate) fn time(ms: i64) -> Time {
    Time::from_millisecond(1_767_225_600_000 + ms).expect("a time in range")
}

pub(crate) fn person(role: Role) -> Actor {
    Actor::Person {
        id: name(role.name()),
        role,
    }
}

pub(crate) fn engine() -> Actor {
    Actor::Engine { id: name("queue") }
}

pub(crate) fn agent() -> Actor {
    Actor::Agent {
        id: name("scripted"),
    }
}

pub(crate) fn stamp(ms: i64, actor: Actor) -> Stamp {
    Stamp {
        time: time(ms),
        actor,
    }
}

pub(crate) fn submission(n: u32) -> Submission {
    Submission {
        class: Class::Bugfix,
        priority: Priority::High,
        repo: RepoId::new(uuid(1)),
        branch: name("main"),
        base: git(n + 1),
        document: digest(n),
        title: n.is_multiple_of(3).then(|| digest(n + 2)),
        source: Source::Cli,
        agent: name("scripted"),
        dry_run: n.is_multiple_of(2),
        atomic: false,
        requires_approval: true,
        rolls_back: None,
        rolls_back_entry: None,
    }
}

/// The given number of steps, each after the one before it.
pub(crate) fn steps(count: u32) -> Vec<NewStep> {
    (1..=count)
        .map(|number| NewStep {
            number,
            task: task(number),
            depends_on: (number > 1).then(|| number - 1).into_iter().collect(),
        })
        .collect()
}

pub(crate) fn work() -> Work {
    Work::Agent {
        plan: PlanId::new(uuid(3)),
        step: 1,
        agent: name("scripted"),
    }
}

/// An item with as many hunks as its number says.
pub(crate) fn item(n: u32) -> Item {
    Item {
        id: ItemId::new(uuid(100 + n)),
        path: path(&format!("src/part{n}.rs")),
        from_path: None,
        operation: Operation::Modify,
        old_hash: Some(digest(n)),
        new_hash: Some(digest(n + 1)),
        old_mode: Some(0o100_644),
        new_mode: Some(0o100_755),
        hunks: n,
        additions: 3,
        deletions: 2,
        status: item::Status::Pending,
        rejected_hunks: Vec::new(),
    }
}

pub(crate) fn proposal(dry_run: bool) -> Proposal {
    Proposal {
        request: RequestId::new(uuid(2)),
        plan: PlanId::new(uuid(3)),
        step: 1,
        task: task(1),
        repo: RepoId::new(uuid(1)),
        run: RunId::new(uuid(4)),
        agent: name("scripted"),
        base_commit: git(1),
        base_tree: git(2),
        document: digest(5),
        title: dry_run.then(|| digest(11)),
        supersedes: dry_run.then(|| ChangeSetId::new(uuid(60))),
        items: vec![item(0), item(1), item(3)],
        dry_run,
    }
}

pub(crate) fn assessed(decision: Decision) -> Assessed {
    Assessed {
        decision,
        level: match decision {
            Decision::Ask(level) => level,
            Decision::Allow | Decision::Deny => Level::Auto,
        },
        risk: Risk::Medium,
        document: digest(6),
        tree: git(7),
        payload: digest(8),
        policy: digest(9),
    }
}

pub(crate) fn question(level: Level, expires_at: Time) -> Question {
    Question {
        lineage: LineageId::new(uuid(5)),
        key: name("land"),
        generation: 1,
        about: Subject::ChangeSet(ChangeSetId::new(uuid(6))),
        action: name("land"),
        level,
        risk: Risk::High,
        digest: digest(8),
        content: None,
        document: digest(6),
        request: Some(RequestId::new(uuid(2))),
        repo: Some(RepoId::new(uuid(1))),
        expires_at,
        owners: None,
    }
}

pub(crate) fn admission(dry_run: bool) -> Admission {
    Admission {
        repo: RepoId::new(uuid(1)),
        branch: name("main"),
        request: RequestId::new(uuid(2)),
        change_sets: vec![ChangeSetId::new(uuid(6))],
        depends_on: vec![EntryId::new(uuid(70))],
        priority: Priority::Critical,
        level: Level::TeamLead,
        checks: Some(digest(4)),
        dry_run,
    }
}

pub(crate) fn candidate(tip: u32, tree: u32, commit: u32) -> Candidate {
    Candidate {
        tip: git(tip),
        tree: git(tree),
        commit: git(commit),
    }
}

pub(crate) fn verdict(tree: u32) -> Verdict {
    Verdict {
        tree: git(tree),
        runs: vec![RunId::new(uuid(4))],
        green: Green::Strict,
    }
}

pub(crate) fn dispatch(tip: u32, commit: u32) -> Dispatch {
    Dispatch {
        candidate: git(commit),
        expected_tip: git(tip),
        payload: digest(8),
        policy: digest(9),
    }
}

pub(crate) fn terms() -> hyperion_model::grant::Terms {
    hyperion_model::grant::Terms {
        shape: digest(4),
        scope: hyperion_model::grant::Scope::Request(RequestId::new(uuid(2))),
        level: Level::TeamLead,
        uses_max: Some(20),
        expires_at: Some(time(500_000)),
    }
}
