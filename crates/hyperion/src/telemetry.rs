//! What is traced to standard error, for people who look for a fault.

use std::ffi::OsStr;
use std::io::stderr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::failure::Failure;

/// What `HYPERION_LOG=1` shows.
const SHOWN: &str = "warn,hyperion=debug,hyperion_engine=debug,hyperion_server=debug,hyperion_store=debug,hyperion_git=debug,hyperion_host=debug,hyperion_agent=debug";

/// What an engine in the background writes into its log, if nothing else is said.
const LOGGED: &str = "warn,hyperion=info";

/// Starts tracing for an engine in the background, whose standard error is its log.
pub(crate) fn start_log(log: Option<&OsStr>) -> Result<(), Failure> {
    let asked = log.filter(|log| *log != "0");
    start(Some(asked.unwrap_or(LOGGED.as_ref())), false)
}

/// Starts tracing if `HYPERION_LOG` says so: `1`, or a filter such as `hyperion_git=trace`.
pub(crate) fn start(log: Option<&OsStr>, coloured: bool) -> Result<(), Failure> {
    let Some(log) = log.and_then(OsStr::to_str).filter(|log| *log != "0") else {
        return Ok(());
    };
    let filter = if log == "1" { SHOWN } else { log };
    let filter = filter.parse::<EnvFilter>().map_err(|error| {
        Failure::usage(format!("HYPERION_LOG is no filter: {error}"))
            .hint("set it to 1, or to something like hyperion_git=trace")
    })?;
    let subscriber = fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(coloured);
    // Fails only when tracing was started already, which is as good.
    let _ = subscriber.try_init();
    Ok(())
}
