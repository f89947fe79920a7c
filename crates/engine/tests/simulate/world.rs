//! Everything there is: facts, the repository, the clock, who acts, and what was seen so far.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use hyperion_model::change_set::{ChangeSet, Item, item};
use hyperion_model::entry::Entry;
use hyperion_model::{
    Actor, Command, Decision, Digest, GitId, ItemId, Level, Name, RepoId, RequestId, Role, Stamp,
    Time, Uuid, repo,
};
use hyperion_testkit::Dice;

use super::engine::Engine;
use super::facts::{Facts, Held, NotTaken};
use super::git::{Files, Git};
use super::people::Person;
use super::watch::Watch;

/// How many steps a failure shows.
const SHOWN: usize = 30;

pub(super) const LEASE: Duration = Duration::from_secs(60);
pub(super) const MAX_ATTEMPTS: u32 = 5;
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(2);
pub(super) const TTL: Duration = Duration::from_secs(86_400);
pub(super) const WARN_BEFORE: Duration = Duration::from_secs(3600);

/// What one step of a request is about.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) depends_on: Vec<u32>,
    /// What its change writes into which file.
    pub(super) writes: Files,
    /// What policy says of it.
    pub(super) decision: Decision,
    /// Whether the agent cannot do it.
    pub(super) impossible: bool,
}

/// What a request says: what the store keeps in a blob.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) tasks: Vec<Task>,
    pub(super) vague: bool,
    pub(super) checked: bool,
}

/// How often, in a thousand steps, it is whose turn; the rest is the engines'.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// An engine dies, or oversleeps.
    pub(super) misfortune: u64,
    pub(super) clock: u64,
    pub(super) user: u64,
    pub(super) people: u64,
}

/// A step as it is shown when something fails.
struct Line {
    step: u64,
    now: Time,
    text: String,
    /// Which events came of it.
    events: std::ops::Range<usize>,
}

/// The world.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) facts: Facts,
    pub(super) git: Git,
    pub(super) watch: Watch,
    pub(super) now: Time,
    /// How long the machine has been up: time passes here too, but this clock is never set.
    pub(super) since_boot: Duration,
    pub(super) repo: RepoId,
    pub(super) branches: Vec<Name>,
    pub(super) documents: HashMap<RequestId, Document>,
    /// What each item of a change writes.
    pub(super) contents: BTreeMap<ItemId, (u8, u32)>,
    pub(super) engines: Vec<Engine>,
    pub(super) people: Vec<Person>,
    pub(super) benign: bool,
    pub(super) weather: Weather,
    pub(super) steps: u64,
    pub(super) counts: BTreeMap<&'static str, u64>,
    trace: VecDeque<Line>,
    ids: u128,
    instances: u64,
}

impl Drop for World {
    #[allow(
        clippy::print_stderr,
        reason = "the test runner shows what a failed test wrote"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the last of {} steps:", self.steps);
            for Line {
                step,
                now,
                text,
                events,
            } in &self.trace
            {
                let events = self.facts.events.get(events.clone()).unwrap_or_default();
                let kinds: Vec<_> = events.iter().map(|event| short(&event.fact)).collect();
                eprintln!("  {step:>7} {now} {text} {}", kinds.join(", "));
            }
        }
    }
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn digest(parts: &[u128]) -> Digest {
    let mut bytes = [0; 32];
    for (at, part) in parts.iter().enumerate() {
        for (to, byte) in part.to_be_bytes().into_iter().enumerate() {
            bytes[(at * 7 + to) % 32] ^= byte.rotate_left(u32::try_from(at).unwrap());
        }
    }
    Digest::from_bytes(bytes)
}

impl World {
    pub(super) fn new(dice: Dice, weather: Weather) -> Self {
        let branches = vec![name("main"), name("next")];
        let people = [Role::Admin, Role::TeamLead, Role::Operator];
        let mut world = Self {
            dice,
            facts: Facts::default(),
            git: Git::new(&branches),
            watch: Watch::default(),
            now: Time::from_second(1_767_225_600).unwrap(),
            since_boot: Duration::ZERO,
            repo: RepoId::new(Uuid::from_u128(1)),
            branches,
            documents: HashMap::new(),
            contents: BTreeMap::new(),
            engines: vec![],
            people: people.into_iter().map(Person::new).collect(),
            benign: false,
            weather,
            steps: 0,
            counts: BTreeMap::new(),
            trace: VecDeque::new(),
            ids: 0x0190_0000_0000_7000_8000_0000_0000_0000,
            instances: 0,
        };
        let register = repo::Command::Register {
            id: world.repo,
            name: name("repo"),
            path: "/srv/repo".to_owned(),
            branch: name("main"),
        };
        let ada = world.people[0].actor.clone();
        let repo = world.repo;
        world
            .commit("register", &ada, &[Command::Repo(repo, register)], None)
            .unwrap();
        world.start_engine();
        world
    }

