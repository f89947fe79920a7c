//! The engine: what is used, wired together, and the life it has.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyperion_git::Git;
use hyperion_host::Home;
use hyperion_model::{Name, Uuid};
use hyperion_policy::Redactor;
use hyperion_store::Store;
use tokio::sync::watch;

use crate::audit::{Recorder, Records};
use crate::backup::Shipper;
use crate::cx::{Clock, Cx, Ids};
use crate::driver::{Activity, Driver};
use crate::files::{FileNews, Files};
use crate::identity::{Identity, SignIns};
use crate::notify::Teller;
use crate::reconcile::Reconcile;
use crate::remote::{Contacts, Remotes};
use crate::repo::Pool;
use crate::run::{Jobs, Supervisor, ToolChains};
use crate::tool::Tools;
use crate::{
    Error, Settings, approval, change_set, command, grant, intake, plan, queue, request, retention,
    run,
};

/// How long threads get to end when the engine leaves.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an engine is made of; all of it comes from outside.
pub struct Parts {
    /// The facts.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// The settings.
    pub settings: Settings,
    /// Takes secrets out of what is shown.
    pub redactor: Redactor,
    /// The git program.
    pub git: Git,
    /// The home's folders.
    pub home: Home,
    /// Which boot of the machine this is.
    pub boot_id: String,
}

/// A home's engine: decides and acts, or only answers questions.
pub struct Engine {
    cx: Arc<Cx>,
    driver: Option<Driver>,
    shipper: Option<Shipper>,
    teller: Option<Teller>,
    recorder: Option<Recorder>,
    tools: Tools,
    activity: watch::Receiver<Activity>,
}

impl Engine {
    /// Starts an engine that works. The caller holds the home's lock: all other engines are gone.
    pub fn start(parts: Parts) -> Result<Self, Error> {
        let cx = Arc::new(context(parts, true)?);
        for lease in cx.store.leases()? {
            if lease.owner != cx.instance.as_str() {
                cx.store.break_leases_of_dead(&lease.owner)?;
            }
        }
        let part = |name: &str| Name::new(name).map_err(|error| Error::Missing(error.to_string()));
        let reconcilers: Vec<Box<dyn Reconcile>> = vec![
            Box::new(intake::Intake::new(part("intake")?)),
            Box::new(plan::Dispatch::new(part("dispatch")?)),
            Box::new(change_set::Assess::new(part("policy")?)),
            Box::new(approval::Approvals::new(part("approval")?)),
            Box::new(grant::Grants::new(part("grant")?)),
            Box::new(command::Door::new(part("command")?)),
            Box::new(run::Runs::new(part("check")?)),
            // Before the queue: what others pushed is brought in before candidates are made.
            Box::new(Remotes::new(part("remote")?)),
            Box::new(queue::Queue::new(part("queue")?)),
            Box::new(plan::Settle::new(part("plan")?)),
            Box::new(request::Requests::new(part("request")?)),
            Box::new(retention::Retention::new(part("retention")?)),
            Box::new(Files::new(part("files")?)),
            Box::new(Identity::new(part("identity")?)),
        ];
        let (driver, activity) = Driver::start(Arc::clone(&cx), reconcilers)?;
        let shipper = Shipper::start(Arc::clone(&cx))?;
        let tools = Tools::start(&cx)?;
        let teller = Teller::start(&cx)?;
        let recorder = Recorder::start(&cx)?;
        Ok(Self {
            cx,
            driver: Some(driver),
            shipper: Some(shipper),
            teller: Some(teller),
            recorder: Some(recorder),
            tools,
            activity,
        })
    }

    /// Makes an engine that only answers questions; it needs no lock.
    pub fn read_only(parts: Parts) -> Result<Self, Error> {
        let cx = Arc::new(context(parts, false)?);
        let seq = cx.store.last_seq()?;
        let (_, activity) = watch::channel(Activity {
            idle: true,
            seq,
            looks: 0,
            troubles: Vec::new(),
            halted: None,
        });
        Ok(Self {
            cx,
            driver: None,
            shipper: None,
            teller: None,
            recorder: None,
            tools: Tools::default(),
            activity,
        })
    }

