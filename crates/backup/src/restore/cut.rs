//! Up to which batch a backup is restored.

use std::path::Path;

use hyperion_model::{StoredEvent, Time};

use super::{Point, too_early};
use crate::manifest::Manifest;
use crate::segment::{self, Segment, SegmentName};
use crate::{Error, unusable};

/// Where the chain is cut, and what comes from segments.
pub(super) struct Cut {
    pub(super) segments: Vec<SegmentName>,
    pub(super) seq: u64,
    pub(super) time: Option<Time>,
    pub(super) left_out: u64,
}

/// Finds the last batch that belongs to the moment: no batch is ever cut in two.
///
/// All events of a batch have one time and one actor. So where one of them changes there is always a border
/// between two batches, and so is there where a base or a sealed segment ends. Two batches in a row that
/// share both, inside one segment, are taken together or not at all.
pub(super) fn cut(backup: &Path, manifest: &Manifest, point: Point) -> Result<Cut, Error> {
    let segments = segment::names(backup)?;
    let end = segments.last().map_or(manifest.head_seq, |name| name.last);
    let is_wanted = |seq: u64, time: Time| match point {
        Point::End => true,
        Point::Seq(last) => seq <= last,
        Point::Time(last) => time <= last,
    };
    let base_is_wanted = match (point, manifest.head_time) {
        (Point::Seq(seq), _) => manifest.head_seq <= seq,
        (Point::Time(time), Some(head)) => head <= time,
        (Point::End, _) | (Point::Time(_), None) => true,
    };
    if !base_is_wanted {
        return Err(too_early(backup, manifest.head_seq));
    }
    let mut border = (manifest.head_seq, manifest.head_time);
    let mut before: Option<(u64, hyperion_model::Stamp)> = None;
    let mut needed = Vec::new();
    let mut expected = manifest.head_seq + 1;
    'all: for name in segments {
        // Looked at one after the other: what is behind the moment may be damaged.
        if name.first != expected {
            return Err(segment::damaged(
                &name.path,
                &format!("the segment before it, from event {expected} on, is missing"),
            ));
        }
        expected = name.last + 1;
        let segment = Segment::read(&name)?;
        needed.push(name.clone());
        for (seq, text) in (name.first..).zip(&segment.shipment.events) {
            let event = StoredEvent::parse(text)
                .map_err(|error| segment::damaged(&name.path, &format!("event {seq}: {error}")))?;
            let stamp = event.event.stamp;
            if let Some((_, last)) = &before
                && *last != stamp
            {
                border = (seq - 1, Some(last.time));
            }
            if !is_wanted(seq, stamp.time) {
                break 'all;
            }
            before = Some((seq, stamp));
        }
        if segment.shipment.seal.is_some()
            && let Some((seq, last)) = &before
        {
            border = (*seq, Some(last.time));
        }
    }
    needed.retain(|name| name.first <= border.0);
    if let Point::Seq(seq) = point
        && seq > end
    {
        return Err(unusable(
            format!("{} ends at event {end}", backup.display()),
            "leave --to-seq out to restore all of it",
        ));
    }
    Ok(Cut {
        segments: needed,
        seq: border.0,
        time: border.1,
        left_out: end.saturating_sub(border.0),
    })
}
