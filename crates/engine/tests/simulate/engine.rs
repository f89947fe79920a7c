//! An engine: its reconcilers' own decisions, each read at one step and committed at a later one.

use std::collections::HashMap;
use std::time::Duration;

use hyperion_model::approval::{self, Approval, Question};
use hyperion_model::change_set::{self, Assessed, Basis, ChangeSet, Item, Proposal, item};
use hyperion_model::entry::{self, Entry};
use hyperion_model::facts::Operation;
use hyperion_model::machine::Refusal;
use hyperion_model::plan::{self, NewStep, Plan, step};
use hyperion_model::request::{self, Request};
use hyperion_model::run::{self, Ending, Run, Work};
use hyperion_model::{
    Actor, ApprovalId, ChangeSetId, Command, Decision, Digest, EntryId, GitId, ItemId, Level,
    LineageId, PlanId, RepoPath, RequestId, RunId, ShortText, Subject, TaskId, Time,
};

use super::facts::{Held, NotTaken};
use super::queue::Stage;
use super::world::{TTL, Task, WARN_BEFORE, World, digest, name};
use crate::approval::reconciler::{self, Seen};
use crate::plan::{ready, settle};
use crate::request::progress::{self, Next};
use crate::rollback;
use crate::run::{Left, RunAction, action_for};

/// What an engine knows, and loses when it dies.
pub(super) struct Engine {
    pub(super) instance: u64,
    /// After how many more steps it dies, when another one took its place.
    pub(super) dies_in: Option<u64>,
    pub(super) pending: Option<Pending>,
    turn: usize,
    seen: Option<Seen>,
    seen_since: Option<Time>,
    pub(super) leases: HashMap<EntryId, Held>,
    pub(super) not_before: HashMap<EntryId, Time>,
    pub(super) stages: HashMap<EntryId, Stage>,
    pub(super) jobs: Vec<Job>,
}

/// Something that was decided and is not committed yet.
pub(super) struct Pending {
    pub(super) what: &'static str,
    pub(super) actor: Actor,
    pub(super) commands: Vec<Command>,
    pub(super) guard: Option<Held>,
    pub(super) refused: Refused,
    pub(super) then: Then,
}

/// What an engine does when a batch was not taken.
pub(super) enum Refused {
    /// It says so, and looks again.
    LookAgain,
    Fail(&'static str, Vec<Command>),
    Stumble(EntryId),
}

/// What an engine does once a batch was committed.
pub(super) enum Then {
    Nothing,
    /// Whoever asked for a rollback has decided it, if their role reaches.
    Decide(Actor, ApprovalId, Digest),
    Forget(EntryId),
    Landed(EntryId, GitId),
}

/// A check at work in a thread of its own.
pub(super) struct Job {
    pub(super) run: RunId,
    began: bool,
    cancelled: bool,
}

impl Pending {
    pub(super) fn new(part: &str, what: &'static str, commands: Vec<Command>) -> Self {
        Self {
            what,
            actor: part_of(part),
            commands,
            guard: None,
            refused: Refused::LookAgain,
            then: Then::Nothing,
        }
    }

    fn or(mut self, what: &'static str, commands: Vec<Command>) -> Self {
        self.refused = Refused::Fail(what, commands);
        self
    }
}

pub(super) fn part_of(part: &str) -> Actor {
    Actor::Engine { id: name(part) }
}

fn text(text: &str) -> ShortText {
    ShortText::cut(text)
}

impl Engine {
    pub(super) fn new(instance: u64) -> Self {
        Self {
            instance,
            dies_in: None,
            pending: None,
            turn: 0,
            seen: None,
            seen_since: None,
            leases: HashMap::new(),
            not_before: HashMap::new(),
            stages: HashMap::new(),
            jobs: vec![],
        }
    }
}

/// How many reconcilers there are.
pub(super) const TURNS: usize = 8;

impl World {
    /// Lets an engine take one step; `false` when it found nothing to do.
    pub(super) fn engine_acts(&mut self, which: usize) -> bool {
        let mut engine = self.engines.remove(which);
        let did = self.engine_step(&mut engine);
        self.engines.insert(which, engine);
        did
    }

