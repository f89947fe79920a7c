//! One command's time with an engine.

use std::time::Duration;

use hyperion_api::engine::Health;
use hyperion_api::queue::Idle;
use hyperion_api::{Client, ClientError};
use hyperion_host::{Home, Locations};

use crate::connection::{Access, Connection};
use crate::context::Cx;
use crate::output::style::{self, paint};
use crate::output::visible::visible;
use crate::own_engine::Port;
use crate::progress::Progress;
use crate::remote::Remote;
use crate::settings::Settings;

/// A connection that is kept up: an engine may leave at any time, and another one take its place.
pub(crate) struct Session<'a> {
    cx: &'a Cx,
    /// Where the engine is, if not on this machine.
    remote: Option<Remote>,
    settings: Settings,
    locations: Locations,
    access: Access,
    connection: Connection,
    /// The last event that was shown, so that none is shown twice.
    seen: u64,
}

impl<'a> Session<'a> {
    /// Reaches the engine, starting one if need be, or becomes it.
    pub(crate) async fn open(cx: &'a Cx, access: Access) -> anyhow::Result<Self> {
        if cx.remote()?.is_none() {
            // A home that is none, or somebody else's, has no settings to complain about.
            Home::open(&cx.locations()?)?;
        }
        Self::open_with(cx, access, cx.settings()?.settings).await
    }

    /// Reaches the engine, or becomes it, with settings that were loaded already.
    pub(crate) async fn open_with(
        cx: &'a Cx,
        access: Access,
        settings: Settings,
    ) -> anyhow::Result<Self> {
        let locations = cx.locations()?;
        let remote = cx.remote()?;
        let connection = match &remote {
            Some(remote) => Connection::elsewhere(remote)?,
            None => {
                Home::open(&locations)?;
                Connection::open(&settings, &locations, access, cx.variables()).await?
            }
        };
        let mut session = Self {
            cx,
            remote,
            settings,
            locations,
            access,
            connection,
            seen: 0,
        };
        session.tell_notices();
        if access != Access::Read {
            session.seen = session.idle(0).await?.last_seq;
        }
        Ok(session)
    }

    /// Names the agent of requests that name none, by this person's settings and variables.
    pub(crate) fn agent(&self) -> &str {
        &self.settings.agent.default
    }

    /// The settings in force.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the home is worked on in spite of.
    pub(crate) fn notices(&self) -> &[String] {
        &self.connection.notices
    }

    /// Says that at every command, until it is mended.
    fn tell_notices(&self) {
        for notice in self.notices() {
            let warning = paint(style::WAITS, "warning:");
            self.cx
                .output
                .say(&format!("{warning} {}", visible(notice)));
        }
    }

    /// Speaks to the engine.
    pub(crate) const fn client(&self) -> &Client {
        &self.connection.client
    }

    /// Where the home is.
    pub(crate) const fn locations(&self) -> &Locations {
        &self.locations
    }

    /// The surroundings.
    pub(crate) const fn cx(&self) -> &'a Cx {
        self.cx
    }

    /// The last event that was shown.
    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Notes an event as shown.
    pub(crate) fn saw(&mut self, seq: u64) {
        self.seen = self.seen.max(seq);
    }

    /// Asks who answers.
    pub(crate) async fn health(&self) -> Result<Health, ClientError> {
        self.client().get("/healthz").await
    }

    /// Whether this very process is the engine.
    pub(crate) const fn is_own_engine(&self) -> bool {
        self.connection.is_own_engine()
    }

    /// Says who carries on what was begun, should this command end now.
    pub(crate) const fn who_carries_on(&self) -> &'static str {
        if self.is_own_engine() {
            "the next command or `hyperion drain` carries it on"
        } else {
            "the engine carries it on by itself"
        }
    }

    /// Waits until nothing can go on without a person, but not longer than the time given.
    pub(crate) async fn idle(&self, timeout_ms: u64) -> Result<Idle, ClientError> {
        self.client()
            .get(&format!("/api/idle?timeout_ms={timeout_ms}"))
            .await
    }

    /// Has the engine look now whether something can go on.
    pub(crate) async fn look(&self) -> Result<Idle, ClientError> {
        self.client().get("/api/idle?look=true").await
    }

    /// Reaches an engine again after the one it spoke to left.
    pub(crate) async fn reopen(&mut self) -> anyhow::Result<()> {
        if self.remote.is_some() {
            // Somebody else starts that one; each call connects anew.
            return Ok(());
        }
        self.connection = Connection::reopen(
            &self.settings,
            &self.locations,
            self.access,
            self.cx.variables(),
        )
        .await?;
        Ok(())
    }

    /// Listens on the port as well, where this very process is the engine.
    pub(crate) async fn open_port(&mut self) -> anyhow::Result<Port> {
        self.connection.open_port(&self.settings).await
    }

    /// Serves the home until told to stop.
    pub(crate) async fn serve_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        self.connection.serve_until(stop).await
    }

    /// Serves until told to stop, asked to leave, or needed by nobody for so long.
    pub(crate) async fn serve_while_needed(
        self,
        idle_exit: Duration,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        self.connection.serve_while_needed(idle_exit, stop).await
    }

    /// Leaves; what this process began as the engine is carried on first, and shown.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        if !self.is_own_engine() {
            return Ok(());
        }
        let client = self.connection.client.clone();
        let mut progress = Progress::new(&[], self.cx.zone());
        let shown = progress.follow(&client, self.seen, &self.cx.output);
        let closed = tokio::select! {
            closed = self.connection.close() => closed,
            // Ends before the engine does only when the feed breaks off.
            () = async { shown.await; std::future::pending().await } => Ok(()),
        };
        self.cx.watched(progress.into_ends());
        closed
    }
}
