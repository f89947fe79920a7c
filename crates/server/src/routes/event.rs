//! The feed: Server-Sent Events that resume where a client left off.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use hyperion_api::Problem;
use hyperion_engine::near::{nearest, one_of};
use hyperion_engine::{Cx, Error, audit, repo};
use hyperion_identity::Need;
use hyperion_model::event::StoredEvent;
use hyperion_model::{RepoId, RequestId, Subject, event_kinds, request};
use hyperion_store::{EventFilter, EventPage, Order};
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::time;
use crate::Server;
use crate::answer::{Feed, Refusal};
use crate::subject::find;
use crate::table::Routes;
use notice::{Notices, is_notice};

mod notice;

/// How many events are read at once.
const PAGE: u32 = 500;
/// How often a silent feed says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a feed looks into a database that another process writes.
const POLL: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FeedQuery {
    after: Option<u64>,
    kinds: Option<String>,
    request: Option<String>,
    /// Only what is about this repository.
    repo: Option<String>,
    since: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    follow: bool,
    /// Kinds of notices to hear of besides the events of `kinds`.
    notices: Option<String>,
}

pub(super) fn routes() -> Routes {
    Routes::about("events").get(
        "/api/events",
        Need::VIEWER,
        "Streams events from a point on",
        feed,
    )
}

async fn feed(
    State(server): State<Server>,
    headers: HeaderMap,
    Query(query): Query<FeedQuery>,
) -> Result<Feed, Refusal> {
    let resumed = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let prepared = {
        let server = server.clone();
        let query = query.clone();
        tokio::task::spawn_blocking(move || {
            let filter = filter(&server, &query, resumed)?;
            let repo = query.repo.as_deref();
            let repo = repo.map(|name| repo::find(server.cx(), name, None));
            Ok::<_, Error>((filter, repo.transpose()?.map(|repo| repo.id)))
        })
    };
    let (filter, repo) = match prepared.await {
        Ok(filter) => filter?,
        Err(_) => return Err(Problem::new("internal", "the call ended unexpectedly").into()),
    };
    // Notices are for who asks for them and follows.
    let mut asked = filter.kinds.clone();
    let more = query.notices.as_deref().unwrap_or("").split(',');
    asked.extend(
        more.map(str::trim)
            .filter(|kind| !kind.is_empty())
            .map(str::to_owned),
    );
    asked.retain(|kind| query.follow && is_notice(kind));
    let reading = Reading {
        notices: Notices::of(server.cx(), asked, filter.request),
        left: query.limit.map(u64::from),
        follow: query.follow,
        commits: server.engine().cx().store.subscribe(),
        server,
        filter,
        repo,
        ready: Vec::new(),
    };
    let stream = futures_util::stream::unfold(reading, |mut reading| async move {
        let message = reading.next().await?;
        Some((Ok::<_, Infallible>(message), reading))
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Feed::new(Sse::new(stream).keep_alive(keep_alive)))
}

fn filter(server: &Server, query: &FeedQuery, resumed: Option<u64>) -> Result<EventFilter, Error> {
    let kinds = query
        .kinds
        .as_deref()
        .unwrap_or("")
        .split(',')
        .map(str::trim);
    let request = match &query.request {
        Some(id) => Some(find::<request::Request>(server.cx(), id, RequestId::new)?.id),
        None => None,
    };
    Ok(EventFilter {
        request,
        kinds: kinds
            .filter(|kind| !kind.is_empty())
            .map(|kind| known(kind).map(str::to_owned))
            .collect::<Result<_, _>>()?,
        since: query.since.as_deref().map(time).transpose()?,
        after: resumed.or(query.after),
        order: Order::OldestFirst,
        limit: PAGE,
        ..EventFilter::default()
    })
}

/// Refuses a kind that no event has; one that ends in a dot stands for all that begin with it.
fn known(kind: &str) -> Result<&str, Problem> {
    let fits = |known: &str| known == kind || (kind.ends_with('.') && known.starts_with(kind));
    if event_kinds().any(fits) || is_notice(kind) {
        return Ok(kind);
    }
    let (noun, verb) = kind.split_once('.').unwrap_or((kind, ""));
    let verbs: Vec<_> = event_kinds()
        .filter_map(|known| known.split_once('.'))
        .filter_map(|(known, verb)| (known == noun).then_some(verb))
        .collect();
    let meant = match nearest(verb, verbs.iter().copied()) {
        Some(verb) => Some(format!("{noun}.{verb}")),
        None if verbs.is_empty() => nearest(kind, event_kinds()).map(str::to_owned),
        None => None,
    };
    let hint = match (meant, verbs.is_empty()) {
        (Some(meant), _) => format!("did you mean {meant}?"),
        (None, false) => {
            let named = verbs.iter().map(|verb| format!("{noun}.{verb}"));
            format!("use {}; `{noun}.` stands for all of them", one_of(named))
        }
        (None, true) => {
            let nouns = event_kinds().filter_map(|known| known.split('.').next());
            let nouns: BTreeSet<_> = nouns.collect();
            format!(
                "a kind begins with {}",
                one_of(nouns.iter().map(|noun| format!("`{noun}.`")))
            )
        }
    };
    Err(Problem::new("input.invalid", format!("no event is of the kind {kind:?}")).hint(hint))
}

/// Where one client stands in the feed; the events themselves stay in the database.
struct Reading {
    server: Server,
    filter: EventFilter,
    /// The repository that events have to be about.
    repo: Option<RepoId>,
    commits: tokio::sync::watch::Receiver<u64>,
    /// Events that were read but not sent, latest first; at most one page.
    ready: Vec<Message>,
    left: Option<u64>,
    follow: bool,
    notices: Notices,
}

impl Reading {
    async fn next(&mut self) -> Option<Message> {
        loop {
            if self.left == Some(0) {
                return None;
            }
            if let Some(message) = self.ready.pop() {
                self.left = self.left.map(|left| left - 1);
                return Some(message);
            }
            self.commits.borrow_and_update();
            // A page may hold nothing that is wanted, and the next one something.
            let there_was_more = self.read().await?;
            if self.ready.is_empty() && !there_was_more {
                if !self.follow {
                    return None;
                }
                self.wait().await?;
            }
        }
    }

    /// Waits until there may be more; none when the engine leaves.
    async fn wait(&mut self) -> Option<()> {
        let works = self.server.engine().works();
        tokio::select! {
            changed = self.commits.changed(), if works => changed.ok(),
            message = self.notices.next() => {
                self.ready.push(message);
                Some(())
            }
            () = tokio::time::sleep(POLL), if !works => Some(()),
            () = self.server.life().closing() => None,
        }
    }

    /// Reads a page; tells whether there was anything, wanted or not. None when it cannot be read.
    async fn read(&mut self) -> Option<bool> {
        let server = self.server.clone();
        let filter = self.filter.clone();
        let repo = self.repo;
        let read = tokio::task::spawn_blocking(move || {
            let page = audit::events(server.cx(), &filter)?;
            let last = page.events.last().map(|event| event.seq);
            let wanted = match repo {
                Some(repo) => of_repo(server.cx(), page.events, repo)?,
                None => page.events,
            };
            let page = EventPage {
                events: wanted,
                ..page
            };
            Ok::<_, Error>((page, last))
        });
        let (page, last) = match read.await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                tracing::error!(%error, "the feed ended");
                return None;
            }
            Err(_) => return None,
        };
        let last = last.into_iter().chain(page.damaged.iter().copied()).max();
        if let Some(last) = last {
            self.filter.after = Some(last);
        }
        self.ready = page
            .events
            .iter()
            .rev()
            .filter_map(|event| {
                let message = Message::default()
                    .id(event.seq.to_string())
                    .event(event.kind());
                message.json_data(event.to_json()).ok()
            })
            .collect();
        Some(last.is_some())
    }
}

