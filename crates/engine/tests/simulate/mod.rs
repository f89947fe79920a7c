//! A world in memory, in which everything may happen at any time, and the same again from the same seed.
//!
//! The nouns' own `decide` and `apply` run over facts that are kept as plainly as can be, and the
//! reconcilers' own decisions over those facts; git is a few numbers. A scheduler throws dice for
//! who acts next: people (with what they saw a while ago), engines (which read at one step and
//! commit at a later one, die in between, or oversleep while another took over), the user at the
//! repository, and the clock, which jumps. [`watch`] looks at every event; now and then everybody
//! behaves, and then everything has to come to an end.
//!
//! A failure prints the last steps and how to repeat the round.

#![allow(
    clippy::result_large_err,
    reason = "a step that has to commit something gives the whole batch back at once"
)]

mod engine;
mod facts;
mod git;
mod people;
mod queue;
mod watch;
mod world;

use hyperion_model::approval::Approval;
use hyperion_model::change_set::{self, ChangeSet};
use hyperion_model::entry::{self, Entry};
use hyperion_model::machine::Row;
use hyperion_model::plan::Plan;
use hyperion_model::request::Request;
use hyperion_model::run::Run;
use hyperion_store::Stored;
use hyperion_testkit::{Chaos, Dice};

use self::world::{Weather, World};

/// How long a world exists until everybody behaves.
const STEPS: u64 = 2_500;
/// How many worlds a round has.
const WORLDS: u64 = 10;
/// How many rounds a test has, unless it goes on for minutes; the four of them take a million steps.
const ROUNDS: u64 = 10;
/// How long everybody behaves until it is called a standstill.
const STEPS_MAX: usize = 20_000;

impl World {
    /// Everybody behaves from now on: one engine, a work tree without edits, people who say yes. Everything has to end.
    fn come_to_rest(&mut self) {
        self.benign = true;
        let alive = self.engines.pop().unwrap();
        self.engines = vec![alive];
        self.engines[0].dies_in = None;
        // It holds the home's lock: all others are dead.
        let owner = self.engines[0].instance;
        self.facts.leases.retain(|_, lease| lease.owner == owner);
        self.git.edited.clear();
        let (mut idle, mut quiet) = (0, 0);
        for _ in 0..STEPS_MAX {
            self.steps += 1;
            if self.engine_acts(0) {
                (idle, quiet) = (0, 0);
                continue;
            }
            idle += 1;
            if idle <= engine::TURNS {
                continue;
            }
            idle = 0;
            if !self.people_answer() {
                quiet += 1;
                if quiet > 15 {
                    break;
                }
                self.now += std::time::Duration::from_secs(60);
                self.since_boot += std::time::Duration::from_secs(60);
            }
        }
        self.say("everybody behaved");
        self.assert_ended::<Request>();
        self.assert_ended::<Plan>();
        self.assert_ended_but::<ChangeSet>(|set| self.is_kept(set));
        self.assert_ended::<Approval>();
        self.assert_ended::<Entry>();
        self.assert_ended::<Run>();
        self.facts.assert_replayed();
    }

    /// A change whose entry is a dead letter is kept with it: a person may have it tried again.
    fn is_kept(&self, set: &ChangeSet) -> bool {
        let entry = set
            .entry
            .filter(|_| set.status == change_set::Status::Queued);
        entry.is_some_and(|entry| {
            matches!(
                self.entry(entry).status,
                entry::Status::Quarantined | entry::Status::Dead
            )
        })
    }

    fn assert_ended<M: Stored>(&self) {
        self.assert_ended_but::<M>(|_| false);
    }

    fn assert_ended_but<M: Stored>(&self, is_kept: impl Fn(&M) -> bool) {
        let left: Vec<&M> = self
            .facts
            .open::<M>()
            .filter(|open| !is_kept(open))
            .collect();
        let mut lines = String::new();
        for open in &left {
            let Row {
                status, request, ..
            } = open.row();
            let id = open.own_uuid();
            lines.push_str(&format!(
                "
{} {id} is {status}; its request:",
                M::NOUN
            ));
            lines.push_str(&self.history_of(request));
        }
        assert!(
            left.is_empty(),
            "left open although everybody behaved:{lines}"
        );
    }
}

/// Lets worlds come and go.
fn simulate(weather: Weather) {
    let mut chaos = Chaos::from_env(ROUNDS);
    while let Some(mut dice) = chaos.another_round() {
        for _ in 0..WORLDS {
            let mut world = World::new(dice.fork(), weather);
            for _ in 0..STEPS {
                world.step();
            }
            world.come_to_rest();
            chaos.count("steps", world.steps);
            chaos.count("events", world.facts.events.len() as u64);
            for (what, count) in &world.counts {
                chaos.count(what, *count);
            }
        }
    }
}

const USUAL: Weather = Weather {
    misfortune: 4,
    clock: 57,
    user: 15,
    people: 225,
};

// M1, M5, M7, C4, S8: whatever happens in whatever order, nothing lands twice, unchecked or unasked, nobody works under
// an old fence, the events alone give every row, and everything comes to an end.
#[test]
fn chaos_a_world_in_which_anything_may_happen() {
    simulate(USUAL);
}

// The same with engines that hardly ever live long.
#[test]
fn chaos_a_world_in_which_engines_keep_dying() {
    simulate(Weather {
        misfortune: 40,
        ..USUAL
    });
}

// The same with a clock that hardly ever goes right, and a user who hardly ever keeps still.
#[test]
fn chaos_a_world_that_never_stands_still() {
    simulate(Weather {
        clock: 150,
        user: 120,
        ..USUAL
    });
}

// The same with people who decide, call off and retry all the time.
#[test]
fn chaos_a_world_full_of_people() {
    simulate(Weather {
        people: 500,
        ..USUAL
    });
}

// Two worlds from one seed are the same, to the last event; otherwise no failure could be repeated.
#[test]
fn a_world_is_repeated_by_its_seed() {
    let history = |seed| {
        let mut world = World::new(Dice::new(seed), USUAL);
        for _ in 0..1_000 {
            world.step();
        }
        format!("{:?}", world.facts.events)
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}
