//! Requests that did not do what was asked for, while somebody watched.

use hyperion_api::Client;
use hyperion_api::event::Event;
use hyperion_api::request::RequestDetail;

use crate::exit::Exit;
use crate::id::short;
use crate::outcome::{Stage, stage};
use crate::output::visible::visible;
use crate::route::Route;
use crate::view;

/// The most requests that are named one by one.
const NAMED_MAX: usize = 10;
/// The most requests that are remembered.
const REMEMBERED_MAX: usize = 1000;

/// The requests that ended without doing all that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Ends(Vec<Ended>);

/// The end of a request.
#[derive(Debug)]
struct Ended {
    id: String,
    title: String,
    exit: Exit,
}

impl Ends {
    /// Notes the end of a request, where the event is one, and no good one.
    pub(super) async fn learn(&mut self, event: &Event, client: &Client) {
        let is_bad = match event.kind.as_str() {
            "request.failed" => true,
            "request.completed" => event.data["partly"] == true,
            _ => false,
        };
        if !is_bad {
            return;
        }
        let route = Route::new("/api/requests").segment(&event.subject.id);
        let (exit, title) = match client.get::<RequestDetail>(route.as_str()).await {
            Ok(detail) => match stage(&detail) {
                Stage::Ended(exit) => (exit, detail.request.title),
                // Somebody took it up again.
                Stage::GoesOn | Stage::Asks(_) | Stage::Unclear | Stage::SentBack => return,
            },
            // The engine is leaving: that it failed is all that is known.
            Err(_) => (Exit::Failed, String::new()),
        };
        self.push(&event.subject.id, title, exit);
    }

    fn push(&mut self, id: &str, title: String, exit: Exit) {
        if self.0.len() < REMEMBERED_MAX {
            let id = id.to_owned();
            self.0.push(Ended { id, title, exit });
        }
    }

    /// Makes the end of one request.
    #[cfg(test)]
    pub(crate) fn of_one(id: &str, exit: Exit) -> Self {
        let mut ends = Self::default();
        ends.push(id, String::new(), exit);
        ends
    }

    /// Leaves those of certain requests.
    pub(crate) fn retain(&mut self, requests: &[String]) {
        self.0.retain(|ended| requests.contains(&ended.id));
    }

    /// Gives the status that they make together; done where there were none.
    pub(crate) fn exit(&self) -> Exit {
        Exit::of_several(self.0.iter().map(|ended| ended.exit))
    }

    /// Says what to do about them.
    pub(crate) fn hints(&self) -> impl Iterator<Item = String> {
        let named = self.0.iter().take(NAMED_MAX).map(|ended| {
            let id = short(&ended.id);
            let title = match ended.title.as_str() {
                "" => String::new(),
                title => format!(" ({})", visible(title)),
            };
            format!(
                "request {id}{title} ended without landing all of it: `hyperion request show {id}` says why, and what to do"
            )
        });
        let more = self.0.len().saturating_sub(NAMED_MAX);
        let more = (more > 0).then(|| {
            format!("{more} more ended like that: `hyperion request list --since 1h` lists them")
        });
        named.chain(more).map(|hint| view::hint(&hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_with_what_to_do_and_together_they_make_a_status() {
        const ID: &str = "0190a1b2-c3d4-7e5f-8a6b-00000000aaaa";
        let mut ends = Ends::default();
        assert_eq!((ends.exit(), ends.hints().count()), (Exit::Done, 0));
        ends.push(ID, "Clamp\u{1b} it".into(), Exit::Conflict);
        assert_eq!(ends.exit(), Exit::Conflict);
        let said: Vec<_> = ends.hints().collect();
        insta::assert_snapshot!(crate::view::plain(&said.join("\n")), @r"hint: request 0000aaaa (Clamp\x1b it) ended without landing all of it: `hyperion request show 0000aaaa` says why, and what to do");
        for number in 0..20 {
            ends.push(&format!("{number:036}"), String::new(), Exit::Failed);
        }
        assert_eq!(
            (ends.exit(), ends.hints().count()),
            (Exit::Failed, NAMED_MAX + 1)
        );
        ends.retain(&[ID.to_owned()]);
        assert_eq!((ends.exit(), ends.hints().count()), (Exit::Conflict, 1));
    }
}
