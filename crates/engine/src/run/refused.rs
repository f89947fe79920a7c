//! Hosts that a run was kept from.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};

use hyperion_api::run::RefusedHost;
use hyperion_model::run::Run;
use serde::Deserialize;

use crate::{Cx, Error};

/// The file in a run's folder to which the proxy adds a line for each.
const FILE: &str = "refused.jsonl";
/// How much of it is read.
const MAX_READ_BYTES: u64 = 1024 * 1024;
/// The most hosts that are told.
const MAX_HOSTS: usize = 50;

#[derive(Debug, Deserialize)]
struct Line {
    host: String,
    #[serde(default)]
    port: Option<u16>,
}

/// Lists the hosts that a run asked for and was refused.
pub fn refused_hosts(cx: &Cx, run: &Run) -> Result<Vec<RefusedHost>, Error> {
    let path = cx.home.runs().join(run.id.to_string()).join(FILE);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let what = path.display().to_string();
            return Err(Error::Io { what, source });
        }
    };
    let mut times = BTreeMap::new();
    // A line that is not whole is one that is just being written.
    for line in BufReader::new(file.take(MAX_READ_BYTES))
        .lines()
        .map_while(Result::ok)
    {
        let Ok(Line { host, port }) = serde_json::from_str(&line) else {
            continue;
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        *times.entry(format!("{host}{port}")).or_insert(0) += 1;
    }
    let hosts = times
        .into_iter()
        .take(MAX_HOSTS)
        .map(|(host, times)| RefusedHost {
            host: cx.redactor.redact(&host).into_owned(),
            times,
        });
    Ok(hosts.collect())
}