    pub(super) fn fresh(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    pub(super) fn say(&mut self, text: &str) {
        self.show(text.to_owned(), 0..0);
    }

    fn show(&mut self, text: String, events: std::ops::Range<usize>) {
        if self.trace.len() == SHOWN {
            self.trace.pop_front();
        }
        self.trace.push_back(Line {
            step: self.steps,
            now: self.now,
            text,
            events,
        });
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Commits commands as one, and looks at what came of it.
    pub(super) fn commit(
        &mut self,
        what: &str,
        actor: &Actor,
        commands: &[Command],
        guard: Option<&Held>,
    ) -> Result<(), NotTaken> {
        let stamp = Stamp {
            time: self.now,
            actor: actor.clone(),
        };
        let done = self.facts.execute(&stamp, commands, guard);
        let who = actor.id();
        match &done {
            Ok(events) => {
                let end = self.facts.events.len();
                self.show(format!("{who}: {what}:"), end - events.len()..end);
            }
            Err(why) => {
                self.count("refused");
                self.say(&format!("{who}: {what}: not taken: {why:?}"));
            }
        }
        let events = done?;
        for event in &events {
            let mut watch = std::mem::take(&mut self.watch);
            watch.see(self, event, guard);
            self.watch = watch;
        }
        Ok(())
    }

    /// What is decided by the facts can be done, as long as nothing happens in between; it would never be done otherwise.
    pub(super) fn assert_can_be_done(
        &mut self,
        actor: &Actor,
        what: &str,
        commands: &[Command],
        guard: Option<&Held>,
    ) {
        let stamp = Stamp {
            time: self.now,
            actor: actor.clone(),
        };
        match self.facts.try_out(&stamp, commands, guard) {
            Ok(()) | Err(NotTaken::LeaseLost) => {}
            Err(NotTaken::Refused(subject, refusal)) => {
                let request = self.facts.request_of(subject);
                let history = self.history_of(request);
                panic!(
                    "{}: {what}: {refusal}: {subject:?}; its request:{history}\n{commands:#?}",
                    actor.id()
                );
            }
        }
    }

    /// An engine starts. It believes that all others are gone, and breaks their leases.
    pub(super) fn start_engine(&mut self) {
        self.instances += 1;
        let instance = self.instances;
        self.facts.leases.retain(|_, lease| lease.owner == instance);
        self.engines.push(Engine::new(instance));
        self.say(&format!("engine {instance} starts"));
    }

    /// Gives the tree of a change with every part of it that nobody rejected.
    pub(super) fn accepted_tree(&mut self, set: &ChangeSet) -> GitId {
        let mut files = self.git.files(&set.proposal.base_tree).clone();
        for item in accepted(&set.proposal.items) {
            let (file, value) = self.contents[&item.id];
            if value == 0 {
                files.remove(&file);
            } else {
                files.insert(file, value);
            }
        }
        self.git.tree(files)
    }

    /// Lists what happened to a request and to all that belongs to it.
    pub(super) fn history_of(&self, request: Option<RequestId>) -> String {
        let mut lines = String::new();
        for happened in &self.facts.events {
            if self.facts.request_of(happened.subject) == request {
                let (time, by) = (happened.stamp.time, happened.stamp.actor.id());
                let (event, id) = (
                    short(&happened.fact),
                    happened.subject.uuid().as_u128() & 0xffff,
                );
                lines.push_str(&format!("\n    {time} {by}: {event} {id:x}"));
            }
        }
        lines
    }

    pub(super) fn set(&self, id: hyperion_model::ChangeSetId) -> ChangeSet {
        self.facts.state::<ChangeSet>(id.uuid()).cloned().unwrap()
    }

    pub(super) fn entry(&self, id: hyperion_model::EntryId) -> Entry {
        self.facts.state::<Entry>(id.uuid()).cloned().unwrap()
    }

    /// Takes one step: somebody does something.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        let Weather {
            misfortune,
            clock,
            user,
            people,
        } = self.weather;
        let luck = self.dice.below(1000);
        if luck < misfortune {
            if self.dice.chance(25) {
                self.oversleep();
            } else {
                self.crash();
            }
        } else if luck < misfortune + clock {
            self.pass_time();
        } else if luck < misfortune + clock + user {
            self.user_at_the_repository();
        } else if luck < misfortune + clock + user + people {
            let who = self.dice.place(self.people.len());
            self.person_acts(who);
        } else {
            let which = self.dice.place(self.engines.len());
            self.engine_acts(which);
        }
        self.doomed_engines_die();
        if self.steps.is_multiple_of(1024) {
            self.facts.assert_replayed();
        }
    }

