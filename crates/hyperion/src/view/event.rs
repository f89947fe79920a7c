//! Events, one line each.

use hyperion_api::event::Event;
use jiff::tz::TimeZone;

use crate::id::short;
use crate::output::style::{self, paint};
use crate::output::table::cut;
use crate::output::visible::visible;
use crate::time::local;

/// Writes one event; the feed has no end, so columns have fixed widths.
pub(crate) fn line(event: &Event, zone: &TimeZone, width: Option<usize>) -> String {
    let seq = format!("{:>6}", event.seq);
    let time = local(&event.time, zone);
    let kind = visible(&event.kind);
    let subject = format!(
        "{} {}",
        visible(&event.subject.r#type),
        short(&event.subject.id)
    );
    let rest = format!("  {kind:<26} {subject:<20} {}", visible(&event.actor.id));
    let used = seq.len() + 2 + time.len();
    let rest = match width {
        Some(width) => cut(&rest, width.saturating_sub(used)),
        None => rest,
    };
    format!("{}  {time}{}", paint(style::FAINT, &seq), rest.trim_end())
}