/// Leaves the events that are about a repository, or about a request that is.
fn of_repo(cx: &Cx, events: Vec<StoredEvent>, repo: RepoId) -> Result<Vec<StoredEvent>, Error> {
    let mut known: HashMap<RequestId, bool> = HashMap::new();
    let mut wanted = Vec::new();
    for event in events {
        let is_wanted = match (event.event.subject, event.event.request) {
            (Subject::Repo(id), _) => id == repo,
            (_, None) => false,
            (_, Some(id)) => match known.get(&id) {
                Some(is_wanted) => *is_wanted,
                None => {
                    let request = cx.store.get::<request::Request>(id)?;
                    let is_wanted = request.is_some_and(|it| it.submission.repo == repo);
                    known.insert(id, is_wanted);
                    is_wanted
                }
            },
        };
        if is_wanted {
            wanted.push(event);
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn an_unknown_kind_names_the_near_ones() {
        for kind in ["merge.landed", "merge.", "rollback."] {
            assert_eq!(known(kind).unwrap(), kind);
        }
        let said = |kind: &str| {
            let problem = known(kind).unwrap_err();
            format!("{}; {}", problem.detail, problem.hint.unwrap())
        };
        insta::assert_snapshot!(said("merge.lande"), @r#"no event is of the kind "merge.lande"; did you mean merge.landed?"#);
        insta::assert_snapshot!(said("plan.x"), @r#"no event is of the kind "plan.x"; use plan.created, plan.activated, plan.completed, plan.abandoned or plan.reopened; `plan.` stands for all of them"#);
        insta::assert_snapshot!(said("weather"), @r#"no event is of the kind "weather"; a kind begins with `approval.`, `change_item.`, `change_set.`, `merge.`, `plan.`, `repo.`, `request.`, `rollback.`, `run.` or `step.`"#);
    }
}