    /// The engine dies between two steps; what it knew is gone, and another starts.
    fn crash(&mut self) {
        self.count("crashes");
        let which = self.dice.place(self.engines.len());
        let dead = self.engines.remove(which);
        self.say(&format!("engine {} dies", dead.instance));
        if self.engines.iter().all(|engine| engine.dies_in.is_some()) {
            self.start_engine();
        }
    }

    /// The engine sleeps so long that another is started; then it goes on for a while, none the wiser.
    fn oversleep(&mut self) {
        if self.engines.len() > 1 {
            return;
        }
        self.count("overslept");
        let awake = 20 + self.dice.below(60);
        self.engines[0].dies_in = Some(awake);
        let minutes = self.dice.below(10);
        self.now += Duration::from_secs(60 * minutes);
        self.since_boot += Duration::from_secs(60 * minutes);
        self.start_engine();
    }

    fn doomed_engines_die(&mut self) {
        for engine in &mut self.engines {
            if let Some(left) = &mut engine.dies_in {
                *left = left.saturating_sub(1);
            }
        }
        self.engines.retain(|engine| engine.dies_in != Some(0));
    }

    fn pass_time(&mut self) {
        let by = match self.dice.below(100) {
            0..=69 => i64::try_from(self.dice.below(5_000)).unwrap(),
            70..=89 => i64::try_from(self.dice.below(600_000)).unwrap(),
            90..=94 => i64::try_from(self.dice.below(86_400_000)).unwrap(),
            95..=96 => 3 * 86_400_000,
            97..=98 => -i64::try_from(self.dice.below(86_400_000)).unwrap(),
            _ => -5_000,
        };
        match u64::try_from(by) {
            Ok(passed) if passed <= 86_400_000 => self.since_boot += Duration::from_millis(passed),
            Ok(_) | Err(_) => self.count("clock jumps"),
        }
        self.now = Time::from_millisecond(self.now.as_millisecond() + by).unwrap();
    }

    fn user_at_the_repository(&mut self) {
        let branch = self.dice.pick(&self.branches).clone();
        let tip = self.git.tip(&branch);
        match self.dice.below(6) {
            0 => {
                let mut files = self.git.files(&self.git.tree_of(&tip)).clone();
                let file = u8::try_from(1 + self.dice.below(8)).unwrap();
                files.insert(file, 900 + u32::try_from(self.dice.below(90)).unwrap());
                let tree = self.git.tree(files);
                let commit = self.git.commit(Some(&tip), &tree);
                self.git.publish(&commit);
                self.git.point(&branch, &commit);
                self.say(&format!("the user pushes to {branch}"));
            }
            1 => {
                if let Some(parent) = self.git.parent(&tip) {
                    self.git.point(&branch, &parent);
                    self.say(&format!("the user forces {branch} back"));
                }
            }
            2 | 3 => {
                let file = u8::try_from(1 + self.dice.below(8)).unwrap();
                self.git.edited.insert(file);
            }
            4 => self.git.edited.clear(),
            _ => self.git.checked_out = branch,
        }
    }

    pub(super) fn decision(&mut self) -> Decision {
        match self.dice.below(10) {
            0 => Decision::Deny,
            1..=3 => Decision::Allow,
            4 => Decision::Ask(Level::Admin),
            _ => Decision::Ask(Level::TeamLead),
        }
    }
}

/// Lists the items that would be part of what lands.
pub(super) fn accepted(items: &[Item]) -> impl Iterator<Item = &Item> {
    items
        .iter()
        .filter(|item| item.status != item::Status::Rejected)
}

/// Names an event in a word or two, for instance `Entry.Leased`.
fn short(fact: &hyperion_model::Fact) -> String {
    let text = format!("{fact:?}");
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let (noun, event) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    format!("{noun}.{event}")
}
