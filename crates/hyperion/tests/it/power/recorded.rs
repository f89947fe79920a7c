//! A run that is recorded, and cut anywhere afterwards.

use crate::invariants::{Acknowledged, files_below};
use crate::world::{World, text};
use hyperion_testkit::{
    Dice, Disk, Hyperion, Loss, Power, RequestFile, TempRepo, Trace, What, git,
};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// What people were told, and what follows from it.
#[derive(Debug, Default, Clone)]
struct Said {
    said: Acknowledged,
    /// The home knows the repository.
    known: bool,
    /// What requests were made on.
    bases: BTreeSet<String>,
    /// Requests that have all that it takes.
    approved: Vec<String>,
}

/// A world whose every file system call is recorded.
pub(super) struct Recorded {
    pub(super) world: World,
    pub(super) power: Power,
    before: Disk,
    began_at: String,
    said: Said,
    /// What had been said at each mark of the trace.
    marks: Vec<Said>,
}

impl Recorded {
    /// Has a repository in the person's home folder, and no home of Hyperion's yet.
    pub(super) fn new(files: &[(&str, &str)], bare: bool) -> Self {
        // A process that is killed is the engine, or nobody's.
        let hyperion =
            Hyperion::new(env!("CARGO_BIN_EXE_hyperion")).env("HYPERION_ENGINE__DETACH", "false");
        let repo = TempRepo::inside(hyperion.user_home());
        repo.commit("Begin", files);
        let repo = if bare { repo.bare_clone() } else { repo };
        let before = Disk::of(hyperion.top());
        let power = Power::record(hyperion.top());
        let hyperion = hyperion.envs(power.variables());
        Self {
            began_at: repo.tip("main"),
            world: World::on(hyperion, repo),
            power,
            before,
            said: Said::default(),
            marks: vec![],
        }
    }

    /// Starts an engine and makes the repository known.
    pub(super) fn begin(&mut self) {
        self.world.start_engine();
        self.init();
    }

    pub(super) fn init(&mut self) {
        self.world.run(&["init"]).code(0);
        self.said.known = true;
        self.mark();
    }

    /// Somebody was told something: from here on it must not be lost.
    pub(super) fn mark(&mut self) {
        self.power.mark(&self.marks.len().to_string());
        self.marks.push(self.said.clone());
    }

    pub(super) fn file(&mut self, request: &RequestFile) -> String {
        // Only our own landings move it, and none is under way while the tests file.
        self.said.bases.insert(self.world.repo.tip("main"));
        let id = self.world.file(request);
        self.said.said.filed.push(id.clone());
        self.mark();
        id
    }

    /// Approves what a request asks; does not wait for what comes of it.
    pub(super) fn approve(&mut self, id: &str) {
        let asked = self
            .world
            .request_when(id, |detail| detail["status"] == "awaiting_approval");
        let approval = text(&asked["waiting_approvals"][0]);
        self.world.run(&["approval", "approve", &approval]).code(0);
        self.said.said.decided.push((approval, true));
        self.said.approved.push(id.to_owned());
        self.mark();
    }

    /// Sees a request end in this state.
    pub(super) fn see(&mut self, id: &str, status: &str) {
        self.world
            .request_when(id, |detail| detail["status"] == status);
        self.said
            .said
            .ended
            .push((id.to_owned(), status.to_owned()));
        self.mark();
    }

    pub(super) fn land(&mut self, request: &RequestFile) -> String {
        let id = self.file(request);
        self.approve(&id);
        self.see(&id, "completed");
        id
    }

    /// Asks for a landing to be taken back, and sees it done.
    pub(super) fn take_back(&mut self, id: &str) {
        self.world.run(&["rollback", id]).code(0);
        let newest = self.world.list(&["request", "list", "--limit", "1"]);
        let by = text(&newest[0]["id"]);
        self.said.said.filed.push(by.clone());
        self.said.said.taken_back.push((id.to_owned(), by.clone()));
        self.mark();
        self.see(&by, "completed");
    }

