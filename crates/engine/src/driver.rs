//! Calls the reconcilers: after every commit and at every deadline, always from one thread.
//!
//! One thread is enough, for none of them waits: what takes long runs in threads of its own. It
//! also means that two of them never act at once, and that a pass over all of them that finds
//! nothing to do is the proof that the engine is idle.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyperion_model::Time;
use hyperion_store::{ReadError, StoreError};
use tokio::sync::{Notify, watch};

use crate::reconcile::{Progress, Reconcile};
use crate::{Cx, Error};

/// How long the driver waits after a pass in which something failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How often the driver looks although nothing happened: a net under lost wake-ups.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);
/// After this many passes in a row the driver says that something may go round in circles.
const SUSPICIOUS_PASSES: u32 = 10_000;

/// What the engine is up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Nothing can go on without a person or a deadline.
    pub idle: bool,
    /// The last event that this was found after.
    pub seq: u64,
    /// How many of the looks that were asked for this was found after.
    pub looks: u64,
    /// What failed in the last pass, by part.
    pub troubles: Vec<String>,
    /// Why nothing is worked on any more, until somebody has looked: the database is damaged, gone, or cannot be written at all.
    pub halted: Option<String>,
}

/// The driver's thread.
pub(crate) struct Driver {
    stop: Arc<AtomicBool>,
    wake: Arc<Notify>,
    looks: Arc<AtomicU64>,
    step: Step,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Since when the driver has been at its present step; none while it waits for something to do.
#[derive(Clone, Default)]
struct Step(Arc<Mutex<Option<Instant>>>);

impl Step {
    fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn busy_for(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// What a pass over all reconcilers came to.
struct Pass {
    worked: bool,
    delayed: Option<Time>,
    wake_at: Option<Time>,
    troubles: Vec<String>,
    halted: Option<String>,
}

impl Driver {
    /// Starts the thread.
    pub(crate) fn start(
        cx: Arc<Cx>,
        reconcilers: Vec<Box<dyn Reconcile>>,
    ) -> Result<(Self, watch::Receiver<Activity>), Error> {
        let (activity, receiver) = watch::channel(Activity {
            idle: false,
            seq: 0,
            looks: 0,
            troubles: Vec::new(),
            halted: None,
        });
        let stop = Arc::new(AtomicBool::new(false));
        let wake = Arc::new(Notify::new());
        let looks = Arc::<AtomicU64>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| Error::Io {
                what: "a timer".to_owned(),
                source,
            })?;
        let step = Step::default();
        let looping = Loop {
            cx,
            reconcilers,
            activity,
            stop: Arc::clone(&stop),
            wake: Arc::clone(&wake),
            looks: Arc::clone(&looks),
            step: step.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("driver".to_owned())
            .spawn(move || runtime.block_on(looping.run()))
            .map_err(|source| Error::Io {
                what: "the driver's thread".to_owned(),
                source,
            })?;
        Ok((
            Self {
                stop,
                wake,
                looks,
                step,
                thread: Mutex::new(Some(thread)),
            },
            receiver,
        ))
    }

    /// Has the thread look now; until it did, nobody knows whether there is nothing to do.
    pub(crate) fn wake(&self) {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Counts the looks that were asked for.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::SeqCst)
    }

    /// Says for how long the thread has been at the step it is at: a reconciler that hangs, or one that panicked, never ends it.
    pub(crate) fn busy_for(&self) -> Duration {
        self.step.busy_for()
    }

    /// Lets the thread end after what it is doing now, and waits for it.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.wake.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic in there was printed; there is nothing more to say.
            let _ = thread.join();
        }
    }
}

struct Loop {
    cx: Arc<Cx>,
    reconcilers: Vec<Box<dyn Reconcile>>,
    activity: watch::Sender<Activity>,
    stop: Arc<AtomicBool>,
    wake: Arc<Notify>,
    looks: Arc<AtomicU64>,
    step: Step,
}