    /// Gives what every part uses.
    pub const fn cx(&self) -> &Arc<Cx> {
        &self.cx
    }

    /// Gives the tools that agents call.
    pub const fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Tells whether this engine works, or only answers.
    pub const fn works(&self) -> bool {
        self.driver.is_some()
    }

    /// Follows what the engine is up to.
    pub fn activity(&self) -> watch::Receiver<Activity> {
        self.activity.clone()
    }

    /// Says whether the home that it works on is still there; if not, the driver finds that out at once, and ends.
    pub fn stands(&self) -> bool {
        let stands = self.cx.store.stands().is_ok();
        if let Some(driver) = self.driver.as_ref().filter(|_| !stands) {
            driver.wake();
        }
        stands
    }

    /// Has the driver look now: what happened outside tells nobody, such as a person who committed what was in the way.
    pub fn look(&self) {
        if let Some(driver) = &self.driver {
            driver.wake();
        }
    }

    /// Says for how long the driver has been at the step it is at; no time when it waits for something to do.
    pub fn busy_for(&self) -> Duration {
        self.driver
            .as_ref()
            .map_or(Duration::ZERO, Driver::busy_for)
    }

    /// Says whether nothing can go on without a person or a deadline, as far as was looked.
    pub fn is_idle(&self) -> bool {
        self.is_rest(&self.activity.borrow())
    }

    /// What was committed after the driver last looked may be work.
    fn is_rest(&self, activity: &Activity) -> bool {
        let looks = self.driver.as_ref().map_or(0, Driver::looks);
        activity.idle
            && activity.looks >= looks
            && activity.seq >= *self.cx.store.subscribe().borrow()
    }

    /// Waits until nothing can go on without a person or a deadline.
    pub async fn idle(&self) -> Activity {
        let mut activity = self.activity.clone();
        loop {
            let now = activity.borrow_and_update().clone();
            if self.is_rest(&now) {
                return now;
            }
            if activity.changed().await.is_err() {
                return now;
            }
        }
    }

    /// Stops after what it is doing now. The processes of runs go on without it.
    pub fn stop(&self) {
        // Before the supervisor leaves, which ends their programs.
        self.tools.stop();
        if let Some(driver) = &self.driver {
            driver.stop();
            if !self.cx.jobs.stop(PATIENCE) {
                tracing::warn!("some threads did not end in time");
            }
            // Processes go on; the next engine watches them.
            self.cx.supervisor.leave();
        }
        if let Some(recorder) = &self.recorder {
            recorder.stop(&self.cx);
        }
        if let Some(teller) = &self.teller {
            teller.stop();
        }
        // Last: what was committed until now is shipped.
        if let Some(shipper) = &self.shipper {
            shipper.stop();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn context(parts: Parts, works: bool) -> Result<Cx, Error> {
    let Parts {
        store,
        clock,
        ids,
        settings,
        redactor,
        git,
        home,
        boot_id,
    } = parts;
    let name = |text: String| Name::new(text).map_err(|error| Error::Missing(error.to_string()));
    let instance: Uuid = ids.next();
    let cx = Cx {
        store,
        clock,
        boot_id: name(boot_id)?,
        instance: name(instance.to_string())?,
        ids,
        settings,
        rules: OnceLock::new(),
        redactor,
        git,
        home,
        repos: Pool::default(),
        carried_out: change_set::CarriedOut::default(),
        contacts: Contacts::default(),
        sign_ins: SignIns::default(),
        files: FileNews::default(),
        records: Records::default(),
        jobs: Jobs::default(),
        supervisor: Supervisor::new()?,
        tool_chains: ToolChains::default(),
        machine: crate::command::Machine::default(),
        works,
    };
    if works {
        // Rules that do not compile keep an engine from starting, and nobody from reading.
        cx.rules()?;
    }
    Ok(cx)
}
