//! The feed: Server-Sent Events that resume where a client left off.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use futures_util::Stream;
use hyperion_api::Problem;
use hyperion_api::event::CUT_OFF;
use hyperion_engine::near::{nearest, one_of};
use hyperion_engine::subject::of_noun;
use hyperion_engine::{Cx, Error, repo};
use hyperion_identity::Need;
use hyperion_model::machine::Noun;
use hyperion_model::{RequestId, Subject, event_kinds, request};
use schemars::JsonSchema;
use serde::Deserialize;

use super::operation;
use super::page::time;
use crate::answer::{Feed, Refusal};
use crate::feed::{Following, Next, Told, Wanted};
use crate::subject::find;
use crate::table::Routes;
use crate::{Server, sse};
pub(super) use notice::Notices;
use notice::is_notice;

mod notice;

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FeedQuery {
    after: Option<u64>,
    #[serde(default)]
    format: Format,
    limit: Option<u32>,
    #[serde(default)]
    follow: bool,
    kinds: Option<String>,
    subject: Option<String>,
    request: Option<String>,
    repo: Option<String>,
    since: Option<String>,
    /// Kinds of notices to hear of besides the events of `kinds`.
    notices: Option<String>,
}

/// By which names events go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// Their own.
    #[default]
    Events,
    /// Those that subscribers of the operation monitor expect, and only what these know.
    Monitor,
}

/// Which events somebody asks for, in words.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// Kinds with commas between.
    pub(super) kinds: Option<String>,
    /// `TYPE:ID`.
    pub(super) subject: Option<String>,
    pub(super) request: Option<String>,
    pub(super) repo: Option<String>,
    pub(super) since: Option<String>,
}

pub(super) fn routes() -> Routes {
    Routes::about("events")
        .get(
            "/api/events",
            Need::VIEWER,
            "Streams events from a point on",
            feed,
        )
        .get(
            "/api/agent-monitor/events",
            Need::VIEWER,
            "Follows what happens to requests, by the names of the operation monitor",
            monitor,
        )
}

async fn monitor(
    server: State<Server>,
    headers: HeaderMap,
    Query(mut query): Query<FeedQuery>,
) -> Result<Feed, Refusal> {
    query.format = Format::Monitor;
    query.follow = true;
    feed(server, headers, Query(query)).await
}

async fn feed(
    State(server): State<Server>,
    headers: HeaderMap,
    Query(query): Query<FeedQuery>,
) -> Result<Feed, Refusal> {
    let FeedQuery {
        after,
        format,
        limit,
        follow,
        kinds,
        subject,
        request,
        repo,
        since,
        notices,
    } = query;
    let asked = Asked {
        kinds,
        subject,
        request,
        repo,
        since,
    };
    let mut wanted = wanted(&server, asked).await?;
    // Notices have no numbers and are not kept: they are for who asks for them and follows.
    let more = notices.as_deref().unwrap_or("").split(',').map(str::trim);
    let mut notices = wanted.kinds.clone();
    notices.extend(more.map(str::to_owned));
    notices.retain(|kind| follow && is_notice(kind));
    if format == Format::Monitor && wanted.kinds.is_empty() {
        wanted.kinds = operation::KINDS
            .iter()
            .map(|kind| (*kind).to_owned())
            .collect();
    }
    let after = last_event_id(&headers).or(after).unwrap_or(0);
    let reading = Reading {
        notices: Notices::of(server.cx(), notices, wanted.request),
        left: limit.map(u64::from),
        following: Following::new(server, wanted, after, follow),
        format,
        is_cut_off: false,
    };
    Ok(Feed::new(sse::response(messages(reading))))
}

/// The number of the last event that a client saw, as its browser says.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// Finds what is meant.
pub(super) async fn wanted(server: &Server, asked: Asked) -> Result<Wanted, Refusal> {
    let server = server.clone();
    let found = tokio::task::spawn_blocking(move || mean(server.cx(), &asked));
    match found.await {
        Ok(found) => Ok(found?),
        Err(_) => Err(Problem::new("internal", "the call ended unexpectedly").into()),
    }
}