impl Loop {
    async fn run(mut self) {
        let mut commits = self.cx.store.subscribe();
        let mut passes = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let seq = *commits.borrow_and_update();
            let looks = self.looks.load(Ordering::SeqCst);
            // A job that ends while the pass goes on may have left something to do without a commit.
            let jobs_before = self.cx.jobs.count();
            let pass = self.pass();
            self.step.end();
            if let Some(why) = &pass.halted {
                tracing::error!(%why, "the engine works on nothing any more");
                // Idle for good, so that nobody waits for it.
                self.say(true, (u64::MAX, u64::MAX), &pass);
                return;
            }
            if pass.worked && pass.troubles.is_empty() {
                passes += 1;
                if passes % SUSPICIOUS_PASSES == 0 {
                    tracing::warn!(passes, "the engine has not come to rest for a long time");
                }
                self.say(false, (seq, looks), &pass);
                continue;
            }
            passes = 0;
            // A commit of somebody else since the pass began has not been looked at yet.
            let unseen = commits.has_changed().unwrap_or(false);
            let no_jobs = jobs_before == 0 && self.cx.jobs.count() == 0;
            let idle = !unseen && !pass.worked && pass.delayed.is_none() && no_jobs;
            self.say(idle, (seq, looks), &pass);
            if unseen && pass.troubles.is_empty() {
                continue;
            }
            let patience = self.patience(&pass);
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { break },
                () = self.wake.notified() => {}
                () = self.cx.jobs.ended() => {}
                () = self.cx.files.changed() => {}
                () = tokio::time::sleep(patience) => {}
            }
        }
        self.say(true, (u64::MAX, u64::MAX), &Pass::nothing());
    }

    fn pass(&mut self) -> Pass {
        let mut pass = Pass::nothing();
        self.step.begin();
        if let Err(displaced) = self.cx.store.stands() {
            pass.halted = Some(crate::error::chain(&displaced));
            return pass;
        }
        for reconciler in &mut self.reconcilers {
            let earliest = |a: Option<Time>, b: Time| Some(a.map_or(b, |a| a.min(b)));
            self.step.begin();
            match reconciler.reconcile(&self.cx) {
                Ok(Progress::Worked) => pass.worked = true,
                Ok(Progress::Delayed { until }) => pass.delayed = earliest(pass.delayed, until),
                Ok(Progress::Idle { wake_at: Some(at) }) => {
                    pass.wake_at = earliest(pass.wake_at, at);
                }
                Ok(Progress::Idle { wake_at: None }) => {}
                Err(error) => {
                    let trouble = format!("{}: {}", reconciler.name(), crate::error::chain(&error));
                    tracing::error!(part = reconciler.name(), %error, "a part of the engine failed");
                    pass.troubles.push(trouble);
                    if is_structural(&self.cx, &error) {
                        pass.halted = Some(crate::error::chain(&error));
                        return pass;
                    }
                }
            }
        }
        pass
    }

    fn patience(&self, pass: &Pass) -> Duration {
        let now = self.cx.now();
        let until = |at: Time| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO);
        let deadline = [pass.delayed, pass.wake_at]
            .into_iter()
            .flatten()
            .map(until)
            .min();
        let after = if pass.troubles.is_empty() {
            LOOK_ANYWAY
        } else {
            AFTER_FAILURE
        };
        // A deadline that has just passed is met at the next tick of the clock, not in a busy loop.
        deadline.map_or(after, |deadline| {
            deadline.max(Duration::from_millis(5)).min(after)
        })
    }

    fn say(&self, idle: bool, (seq, looks): (u64, u64), pass: &Pass) {
        let now = Activity {
            idle,
            seq,
            looks,
            troubles: pass.troubles.clone(),
            halted: pass.halted.clone(),
        };
        self.activity.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }
}

impl Pass {
    const fn nothing() -> Self {
        Self {
            worked: false,
            delayed: None,
            wake_at: None,
            troubles: Vec::new(),
            halted: None,
        }
    }
}

/// Tells whether an error means that nothing can be relied on any more: one bad row is set aside, and does not.
fn is_structural(cx: &Cx, error: &Error) -> bool {
    match error {
        Error::Store(StoreError::Closed | StoreError::Displaced { .. }) => true,
        Error::Store(StoreError::Damaged { .. }) | Error::Read(ReadError::Damaged { .. }) => !cx
            .store
            .check_structure()
            .is_ok_and(|found| found.is_sound()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use hyperion_host::CancelFlag;
    use hyperion_model::RunId;

    use super::*;
    use crate::testing::World;

    /// Looks for what a job left, as the reconciler of checks does; in the first pass the job ends right after that.
    struct EndsInBetween(Option<RunId>);

    impl Reconcile for EndsInBetween {
        fn name(&self) -> &'static str {
            "check"
        }

        fn reconcile(&mut self, cx: &Arc<Cx>) -> Result<Progress, Error> {
            if let Some(error) = cx.jobs.take_unrecorded() {
                return Err(error);
            }
            if let Some(job) = self.0.take() {
                let unrecorded = Error::Missing("room on the disk".to_owned());
                cx.jobs.note_unrecorded(unrecorded);
                cx.jobs.remove(job);
            }
            Ok(Progress::Idle { wake_at: None })
        }
    }

    /// Comes to no end before somebody lets it.
    struct Hangs(std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>);

    impl Reconcile for Hangs {
        fn name(&self) -> &'static str {
            "hangs"
        }

        fn reconcile(&mut self, _cx: &Arc<Cx>) -> Result<Progress, Error> {
            self.0.send(()).unwrap();
            // An error is the end of the test.
            let _ = self.1.recv();
            Ok(Progress::Idle { wake_at: None })
        }
    }

    // O3: a watchdog can tell a driver that hangs from one that has nothing to do.
    #[test]
    fn a_step_that_does_not_end_is_told_from_waiting_for_work() {
        let world = World::new(&[("a", "1")]);
        let (begins, begun) = std::sync::mpsc::channel();
        let (ends, ended) = std::sync::mpsc::channel();
        let hangs: Vec<Box<dyn Reconcile>> = vec![Box::new(Hangs(begins, ended))];
        let (driver, mut activity) = Driver::start(Arc::clone(&world.cx), hangs).unwrap();
        begun.recv().unwrap();
        let first = driver.busy_for();
        let second = driver.busy_for();
        assert!(
            first > Duration::ZERO && second > first,
            "it goes on growing"
        );
        ends.send(()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(activity.wait_for(|now| now.idle)).unwrap();
        assert_eq!(driver.busy_for(), Duration::ZERO);
        driver.stop();
    }

    // M1, O4: work whose end could not be recorded is not done because it ended in the middle of a look.
    #[test]
    fn a_job_that_ends_in_the_middle_of_a_pass_is_looked_at_before_anything_is_idle() {
        let world = World::new(&[("a", "1")]);
        let job = world.cx.id(RunId::new);
        world.cx.jobs.add(job, CancelFlag::new().unwrap());
        let reconcilers: Vec<Box<dyn Reconcile>> = vec![Box::new(EndsInBetween(Some(job)))];
        let (driver, mut activity) = Driver::start(Arc::clone(&world.cx), reconcilers).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let idle = runtime
            .block_on(activity.wait_for(|now| now.idle))
            .unwrap()
            .clone();
        driver.stop();
        assert_eq!(idle.troubles.len(), 1, "{idle:?}");
    }
}
