//! Hosts that a run was kept from.

use hyperion_api::run::RefusedHost;
use hyperion_model::run::Run;

use super::channel::refused;
use crate::{Cx, Error};

/// The most hosts that are told.
const MAX_HOSTS: usize = 50;

/// Lists the hosts that a run asked for and was refused.
pub fn refused_hosts(cx: &Cx, run: &Run) -> Result<Vec<RefusedHost>, Error> {
    let refused = refused(cx, run.id).map_err(|source| Error::Io {
        what: "the hosts that a run was refused".to_owned(),
        source,
    })?;
    let hosts = refused.iter().take(MAX_HOSTS).map(|refused| {
        let host = format!("{}:{}", refused.refusal.host, refused.refusal.port);
        RefusedHost {
            host: cx.redactor.redact(&host).into_owned(),
        }
    });
    Ok(hosts.collect())
}
