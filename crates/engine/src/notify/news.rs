//! Which events people are told of, and whether they still have to be.

use std::time::Duration;

use hyperion_model::approval::{self, Approval};
use hyperion_model::entry::{self, Entry};
use hyperion_model::request::{self, Request};
use hyperion_model::run::{self, Run};
use hyperion_model::{Fact, RequestId, StoredEvent, Subject, Time};
use hyperion_notify::{Item, Kind, News};

use crate::{Cx, Error};

/// What ended so long ago is no news.
const OLD: Duration = Duration::from_secs(86_400);

/// What something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct About {
    subject: Subject,
    request: Option<RequestId>,
}

/// Gives the news in an event.
pub(super) fn of(event: &StoredEvent) -> Option<News<About>> {
    let kind = match &event.event.fact {
        Fact::Approval(approval::Event::Requested(_))
        | Fact::Request(request::Event::ClarificationRequested { .. })
        | Fact::Entry(entry::Event::Blocked { .. })
        | Fact::Run(run::Event::Doubted { .. }) => Kind::NeedsMe,
        Fact::Approval(approval::Event::Expiring {}) => Kind::Expiring,
        Fact::Request(request::Event::Failed { .. })
        | Fact::Entry(entry::Event::DeadLettered { .. } | entry::Event::Quarantined { .. }) => {
            Kind::Failed
        }
        Fact::Request(request::Event::Completed { .. }) => Kind::Done,
        _ => return None,
    };
    Some(News {
        seq: event.seq,
        kind,
        at_ms: event.event.stamp.time.as_millisecond(),
        what: About {
            subject: event.event.subject,
            request: event.event.request,
        },
    })
}

/// Whether it still has to be told: nobody wants to hear of a question that is answered.
pub(super) fn is_still(cx: &Cx, now: Time, news: &News<About>) -> Result<bool, Error> {
    let is_new =
        now.as_millisecond() - news.at_ms <= i64::try_from(OLD.as_millis()).unwrap_or(i64::MAX);
    Ok(match (news.kind, news.what.subject) {
        (Kind::NeedsMe | Kind::Expiring, Subject::Approval(id)) => {
            let found = cx.store.get::<Approval>(id)?;
            found.is_some_and(|found| found.status == approval::Status::Pending)
        }
        (Kind::NeedsMe, Subject::Request(id)) => {
            let found = cx.store.get::<Request>(id)?;
            found.is_some_and(|found| found.status == request::Status::NeedsClarification)
        }
        (Kind::NeedsMe, Subject::Entry(id)) => {
            let found = cx.store.get::<Entry>(id)?;
            found.is_some_and(|found| found.status == entry::Status::Blocked)
        }
        (Kind::NeedsMe, Subject::Run(id)) => {
            let found = cx.store.get::<Run>(id)?;
            found.is_some_and(|found| found.status == run::Status::Uncertain)
        }
        _ => is_new,
    })
}

/// Words it; what cannot be read is named by its id.
pub(super) fn item(cx: &Cx, news: &News<About>) -> Item {
    let About { subject, request } = news.what;
    let request = match subject {
        Subject::Request(id) => Some(id),
        _ => request,
    };
    let noun = match subject {
        Subject::Approval(_) => "approval",
        Subject::Entry(_) => "queue",
        Subject::Run(_) => "run",
        _ => "request",
    };
    // Every id is shown in the same way.
    let short = RequestId::new(subject.uuid()).short();
    let title = title(cx, subject, request).unwrap_or_else(|error| {
        tracing::warn!(%error, "told people of something without its title");
        None
    });
    let title = title.filter(|title| !title.is_empty());
    Item {
        kind: news.kind,
        seq: news.seq,
        subject: subject.noun().name().to_owned(),
        id: subject.uuid().to_string(),
        request_id: request.map(|id| id.to_string()),
        title: match title {
            Some(title) => cx.redactor.redact(&title).into_owned(),
            None => format!("{} {short}", subject.noun()),
        },
        command: format!("hyperion {noun} show {short}"),
    }
}

fn title(cx: &Cx, subject: Subject, request: Option<RequestId>) -> Result<Option<String>, Error> {
    let own = match subject {
        Subject::Approval(id) => match cx.store.get::<Approval>(id)? {
            Some(found) => crate::approval::document(cx, &found)?.map(|document| document.summary),
            None => None,
        },
        Subject::Entry(id) => match cx.store.get::<Entry>(id)? {
            Some(found) => Some(crate::queue::title(cx, &found)?),
            None => None,
        },
        _ => None,
    };
    match (own, request) {
        (Some(own), _) => Ok(Some(own)),
        (None, Some(id)) => match cx.store.get::<Request>(id)? {
            Some(found) => crate::request::title(cx, &found),
            None => Ok(None),
        },
        (None, None) => Ok(None),
    }
}