    /// Ends the recording, having made sure that it is complete.
    pub(super) fn end(self) -> Ended {
        let trace = self.power.trace();
        let mut disk = self.before.clone();
        for at in 0..trace.len() {
            disk.follow(&trace, at);
        }
        let missed = disk.differences(&trace, self.world.hyperion.top());
        assert_eq!(missed, [""; 0], "the recorder missed something");
        let Self {
            world,
            power,
            before,
            began_at,
            said: _,
            marks,
        } = self;
        Ended {
            world,
            power,
            before,
            began_at,
            marks,
            trace,
        }
    }
}

/// A recording that can be cut anywhere.
pub(super) struct Ended {
    world: World,
    power: Power,
    before: Disk,
    began_at: String,
    marks: Vec<Said>,
    pub(super) trace: Trace,
}

/// Where the power goes, and what it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    at: usize,
    loss: Loss,
}

impl Ended {
    /// Every acknowledgement, with all that was not synced lost; this many ends of syncs, and moments in between.
    pub(super) fn cuts(&self, dice: &mut Dice, syncs: usize, others: usize) -> Vec<Cut> {
        let places = |wanted: fn(&What) -> bool| -> Vec<usize> {
            (0..self.trace.len())
                .filter(|&at| wanted(&self.trace.what(at)))
                .collect()
        };
        let all: Vec<_> = (0..self.trace.len()).collect();
        let synced = places(|what| matches!(what, What::Sync));
        let marks = places(|what| matches!(what, What::Mark(_)));
        let strict = |at| Cut {
            at,
            loss: Loss::Strict,
        };
        let mut cuts: Vec<_> = marks.into_iter().map(strict).collect();
        for (places, count) in [(synced, syncs), (all, others)] {
            for _ in 0..count {
                let at = *dice.pick(&places);
                let loss = if dice.chance(30) {
                    Loss::Strict
                } else {
                    Loss::Torn(dice.number())
                };
                cuts.push(Cut { at, loss });
            }
        }
        cuts.sort_by_key(|cut| cut.at);
        cuts
    }

    /// Cuts the power at each of these, starts Hyperion on what is left, and requires all that was said before.
    ///
    /// With `POWER_KEEP` set to a folder, what failed is kept there, as it was after Hyperion was done with it.
    pub(super) fn survive(&self, cuts: &[Cut]) {
        let failures = self.failures(cuts, self.before.clone(), usize::MAX);
        assert!(
            failures.is_empty(),
            "{} of {} cuts:\n\n{}",
            failures.len(),
            cuts.len(),
            failures.join("\n\n")
        );
    }

    /// What would be lost at some acknowledgement if syncs of what has this in its path were left out.
    pub(super) fn lost_without_syncs_of(&self, part: &str) -> Option<String> {
        let cuts = self.cuts(&mut Dice::new(1), 0, 0);
        let before = self.before.clone().deaf_to(part);
        self.failures(&cuts, before, 1).pop()
    }

