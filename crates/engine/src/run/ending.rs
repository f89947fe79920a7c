//! What the end of a run's process says of the run.

use hyperion_model::run::{Confinement, Ending, Run, Status, Usage, Work};
use hyperion_model::{Name, NewBlob, ShortText, Time, run};
use hyperion_shim::{End, Ended};
use serde::Serialize;

use crate::cx::json_blob;
use crate::{Error, Supervision};

/// The signals by which people and machines end what is at work: SIGHUP, SIGINT, SIGTERM.
const HUNG_UP: [i32; 3] = [1, 2, 15];

/// What a run's end is recorded as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Finish,
    Fail(String),
    Kill(String),
    /// We ended it because it had stalled.
    KillStalled(String),
    Lose(String),
}

/// Says what a run's end is recorded as; `timeout` is where the time that it had is set.
pub(super) fn verdict(run: &Run, end: &End, timeout: &str, rules: &Supervision) -> Verdict {
    let is_check = matches!(run.work, Work::Check { .. });
    match end {
        End::Exited { code: 0 } => Verdict::Finish,
        End::Exited { code } => Verdict::Fail(format!("it exited with {code}")),
        // Somebody hung up on it: that says nothing of the change.
        End::Signalled { signal } if is_check && HUNG_UP.contains(signal) => {
            Verdict::Lose(format!("signal {signal} ended it from outside"))
        }
        End::Signalled { signal } => Verdict::Fail(format!("signal {signal} ended it")),
        End::Limit { limit } if limit == "wall" => {
            Verdict::Kill(format!("it took longer than {timeout}"))
        }
        End::Limit { limit } => Verdict::Kill(format!("it passed its limit of {limit}")),
        End::Stopped => match &run.stop {
            Some(stop) => Verdict::Kill(format!("{} stopped it", stop.by)),
            None if run.status == Status::Stalled => Verdict::KillStalled(format!(
                "it gave no sign of life for {} s (setting supervisor.stall_after_sec)",
                rules.stall_after.as_secs()
            )),
            None if matches!(run.work, Work::Tool { .. }) => {
                Verdict::Kill("the call that waited for it was called off".to_owned())
            }
            None => Verdict::Lose("nobody waits for it any more".to_owned()),
        },
        // A check whose shell does not start says nothing of the change, either.
        End::NotStarted { why, .. } if is_check => Verdict::Lose(why.clone()),
        End::NotStarted { why, .. } => Verdict::Fail(why.clone()),
    }
}

/// Says when a run ended, as its shim noted; not after now, and never before it began, whatever clocks say.
pub(super) fn ended_at(run: &Run, ended: &Ended, now: Time) -> Option<Time> {
    let at = i64::try_from(ended.at_ms?).ok()?;
    let at = Time::from_millisecond(at).ok()?;
    let began = run.began_at.unwrap_or(run.created_at);
    Some(at.min(now).max(began))
}

/// Says the same to the model, with what the run used and had, and with the end of its output.
pub(super) fn command(
    verdict: &Verdict,
    ended: &Ended,
    ended_at: Option<Time>,
    tail: &str,
) -> Result<(run::Command, Vec<NewBlob>), Error> {
    let (result, had) = (NewBlob::new(tail.as_bytes()), json_blob(&ended.had)?);
    let (Verdict::Fail(why) | Verdict::Kill(why) | Verdict::KillStalled(why) | Verdict::Lose(why)) =
        verdict
    else {
        let ending = ending(ended, None, &result, &had)?;
        let ending = Ending { ended_at, ..ending };
        return Ok((run::Command::Finish(ending), vec![result, had]));
    };
    let reason = ShortText::cut(why);
    if matches!(verdict, Verdict::Lose(_)) {
        return Ok((run::Command::Lose { reason }, vec![]));
    }
    let ending = Ending {
        ended_at,
        ..ending(ended, Some(reason), &result, &had)?
    };
    let command = match verdict {
        Verdict::Fail(_) => run::Command::Fail(ending),
        _ => run::Command::Kill(ending),
    };
    Ok((command, vec![result, had]))
}

fn ending(
    ended: &Ended,
    reason: Option<ShortText>,
    result: &NewBlob,
    had: &NewBlob,
) -> Result<Ending, Error> {
    let used = &ended.usage;
    Ok(Ending {
        exit_code: match ended.end {
            End::Exited { code } | End::NotStarted { code, .. } => Some(code),
            End::Signalled { .. } | End::Limit { .. } | End::Stopped => None,
        },
        reason,
        result: Some(result.digest),
        usage: Some(Usage {
            cpu_ms: used.cpu_ms,
            memory_peak_kb: used.memory_peak_kb,
            read_bytes: used.read_bytes,
            written_bytes: used.written_bytes,
            wall_ms: used.wall_ms,
            output_bytes: ended.output_bytes,
            dropped_bytes: ended.dropped_bytes,
        }),
        confinement: Some(Confinement {
            level: wire_name(&ended.had.level)?,
            network: wire_name(&ended.had.network)?,
            detail: had.digest,
        }),
        ended_at: None,
        waits_for: Vec::new(),
    })
}

/// Gives the wire name of a level.
fn wire_name(level: &impl Serialize) -> Result<Name, Error> {
    let value = serde_json::to_value(level).map_err(Error::Encode)?;
    let name = value.as_str().unwrap_or_default();
    Name::new(name).map_err(|error| Error::Missing(error.to_string()))
}
