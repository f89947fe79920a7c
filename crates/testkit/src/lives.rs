//! Thousands of requests from start to end: commands for a store, without an engine or a repository.

use hyperion_model::approval::{self, Question, Risk};
use hyperion_model::change_set::{self, Assessed, Basis, Item, Proposal, item};
use hyperion_model::entry::{self, Admission, Candidate, Dispatch, Green, Verdict};
use hyperion_model::facts::{Class, Operation, Priority};
use hyperion_model::plan::{self, NewStep};
use hyperion_model::request::{self, Outcome, Source, Submission};
use hyperion_model::run::{self, Ending, Work};
use hyperion_model::{
    Actor, ApprovalId, Batch, BatchId, ChangeSetId, Command, Decision, Digest, EntryId, GitId,
    ItemId, Level, LineageId, Name, NewBlob, PlanId, RepoId, RepoPath, RequestId, Role, RunId,
    ShortText, Stamp, Subject, TaskId, Time, Uuid, command, repo,
};

/// How far a life goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Its entry waits in the queue: 15 events.
    Queued,
    /// It landed: 27 events.
    Landed,
    /// Everything of it was called off as soon as it was there: 12 events for six rows, which is
    /// the fastest way to many rows.
    CalledOff,
    /// Its entry was given up: 20 events.
    Dead,
}

/// One request with a plan, a run, a change set, an approval and an entry.
///
/// Everything about it follows from its number, its ids included; ids grow with the number.
///
/// ```
/// use hyperion_testkit::{Life, Until};
///
/// let batches = Life::batches(1..=100, hyperion_model::Time::UNIX_EPOCH, Until::Landed);
/// let commands: usize = batches.map(|batch| batch.commands.len()).sum();
/// assert!(commands > 2000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    number: u64,
}

impl Life {
    /// The life with a number.
    pub const fn new(number: u64) -> Self {
        Self { number }
    }

    /// The repository of all lives: [`Life::register`] makes it known.
    pub fn repo() -> RepoId {
        RepoId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
    }

    /// Makes the repository known; nothing looks at its path.
    pub fn register() -> Command {
        let register = repo::Command::Register {
            id: Self::repo(),
            name: name("lives"),
            path: "/srv/lives".to_owned(),
            branch: name("main"),
        };
        Command::Repo(Self::repo(), register)
    }

    /// Batches that lead several lives as far as is wanted, as large as batches may be.
    pub fn batches(
        numbers: std::ops::RangeInclusive<u64>,
        time: Time,
        until: Until,
    ) -> impl Iterator<Item = Batch> {
        let (mut next, last) = (*numbers.start(), *numbers.end());
        std::iter::from_fn(move || {
            if next > last {
                return None;
            }
            let mut batch = Self::new(next).batch(time, until);
            let each = batch.commands.len();
            next += 1;
            while next <= last && batch.commands.len() + each <= command::MAX_COMMANDS {
                let further = Self::new(next).batch(time, until);
                batch.commands.extend(further.commands);
                batch.blobs.extend(further.blobs);
                next += 1;
            }
            Some(batch)
        })
    }

    /// One batch that leads this life as far as is wanted.
    pub fn batch(&self, time: Time, until: Until) -> Batch {
        let stamp = Stamp {
            time,
            actor: Actor::Person {
                id: name("ada"),
                role: Role::Admin,
            },
        };
        let commands = match until {
            Until::CalledOff => self.called_off(time),
            Until::Queued => self.up_to_the_queue(time),
            Until::Dead => [self.up_to_the_queue(time), self.given_up()].concat(),
            Until::Landed => [self.up_to_the_queue(time), self.landed()].concat(),
        };
        Batch {
            blobs: vec![self.document(), self.title(), self.change()],
            ..Batch::new(BatchId::new(self.uuid(0)), stamp, commands)
        }
    }

    /// Its request.
    pub fn request(&self) -> RequestId {
        RequestId::new(self.uuid(1))
    }

    /// Its plan.
    pub fn plan(&self) -> PlanId {
        PlanId::new(self.uuid(2))
    }

    /// Its run.
    pub fn run(&self) -> RunId {
        RunId::new(self.uuid(3))
    }

    /// Its change set.
    pub fn change_set(&self) -> ChangeSetId {
        ChangeSetId::new(self.uuid(4))
    }

    /// Its approval.
    pub fn approval(&self) -> ApprovalId {
        self.question(Time::UNIX_EPOCH).id()
    }

    /// Its entry.
    pub fn entry(&self) -> EntryId {
        EntryId::new(self.uuid(6))
    }

    /// What was asked, as it was filed.
    pub fn document(&self) -> NewBlob {
        NewBlob::new(format!(
            r#"{{"schema":"hyperion.task_request/v1","title":"Request number {}"}}"#,
            self.number
        ))
    }

    /// Its title.
    pub fn title(&self) -> NewBlob {
        NewBlob::new(format!("Request number {}", self.number))
    }