    fn failures(&self, cuts: &[Cut], before: Disk, enough: usize) -> Vec<String> {
        let top = self.world.hyperion.top().to_path_buf();
        let aside = top.with_extension("aside");
        fs::rename(&top, &aside).unwrap();
        let mut disk = before;
        let mut said = Said::default();
        let mut marks = self.marks.iter();
        let mut at = 0;
        let mut failures = vec![];
        // What goes wrong is told at the end, once.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        for (number, cut) in cuts.iter().enumerate() {
            while at <= cut.at {
                disk.follow(&self.trace, at);
                if let What::Mark(_) = self.trace.what(at) {
                    said = marks.next().unwrap().clone();
                }
                at += 1;
            }
            let left = disk.after(cut.loss, &self.trace);
            left.write_to(&top);
            // What is kept in memory only is made by the system at each boot.
            fs::create_dir_all(top.join("runtime")).unwrap();
            let seen = catch_unwind(AssertUnwindSafe(|| self.come_back(number, &said)));
            if let Err(panic) = seen {
                let told = panic.downcast_ref::<String>().cloned();
                let told = told.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                failures.push(format!(
                    "cut {number}, {:?} at {}:\n{}",
                    cut.loss,
                    self.trace.describe(cut.at),
                    told.unwrap_or_default()
                ));
                if let Some(keep) = std::env::var_os("POWER_KEEP").map(PathBuf::from) {
                    left.write_to(&keep.join(format!("{number}-left")));
                    fs::rename(&top, keep.join(number.to_string())).unwrap();
                }
            }
            if top.exists() {
                fs::remove_dir_all(&top).unwrap();
            }
            if failures.len() >= enough {
                break;
            }
        }
        std::panic::set_hook(hook);
        fs::rename(&aside, &top).unwrap();
        failures
    }

    /// Boots, lets Hyperion do what there is to do, and looks for everything that was said.
    #[track_caller]
    fn come_back(&self, number: usize, told: &Said) {
        let Said {
            said,
            known,
            bases,
            approved,
        } = told;
        let rebooted = self.power.rebooted(number as u64 + 2);
        let hyperion = self.world.hyperion.clone().envs(rebooted);
        let mut world = World::on(hyperion, TempRepo::existing(self.world.repo.path()));
        // A request needs what it was made on, and once a person rewrites their history nothing else keeps that.
        let pinned = if bases.is_empty() {
            // There may be half of a folder, which no git can look into.
            vec![]
        } else {
            pins(&world)
        };
        for base in bases {
            assert!(pinned.contains(base), "base {base} is pinned: {pinned:?}");
        }
        remove_gits_own_locks(&world);
        // One for all of these commands.
        world.start_engine();
        if *known {
            assert_eq!(
                world.list(&["repo", "list"]).len(),
                1,
                "the repository is known"
            );
        } else {
            world.run(&["init"]).code(0);
        }
        drain(&world);
        // Approved is as good as done.
        let requests = world.list(&["request", "list", "--limit", "1000"]);
        for id in approved {
            let found = requests.iter().find(|request| request["id"] == id.as_str());
            let status = found.and_then(|request| request["status"].as_str());
            assert!(
                matches!(status, Some("completed" | "rolled_back" | "failed")),
                "request {id} was approved, and is {status:?}"
            );
        }
        world.kill_engine();
        world.assert_invariants(&self.began_at, said);
    }
}

/// Removes the locks that git left in the person's repository, as git tells people to after a crash. Ours, and those
/// below our own refs, are Hyperion's to remove.
pub(super) fn remove_gits_own_locks(world: &World) -> usize {
    let git_dir = PathBuf::from(world.repo.git(&["rev-parse", "--absolute-git-dir"]));
    let locks = files_below(&git_dir).into_iter().filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "lock")
            && !path.starts_with(git_dir.join("refs/hyperion"))
            && !fs::read(path).is_ok_and(|content| content.starts_with(b"hyperion "))
    });
    let locks: Vec<_> = locks.collect();
    for lock in &locks {
        fs::remove_file(lock).unwrap();
    }
    locks.len()
}

/// Works off the queue; that something failed is not for the queue to say.
#[track_caller]
pub(super) fn drain(world: &World) {
    let drained = world.run(&["drain"]);
    if !matches!(drained.exit(), Some(1 | 3)) {
        drained.code(0);
    }
}

/// The bases that are pinned, as git finds them.
fn pins(world: &World) -> Vec<String> {
    let Ok(repos) = fs::read_dir(world.hyperion.home().join("repos")) else {
        return vec![];
    };
    repos
        .map(|folder| folder.unwrap().path().join("git"))
        .flat_map(|folder| {
            let format = "--format=%(objectname)";
            let listed = git(folder, &["for-each-ref", format, "refs/hyperion/base/"]);
            listed.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}