    fn engine_step(&mut self, engine: &mut Engine) -> bool {
        if !engine.jobs.is_empty() && self.dice.chance(30) {
            self.job_acts(engine);
            return true;
        }
        if let Some(pending) = engine.pending.take() {
            self.finish(engine, pending);
            return true;
        }
        engine.turn = (engine.turn + 1) % TURNS;
        engine.pending = match engine.turn {
            0 => self.intake(),
            1 => self.dispatch(),
            2 => self.assess(),
            3 => self.approvals(engine),
            4 => match self.checks(engine) {
                Ok(did) => return did,
                Err(pending) => Some(pending),
            },
            5 => match self.queue(engine) {
                Ok(did) => return did,
                Err(pending) => Some(pending),
            },
            6 => self.settle(),
            _ => self.requests(),
        };
        if let Some(pending) = &engine.pending {
            self.assert_can_be_done(
                &pending.actor,
                pending.what,
                &pending.commands,
                pending.guard.as_ref(),
            );
        }
        engine.pending.is_some()
    }

    fn finish(&mut self, engine: &mut Engine, pending: Pending) {
        let Pending {
            what,
            actor,
            commands,
            guard,
            refused,
            then,
        } = pending;
        match self.commit(what, &actor, &commands, guard.as_ref()) {
            Ok(()) => match then {
                Then::Nothing => {}
                Then::Decide(actor, approval, digest) => {
                    let command = approval::Command::Approve {
                        digest: Some(digest),
                        reason: Some(text("asked for the rollback")),
                    };
                    let mut next = Pending::new(
                        "policy",
                        "decide the rollback",
                        vec![Command::Approval(approval, command)],
                    );
                    next.actor = actor;
                    engine.pending = Some(next);
                }
                Then::Forget(entry) => self.forget(engine, entry),
                Then::Landed(entry, commit) => {
                    self.forget(engine, entry);
                    self.git.landing_refs.remove(&commit);
                }
            },
            Err(NotTaken::Refused(_, Refusal::Stale(_))) => {}
            Err(why) => match refused {
                Refused::LookAgain => {}
                Refused::Fail(what, commands) => {
                    let mut next = Pending::new("engine", what, commands);
                    next.actor = actor;
                    engine.pending = Some(next);
                }
                Refused::Stumble(entry) if why == NotTaken::LeaseLost => {
                    let ended = engine.leases.remove(&entry);
                    ended.iter().for_each(|ended| self.facts.release(ended));
                }
                Refused::Stumble(entry) => self.stumble(engine, entry),
            },
        }
    }

    fn first<M: hyperion_store::Stored>(&self, which: impl Fn(&M) -> bool) -> Option<M> {
        self.facts.open::<M>().find(|state| which(state)).cloned()
    }

    fn intake(&mut self) -> Option<Pending> {
        let request =
            self.first::<Request>(|request| request.status == request::Status::Pending)?;
        let document = self.documents[&request.id].clone();
        let looked_at = request::Command::Expect(Box::new(request.clone()));
        let expect = || Command::Request(request.id, looked_at.clone());
        let failed = self.finish_request(&request, request::Outcome::Failed, None);
        let fail = vec![expect(), failed];
        if document.vague && request.answers.is_empty() {
            let clarify = request::Command::Clarify {
                questions: digest(&[3]),
            };
            let commands = vec![expect(), Command::Request(request.id, clarify)];
            return Some(Pending::new("intake", "ask", commands).or("give up", fail));
        }
        let id = PlanId::new(self.fresh());
        let steps = document
            .tasks
            .iter()
            .zip(1..)
            .map(|(task, number)| NewStep {
                number,
                task: TaskId::new(format!("T{number}")).unwrap(),
                depends_on: task.depends_on.clone(),
            });
        let create = plan::Command::Create {
            id,
            request: request.id,
            repo: self.repo,
            document: digest(&[4]),
            steps: steps.collect(),
        };
        let planned = request::Command::Plan {
            plan: id,
            brief: digest(&[5]),
        };
        let commands = vec![
            expect(),
            Command::Plan(id, create),
            Command::Request(request.id, planned),
            Command::Plan(id, plan::Command::Activate),
            Command::Request(request.id, request::Command::Start),
        ];
        Some(Pending::new("intake", "plan", commands).or("give up", fail))
    }