fn mean(cx: &Cx, asked: &Asked) -> Result<Wanted, Error> {
    let Asked {
        kinds,
        subject,
        request,
        repo: repo_name,
        since,
    } = asked;
    let kinds = kinds.as_deref().unwrap_or("").split(',').map(str::trim);
    let kinds = kinds
        .filter(|kind| !kind.is_empty())
        .map(|kind| known(kind).map(str::to_owned));
    let request = request
        .as_deref()
        .map(|id| find::<request::Request>(cx, id, RequestId::new));
    let repo = repo_name.as_deref().map(|name| repo::find(cx, name, None));
    Ok(Wanted {
        kinds: kinds.collect::<Result<_, _>>()?,
        subject: subject.as_deref().map(|text| named(cx, text)).transpose()?,
        request: request.transpose()?.map(|request| request.id),
        repo: repo.transpose()?.map(|repo| repo.id),
        since: since.as_deref().map(time).transpose()?,
    })
}

/// Reads `TYPE:ID`, where the id may be as short as elsewhere.
fn named(cx: &Cx, text: &str) -> Result<Subject, Error> {
    let Some((noun, id)) = text.split_once(':') else {
        let detail = format!("the subject {text:?} is not of the form TYPE:ID");
        let hint = "for instance `request:1a2b3c4d`";
        return Err(Problem::new("input.invalid", detail).hint(hint).into());
    };
    let Some(noun) = Noun::from_name(noun) else {
        let detail = format!("nothing is of the type {noun:?}");
        let nouns = one_of(Noun::ALL.iter().map(|noun| noun.name().to_owned()));
        let hint = format!("use {nouns}");
        return Err(Problem::new("input.invalid", detail).hint(hint).into());
    };
    of_noun(cx, noun, id)
}

fn messages(reading: Reading) -> impl Stream<Item = Bytes> {
    futures_util::stream::unfold(reading, |mut reading| async move {
        let message = reading.next().await?;
        Some((message, reading))
    })
}

/// Where one client stands in the feed.
struct Reading {
    following: Following,
    format: Format,
    left: Option<u64>,
    notices: Notices,
    is_cut_off: bool,
}

impl Reading {
    async fn next(&mut self) -> Option<Bytes> {
        if self.is_cut_off || self.left == Some(0) {
            return None;
        }
        let is_live = self.following.is_live();
        tokio::select! {
            biased;
            next = self.following.next() => match next {
                Next::Event(told) => {
                    self.left = self.left.map(|left| left - 1);
                    Some(self.written(&told))
                }
                Next::CutOff(after) => {
                    self.is_cut_off = true;
                    Some(cut_off(after))
                }
                Next::End => None,
            },
            notice = self.notices.next(), if is_live => {
                Some(sse::message(None, notice.kind, &notice.data.to_string()))
            }
        }
    }

    fn written(&self, told: &Told) -> Bytes {
        match self.format {
            Format::Events => told.message.clone(),
            Format::Monitor => {
                let name = operation::event_name(&told.kind);
                sse::message(Some(&told.seq.to_string()), name, &told.text)
            }
        }
    }
}

/// Says that a client is too far behind, and where it can go on.
pub(super) fn cut_off(after: u64) -> Bytes {
    let data = format!("{{\"resume_after\":{after}}}");
    sse::message(Some(&after.to_string()), CUT_OFF, &data)
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
        insta::assert_snapshot!(said("weather"), @r#"no event is of the kind "weather"; a kind begins with `approval.`, `backup.`, `call.`, `change_item.`, `change_set.`, `grant.`, `home.`, `merge.`, `plan.`, `repo.`, `request.`, `rollback.`, `run.`, `settings.`, `step.`, `token.`, `tool.` or `user.`"#);
    }
}