    /// The change, as it was handed in.
    pub fn change(&self) -> NewBlob {
        NewBlob::new(format!(
            r#"{{"schema":"hyperion.change_request/v1","task_id":"T1","request_id":"{}","agent":"scripted","base_commit":"{}","summary":"Change number {}","changes":[]}}"#,
            self.request(),
            git(1),
            self.number
        ))
    }

    fn uuid(&self, part: u64) -> Uuid {
        // Ids as real ones are made: ordered by time, with the rest scattered.
        let millis = 1_760_000_000_000 + self.number * 8 + part;
        let mut random = [0; 10];
        random[..8].copy_from_slice(
            &(self.number * 8 + part)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_be_bytes(),
        );
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    fn submission(&self) -> Submission {
        Submission {
            class: Class::Bugfix,
            priority: Priority::Medium,
            repo: Self::repo(),
            branch: name("main"),
            base: git(1),
            document: self.document().digest,
            title: Some(self.title().digest),
            source: Source::Cli,
            agent: name("scripted"),
            dry_run: false,
            atomic: false,
            requires_approval: true,
            rolls_back: None,
            rolls_back_entry: None,
        }
    }

    fn proposal(&self) -> Proposal {
        Proposal {
            request: self.request(),
            plan: self.plan(),
            step: 1,
            task: TaskId::new("T1").expect("a task's id"),
            repo: Self::repo(),
            run: self.run(),
            agent: name("scripted"),
            base_commit: git(1),
            base_tree: git(2),
            supersedes: None,
            document: self.change().digest,
            title: Some(self.title().digest),
            items: vec![Item {
                id: ItemId::new(self.uuid(4)),
                path: RepoPath::new("src/retry.rs").expect("a path"),
                from_path: None,
                operation: Operation::Modify,
                old_hash: Some(Digest::of(b"old")),
                new_hash: Some(Digest::of(b"new")),
                old_mode: Some(0o100_644),
                new_mode: Some(0o100_644),
                hunks: 1,
                additions: 1,
                deletions: 1,
                status: item::Status::Pending,
                rejected_hunks: Vec::new(),
            }],
            dry_run: false,
        }
    }

    fn question(&self, time: Time) -> Question {
        Question {
            lineage: LineageId::new(self.uuid(5)),
            key: name("land"),
            generation: 1,
            about: Subject::ChangeSet(self.change_set()),
            action: name("land"),
            level: Level::TeamLead,
            risk: Risk::Low,
            digest: Digest::of(b"payload"),
            content: None,
            document: self.change().digest,
            request: Some(self.request()),
            repo: Some(Self::repo()),
            expires_at: time + std::time::Duration::from_secs(86_400),
            owners: None,
        }
    }

    fn admission(&self) -> Admission {
        Admission {
            repo: Self::repo(),
            branch: name("main"),
            request: self.request(),
            change_sets: vec![self.change_set()],
            depends_on: Vec::new(),
            priority: Priority::Medium,
            level: Level::TeamLead,
            checks: None,
            dry_run: false,
        }
    }

    fn file(&self) -> Command {
        let submit = request::Command::Submit {
            id: self.request(),
            submission: self.submission(),
        };
        Command::Request(self.request(), submit)
    }

    fn lay_out(&self) -> Command {
        let create = plan::Command::Create {
            id: self.plan(),
            request: self.request(),
            repo: Self::repo(),
            document: self.document().digest,
            steps: vec![NewStep {
                number: 1,
                task: TaskId::new("T1").expect("a task's id"),
                depends_on: Vec::new(),
            }],
        };
        Command::Plan(self.plan(), create)
    }

    fn start(&self) -> Command {
        let start = run::Command::Start {
            id: self.run(),
            lineage: LineageId::new(self.uuid(7)),
            incarnation: 1,
            request: Some(self.request()),
            work: Work::Agent {
                plan: self.plan(),
                step: 1,
                agent: name("scripted"),
            },
            spec: self.document().digest,
        };
        Command::Run(self.run(), start)
    }

    fn propose(&self) -> Command {
        let propose = change_set::Command::Propose {
            id: self.change_set(),
            proposal: self.proposal(),
        };
        Command::ChangeSet(self.change_set(), propose)
    }

    fn ask(&self, time: Time) -> Command {
        Command::Approval(self.approval(), approval::Command::Ask(self.question(time)))
    }

    fn enqueue(&self) -> Command {
        let enqueue = entry::Command::Enqueue {
            id: self.entry(),
            admission: self.admission(),
        };
        Command::Entry(self.entry(), enqueue)
    }

    fn called_off(&self, time: Time) -> Vec<Command> {
        let reason = || ShortText::cut("called off");
        vec![
            self.file(),
            self.lay_out(),
            self.start(),
            self.propose(),
            self.ask(time),
            self.enqueue(),
            Command::Entry(self.entry(), entry::Command::Cancel { reason: reason() }),
            Command::Approval(
                self.approval(),
                approval::Command::Cancel { reason: reason() },
            ),
            Command::ChangeSet(
                self.change_set(),
                change_set::Command::Cancel { reason: reason() },
            ),
            Command::Run(self.run(), run::Command::Lose { reason: reason() }),
            Command::Plan(self.plan(), plan::Command::Abandon { reason: reason() }),
            Command::Request(
                self.request(),
                request::Command::Cancel { reason: reason() },
            ),
        ]
    }

    fn up_to_the_queue(&self, time: Time) -> Vec<Command> {
        let (request, plan) = (self.request(), self.plan());
        let (run, set) = (self.run(), self.change_set());
        let ending = Ending {
            exit_code: None,
            reason: None,
            result: Some(self.change().digest),
            ..Ending::default()
        };
        let assessed = Assessed {
            decision: Decision::Ask(Level::TeamLead),
            level: Level::TeamLead,
            risk: Risk::Low,
            document: self.change().digest,
            tree: git(3),
            payload: Digest::of(b"payload"),
            policy: Digest::of(b"policy"),
        };
        let basis = Basis::Approval {
            approval: self.approval(),
        };
        let hand_in = plan::Command::HandIn {
            number: 1,
            change_set: set,
        };
        vec![
            self.file(),
            self.lay_out(),
            Command::Request(
                request,
                request::Command::Plan {
                    plan,
                    brief: self.document().digest,
                },
            ),
            Command::Request(request, request::Command::Start),
            Command::Plan(plan, plan::Command::Activate),
            self.start(),
            Command::Plan(plan, plan::Command::StartStep { number: 1, run }),
            Command::Run(run, run::Command::Begin { process: None }),
            Command::Run(run, run::Command::Finish(ending)),
            self.propose(),
            Command::Plan(plan, hand_in),
            Command::ChangeSet(set, change_set::Command::Assess(assessed)),
            self.ask(time),
            Command::ChangeSet(
                set,
                change_set::Command::Ask {
                    approval: self.approval(),
                },
            ),
            Command::Approval(
                self.approval(),
                approval::Command::Approve {
                    digest: None,
                    reason: None,
                },
            ),
            Command::ChangeSet(set, change_set::Command::Approve(basis)),
            self.enqueue(),
            Command::ChangeSet(
                set,
                change_set::Command::Queue {
                    entry: self.entry(),
                },
            ),
        ]
    }

    fn landed(&self) -> Vec<Command> {
        let (set, entry) = (self.change_set(), self.entry());
        let commit = self.commit();
        let candidate = Candidate {
            tip: git(1),
            tree: git(3),
            commit: commit.clone(),
        };
        let verdict = Verdict {
            tree: git(3),
            runs: Vec::new(),
            green: Green::Unchecked,
        };
        let dispatch = Dispatch {
            candidate: commit.clone(),
            expected_tip: git(1),
            payload: Digest::of(b"payload"),
            policy: Digest::of(b"policy"),
        };
        let finish = request::Command::Finish {
            outcome: Outcome::Completed,
            summary: self.document().digest,
            reason: None,
        };
        let entry = |command| Command::Entry(entry, command);
        vec![
            entry(entry::Command::Lease { fence: 1 }),
            entry(entry::Command::Merge),
            entry(entry::Command::Check { candidate }),
            entry(entry::Command::Pass(verdict)),
            entry(entry::Command::Dispatch(dispatch)),
            Command::ChangeSet(set, change_set::Command::Dispatch),
            entry(entry::Command::Land {
                commit: commit.clone(),
            }),
            Command::ChangeSet(set, change_set::Command::Land { commit }),
            Command::Plan(self.plan(), plan::Command::CompleteStep { number: 1 }),
            Command::Plan(self.plan(), plan::Command::Complete),
            Command::Request(self.request(), finish),
        ]
    }

    fn given_up(&self) -> Vec<Command> {
        let reason = || ShortText::cut("its worker was lost");
        let step = plan::Command::FailStep {
            number: 1,
            cause: plan::step::Cause::Change,
            reason: reason(),
        };
        let finish = request::Command::Finish {
            outcome: Outcome::Failed,
            summary: self.document().digest,
            reason: Some(reason()),
        };
        let release = entry::Command::Release {
            cause: entry::Cause::EngineEnded,
            reason: reason(),
            max_attempts: 1,
        };
        vec![
            Command::Entry(self.entry(), entry::Command::Lease { fence: 1 }),
            Command::Entry(self.entry(), release),
            Command::ChangeSet(
                self.change_set(),
                change_set::Command::Fail {
                    cause: plan::step::Cause::Change,
                    reason: reason(),
                },
            ),
            Command::Plan(self.plan(), step),
            Command::Plan(self.plan(), plan::Command::Abandon { reason: reason() }),
            Command::Request(self.request(), finish),
        ]
    }

    /// The commit it landed as.
    pub fn commit(&self) -> GitId {
        git(self.number + 1000)
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a plain name")
}

fn git(n: u64) -> GitId {
    GitId::new(format!("{n:040x}")).expect("40 hexadecimal digits")
}