    fn finish_request(
        &self,
        request: &Request,
        outcome: request::Outcome,
        reason: Option<ShortText>,
    ) -> Command {
        let finish = request::Command::Finish {
            outcome,
            summary: digest(&[6]),
            reason,
        };
        Command::Request(request.id, finish)
    }

    fn dispatch(&mut self) -> Option<Pending> {
        let plans: Vec<Plan> = self.facts.open::<Plan>().cloned().collect();
        for plan in plans
            .iter()
            .filter(|plan| plan.status == plan::Status::Active)
        {
            for step in &plan.steps {
                match step.status {
                    step::Status::Pending if ready(plan, step) => {
                        return Some(self.start_step(plan, step.number));
                    }
                    step::Status::InProgress if step.change_set.is_none() && ready(plan, step) => {
                        let run = step
                            .run
                            .and_then(|run| self.facts.state::<Run>(run.uuid()))
                            .cloned();
                        if let Some(run) = run.filter(|run| run.status.is_open()) {
                            return Some(self.carry_out(plan, step, &run));
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }

    fn start_step(&mut self, plan: &Plan, number: u32) -> Pending {
        let id = RunId::new(self.fresh());
        let start = run::Command::Start {
            id,
            lineage: LineageId::new(self.fresh()),
            incarnation: 1,
            request: Some(plan.request),
            work: Work::Agent {
                plan: plan.id,
                step: number,
                agent: name("scripted"),
            },
            spec: digest(&[7]),
        };
        let commands = vec![
            Command::Run(id, start),
            Command::Plan(plan.id, plan::Command::StartStep { number, run: id }),
        ];
        Pending::new("dispatch", "start a step", commands)
    }

    fn carry_out(&mut self, plan: &Plan, step: &plan::Step, run: &Run) -> Pending {
        let ending = |reason| Ending {
            exit_code: None,
            reason,
            result: Some(digest(&[8])),
            ..Ending::default()
        };
        let reason = text("the agent could not do it");
        let fail = vec![
            Command::Run(run.id, run::Command::Fail(ending(Some(reason.clone())))),
            Command::Plan(
                plan.id,
                plan::Command::FailStep {
                    number: step.number,
                    cause: plan::step::Cause::Agent,
                    reason,
                },
            ),
        ];
        let request = self
            .facts
            .state::<Request>(plan.request.uuid())
            .cloned()
            .unwrap();
        let task = self.documents[&request.id].tasks[step.number as usize - 1].clone();
        let Some((base_tree, writes)) = self.work_at(plan, step, &request, &task) else {
            return Pending::new("dispatch", "fail a step", fail);
        };
        let set = ChangeSetId::new(self.fresh());
        let items = writes
            .into_iter()
            .map(|(file, value)| self.item(file, value))
            .collect();
        let proposal = Proposal {
            title: None,
            request: plan.request,
            plan: plan.id,
            step: step.number,
            task: step.task.clone(),
            repo: plan.repo,
            run: run.id,
            agent: name("scripted"),
            base_commit: request.submission.base.clone(),
            base_tree,
            document: digest(&[9]),
            supersedes: None,
            items,
            dry_run: request.submission.dry_run,
        };
        let commands = vec![
            Command::Run(run.id, run::Command::Begin { process: None }),
            Command::ChangeSet(set, change_set::Command::Propose { id: set, proposal }),
            Command::Plan(
                plan.id,
                plan::Command::HandIn {
                    number: step.number,
                    change_set: set,
                },
            ),
            Command::Run(run.id, run::Command::Finish(ending(None))),
        ];
        Pending::new("dispatch", "hand in", commands).or("fail a step", fail)
    }

    fn item(&mut self, file: u8, value: u32) -> Item {
        let id = ItemId::new(self.fresh());
        self.contents.insert(id, (file, value));
        Item {
            id,
            path: RepoPath::new(format!("file-{file}")).unwrap(),
            from_path: None,
            operation: Operation::Modify,
            old_hash: None,
            new_hash: None,
            old_mode: None,
            new_mode: None,
            hunks: 1,
            additions: 1,
            deletions: 1,
            status: item::Status::Pending,
            rejected_hunks: vec![],
        }
    }

    /// Makes a step's change: the tree it is made on, and what it writes. Nothing when that cannot be done.
    fn work_at(
        &mut self,
        plan: &Plan,
        step: &plan::Step,
        request: &Request,
        task: &Task,
    ) -> Option<(GitId, Vec<(u8, u32)>)> {
        let base = self.git.tree_of(&request.submission.base);
        if let Some(original) = request.submission.rolls_back {
            let mut tree = base.clone();
            for entry in rollback::landed(&self.facts, original, None)
                .unwrap()
                .iter()
                .rev()
            {
                let commit = entry.commit.as_ref().unwrap();
                let (landed, parent) = (self.git.tree_of(commit), self.git.parent(commit).unwrap());
                let before = self.git.tree_of(&parent);
                tree = self.git.merge(&landed, &tree, &before)?;
            }
            let writes = self.git.changes(&base, &tree);
            return (!writes.is_empty()).then_some((base, writes));
        }
        if task.impossible {
            return None;
        }
        let mut stacked = base.clone();
        for on in &step.depends_on {
            let Some(set) = plan.step(*on).and_then(|on| on.change_set) else {
                continue;
            };
            let set = self.set(set);
            let tree = match &set.assessed {
                Some(assessed) => assessed.tree.clone(),
                None => self.accepted_tree(&set),
            };
            stacked = self.git.merge(&base, &stacked, &tree)?;
        }
        let writes: Vec<_> = {
            let there = self.git.files(&stacked);
            let differs = |(file, value): &(&u8, &u32)| there.get(*file) != Some(*value);
            task.writes
                .iter()
                .filter(differs)
                .map(|(file, value)| (*file, *value))
                .collect()
        };
        (!writes.is_empty()).then_some((stacked, writes))
    }

    fn assess(&mut self) -> Option<Pending> {
        let set = self.first::<ChangeSet>(|set| set.status == change_set::Status::Pending)?;
        let request = self
            .facts
            .state::<Request>(set.proposal.request.uuid())
            .cloned()
            .unwrap();
        let end = |command| vec![Command::ChangeSet(set.id, command)];
        let looked_at = change_set::Command::Expect(Box::new(set.clone()));
        if super::world::accepted(&set.proposal.items).next().is_none() {
            let reject = change_set::Command::Reject {
                reason: text("every part of it was rejected"),
            };
            return Some(Pending::new("policy", "reject", end(reject)));
        }
        let tree = self.accepted_tree(&set);
        let rolls_back = request.submission.rolls_back.is_some();
        let task = &self.documents[&request.id].tasks[set.proposal.step as usize - 1];
        let decision = if rolls_back {
            Decision::Ask(
                rollback::level(&self.facts, &request)
                    .unwrap()
                    .max(Level::TeamLead),
            )
        } else {
            task.decision
        };
        let number = u128::from_str_radix(&tree.as_str()[10..], 16).unwrap();
        let assessed = Assessed {
            decision,
            level: match decision {
                Decision::Ask(level) => level,
                Decision::Allow | Decision::Deny => Level::Auto,
            },
            risk: approval::Risk::Low,
            document: digest(&[10]),
            tree,
            payload: digest(&[set.id.uuid().as_u128(), number]),
            policy: digest(&[11]),
        };
        let mut commands = end(looked_at);
        commands.extend(end(change_set::Command::Assess(assessed.clone())));
        let mut then = Then::Nothing;
        match decision {
            Decision::Deny => commands.extend(end(change_set::Command::Reject {
                reason: text("policy refuses it"),
            })),
            Decision::Allow | Decision::Ask(_) if set.proposal.dry_run => {}
            Decision::Allow => commands.extend(end(change_set::Command::Approve(Basis::Policy))),
            Decision::Ask(level) => {
                let question = self.question(&set, &assessed, level);
                let approval = question.id();
                if rolls_back {
                    then = Then::Decide(request.submitted_by.clone(), approval, question.digest);
                }
                commands.push(Command::Approval(
                    approval,
                    approval::Command::Ask(question),
                ));
                commands.extend(end(change_set::Command::Ask { approval }));
            }
        }
        let fail = end(change_set::Command::Fail {
            cause: plan::step::Cause::Change,
            reason: text("it could not be judged"),
        });
        let mut pending = Pending::new("policy", "assess", commands).or("give a change up", fail);
        pending.then = then;
        Some(pending)
    }

    fn question(&self, set: &ChangeSet, assessed: &Assessed, level: Level) -> Question {
        Question {
            lineage: LineageId::new(set.id.uuid()),
            key: name("land"),
            generation: set.questions + 1,
            about: Subject::ChangeSet(set.id),
            action: name("land"),
            level,
            risk: assessed.risk,
            digest: assessed.payload,
            content: None,
            document: digest(&[12]),
            request: Some(set.proposal.request),
            repo: Some(set.proposal.repo),
            expires_at: self.now + TTL,
            owners: None,
        }
    }

    fn approvals(&mut self, engine: &mut Engine) -> Option<Pending> {
        for set in self.facts.open::<ChangeSet>() {
            if set.status != change_set::Status::Previewing {
                continue;
            }
            if let Some(commands) = reconciler::outcome(&self.facts, set).unwrap() {
                return Some(Pending::new("approval", "carry a decision out", commands));
            }
        }
        let soon = self.now + WARN_BEFORE;
        let look = Seen::new(self.now, Some(self.since_boot));
        let unseen = Seen::is_unseen(engine.seen, look);
        let since = engine.seen_since.filter(|_| !unseen).unwrap_or(self.now);
        engine.seen_since = Some(since);
        let grace = (TTL / 10).min(approval::MAX_GRACE);
        let late = |set: &&ChangeSet| {
            reconciler::end_of_revision(set, since, grace).is_some_and(|end| end <= self.now)
        };
        if let Some(set) = self.facts.open::<ChangeSet>().find(late) {
            let expire = Command::ChangeSet(set.id, change_set::Command::Expire);
            return Some(Pending::new("approval", "end a revision", vec![expire]));
        }
        let met = self
            .facts
            .open::<Approval>()
            .filter(|approval| approval.question.expires_at <= soon)
            .find_map(|approval| {
                let command = reconciler::at_deadline(approval, self.now, unseen)?;
                Some(Command::Approval(approval.id, command))
            });
        if met.is_none() {
            engine.seen = Some(look);
        }
        met.map(|command| Pending::new("approval", "meet a deadline", vec![command]))
    }

    /// What watches runs: starts checks, takes over those that outlived their engine, and calls lost those whose shim is gone.
    fn checks(&mut self, engine: &mut Engine) -> Result<bool, Pending> {
        let has_shim = self.dice.chance(50);
        for run in self.facts.open::<Run>() {
            let job = engine.jobs.iter_mut().find(|job| job.run == run.id);
            let left = || {
                Ok(match run.status {
                    run::Status::Starting => Left::Nothing,
                    _ if has_shim => Left::Live,
                    _ => Left::Dead("its shim was killed".to_owned()),
                })
            };
            let action = action_for(&self.facts, run, job.is_some(), Duration::ZERO, left);
            match action.unwrap() {
                RunAction::Ask(asked) => {
                    if let Some(job) = job {
                        job.cancelled |= asked.stop;
                    }
                }
                action @ (RunAction::Start | RunAction::Adopt) => {
                    let run = run.id;
                    engine.jobs.push(Job {
                        run,
                        began: action == RunAction::Adopt,
                        cancelled: false,
                    });
                    return Ok(true);
                }
                RunAction::Lose(reason) | RunAction::Abandon(reason) => {
                    let lose = run::Command::Lose {
                        reason: text(&reason),
                    };
                    return Err(Pending::new(
                        "check",
                        "lose a run",
                        vec![Command::Run(run.id, lose)],
                    ));
                }
                RunAction::Leave
                | RunAction::LookAgain
                | RunAction::Record(_)
                | RunAction::Resume
                | RunAction::End(_)
                | RunAction::Kill(_) => {}
            }
        }
        Ok(false)
    }

    fn job_acts(&mut self, engine: &mut Engine) {
        let which = self.dice.place(engine.jobs.len());
        let job = &mut engine.jobs[which];
        let run = job.run;
        let ending = |exit_code| Ending {
            exit_code: Some(exit_code),
            reason: None,
            result: Some(digest(&[13])),
            ..Ending::default()
        };
        let lose = |why: &str| run::Command::Lose { reason: text(why) };
        let command = if job.cancelled {
            lose("nobody waits for it any more")
        } else if !job.began {
            job.began = true;
            let begin = run::Command::Begin { process: None };
            let _ = self.commit(
                "begin a check",
                &part_of("check"),
                &[Command::Run(run, begin)],
                None,
            );
            return;
        } else if self.benign {
            run::Command::Finish(ending(0))
        } else {
            match self.dice.below(100) {
                0..=74 => run::Command::Finish(ending(0)),
                75..=84 => run::Command::Fail(ending(1)),
                85..=89 => run::Command::Kill(ending(137)),
                _ => lose("a signal ended it from outside"),
            }
        };
        engine.jobs.remove(which);
        // The reconciler finds the run without a thread and calls it lost.
        let _ = self.commit(
            "end a check",
            &part_of("check"),
            &[Command::Run(run, command)],
            None,
        );
    }

    fn settle(&mut self) -> Option<Pending> {
        for plan in self.facts.open::<Plan>() {
            if plan.status == plan::Status::Active {
                let commands = settle::outcome(&self.facts, plan).unwrap();
                if !commands.is_empty() {
                    return Some(Pending::new("plan", "settle", commands));
                }
            }
        }
        None
    }

    fn requests(&mut self) -> Option<Pending> {
        for request in self.facts.open::<Request>() {
            let follow = matches!(
                request.status,
                request::Status::Planned
                    | request::Status::Running
                    | request::Status::AwaitingApproval
            );
            if !follow {
                continue;
            }
            let commands = match progress::next(&self.facts, request).unwrap() {
                Next::Nothing => continue,
                Next::Command(command) => vec![Command::Request(request.id, command)],
                Next::Finish(plan) => {
                    let (outcome, reason) = progress::ending(&plan);
                    let finish = self.finish_request(request, outcome, reason);
                    vec![progress::expect(&plan), finish]
                }
            };
            return Some(Pending::new("request", "follow", commands));
        }
        None
    }

    /// Notes a fault: the entry is tried again later, a limited number of times.
    fn stumble(&mut self, engine: &mut Engine, id: EntryId) {
        let entry = self.entry(id);
        let pause = super::world::RETRY_DELAY * 2_u32.pow(entry.attempts.min(8));
        engine
            .not_before
            .insert(id, self.now + pause.min(Duration::from_secs(600)));
        if super::queue::is_active(&entry) && entry.status != entry::Status::Dispatching {
            engine.pending = Some(self.release(engine, &entry));
        }
    }

    pub(super) fn request_of(&self, id: RequestId) -> Request {
        self.facts.state::<Request>(id.uuid()).cloned().unwrap()
    }

    pub(super) fn entries_open(&self) -> Vec<Entry> {
        self.facts.open::<Entry>().cloned().collect()
    }
}
