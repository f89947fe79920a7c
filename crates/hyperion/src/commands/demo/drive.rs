//! Files the demo's requests and sees them through, as any client does.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use hyperion_api::List;
use hyperion_api::approval::{Approval, ApprovalDetail, Decide};
use hyperion_api::client::{EventStream, FeedItem};
use hyperion_api::request::{Because, Request, RequestDetail};

use super::scenario::Decided;
use super::story::Story;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::style::{self, paint};
use crate::question::{self, Answered};
use crate::route::Route;
use crate::session::Session;
use crate::view;

/// How long the engine may take to come to rest; a slow machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one look may take.
const LOOK_MS: u64 = 10_000;
/// How long a person without a terminal has to see what is decided for them.
const MOMENT: Duration = Duration::from_millis(1200);
/// The most lines of a diff that are shown where nobody can ask for more.
const DIFF_LINES_SHOWN: usize = 40;

/// One demo's time with the engine.
pub(super) struct Drive<'a> {
    session: &'a Session<'a>,
    feed: EventStream,
    seen: u64,
    /// Tells what happens.
    pub(super) story: Story,
}

impl<'a> Drive<'a> {
    /// Listens to what happens from here on.
    pub(super) async fn new(session: &'a Session<'a>, story: Story) -> anyhow::Result<Self> {
        let seen = session.seen();
        let route = Route::new("/api/events")
            .query("after", seen.to_string())
            .query("follow", "true");
        let feed = session.client().events(route.as_str()).await?;
        Ok(Self {
            session,
            feed,
            seen,
            story,
        })
    }

    /// Files the requests of one file.
    pub(super) async fn file(&self, text: &str) -> anyhow::Result<Vec<Request>> {
        use std::os::unix::ffi::OsStrExt as _;
        let dir = self.session.cx().current_dir().as_os_str().as_bytes();
        let route = Route::new("/api/requests")
            .query("dir", dir)
            .query("source", "cli");
        let filed: List<Request> = self
            .session
            .client()
            .post_bytes(route.as_str(), text.as_bytes().to_vec())
            .await?;
        Ok(filed.items)
    }

    /// Asks for a rollback.
    pub(super) async fn roll_back(&self, id: &str) -> anyhow::Result<Request> {
        let route = Route::new("/api/requests").segment(id).segment("rollback");
        let because = Because {
            reason: Some("the demo shows how".to_owned()),
        };
        Ok(self.session.client().post(route.as_str(), &because).await?)
    }

    /// Reads a request.
    pub(super) async fn look(&self, id: &str) -> anyhow::Result<RequestDetail> {
        let route = Route::new("/api/requests").segment(id);
        Ok(self.session.client().get(route.as_str()).await?)
    }

    /// Tells what happens until nothing can go on without a person.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let output = &self.session.cx().output;
        loop {
            let idle = self.session.idle(LOOK_MS);
            tokio::pin!(idle);
            let idle = loop {
                tokio::select! {
                    idle = &mut idle => break idle?,
                    item = self.feed.next() => {
                        let item = item?.context("follow the feed: it ended")?;
                        note(item, &mut self.seen, &mut self.story, output);
                    }
                }
            };
            // What was committed is told before anything else is said.
            while self.seen < idle.last_seq && Instant::now() < deadline {
                match tokio::time::timeout(Duration::from_millis(LOOK_MS), self.feed.next()).await {
                    Ok(item) => {
                        let item = item?.context("follow the feed: it ended")?;
                        note(item, &mut self.seen, &mut self.story, output);
                    }
                    Err(_elapsed) => break,
                }
            }
            if idle.idle {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::new(
                    Exit::Failed,
                    format!(
                        "the engine did not come to rest in {} s",
                        PATIENCE.as_secs()
                    ),
                )
                .into());
            }
        }
    }

    /// Gives the approvals of a request that wait for a person.
    pub(super) async fn waiting(&self, request: &str) -> anyhow::Result<Vec<Approval>> {
        let route = Route::new("/api/approvals")
            .query("status", "pending")
            .query("request", request);
        let list: List<Approval> = self.session.client().get(route.as_str()).await?;
        // In the order they were asked in.
        Ok(list.items.into_iter().rev().collect())
    }

    /// Lets something pass as the home's owner.
    pub(super) async fn approve(&self, approval: &Approval, why: &str) -> anyhow::Result<()> {
        let route = Route::new("/api/approvals")
            .segment(&approval.id)
            .segment("approve");
        let decide = Decide {
            reason: Some(why.to_owned()),
            digest: Some(approval.digest.clone()),
            comment: None,
        };
        let _: Approval = self.session.client().post(route.as_str(), &decide).await?;
        Ok(())
    }

    /// Asks the person, or decides in their place where there is no terminal.
    pub(super) async fn ask(&self, approval: &Approval) -> anyhow::Result<Decided> {
        let output = &self.session.cx().output;
        if !output.is_interactive() {
            self.show(approval).await?;
            output.progress(&paint(
                style::WAITS,
                "There is no terminal, so nobody to ask: in a moment the demo says yes in your place.",
            ));
            tokio::time::sleep(MOMENT).await;
            self.approve(
                approval,
                "decided by the demo: there was no terminal to ask at",
            )
            .await?;
            return Ok(Decided::Approved);
        }
        if question::ask(self.session, &approval.id).await? == Answered::Later {
            return Ok(Decided::Later);
        }
        let route = Route::new("/api/approvals").segment(&approval.id);
        let detail: ApprovalDetail = self.session.client().get(route.as_str()).await?;
        Ok(match detail.approval.status.as_str() {
            "approved" => Decided::Approved,
            _ => Decided::Refused,
        })
    }

    async fn show(&self, approval: &Approval) -> anyhow::Result<()> {
        let cx = self.session.cx();
        let route = Route::new("/api/approvals").segment(&approval.id);
        let detail: ApprovalDetail = self.session.client().get(route.as_str()).await?;
        let block = view::approval::block(&detail, cx.zone());
        let diff = detail.diff.as_deref().unwrap_or_default();
        let diff = view::diff::first_lines(diff, DIFF_LINES_SHOWN).text;
        cx.output.progress(&format!("\n{block}\n{diff}"));
        Ok(())
    }
}

fn note(item: FeedItem, seen: &mut u64, story: &mut Story, output: &crate::output::Output) {
    if let FeedItem::Event(event) = item
        && event.seq > *seen
    {
        *seen = event.seq;
        story.tell(&event, output);
    }
}
