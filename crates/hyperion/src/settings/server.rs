//! `[server]`

use std::net::{IpAddr, SocketAddr};

use hyperion_server::PublicUrl;

use super::{Field, Setting};

/// The port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// The address it listens on, or `off`.
    pub(crate) bind: String,
    /// Where people reach it by another address, or nothing.
    pub(crate) public_url: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:4750".to_owned(),
            public_url: String::new(),
        }
    }
}

impl Server {
    /// The address to listen on, if any.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.bind.parse().ok()
    }

    /// Where people reach it by another address.
    pub(crate) fn public_url(&self) -> Option<PublicUrl> {
        PublicUrl::new(&self.public_url)
    }
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "server.bind",
        about: "The address and port that `hyperion up` and a service listen on beside the home's socket; `off` for none. An engine that a command starts in the background listens on its socket alone, so that two homes do not fight over a port. Every call by the port needs a token or a page's session. An address that is not of this machine alone is taken only once the home has users.",
        field: Field::Text(
            |settings| &mut settings.server.bind,
            is_bind,
            "an address and a port such as `127.0.0.1:4750` or `[::1]:4750`, or `off`",
        ),
    },
    Setting {
        key: "server.public_url",
        about: "Where people reach the port when a proxy stands before it, which also does TLS: calls for this host are taken, and pages of this origin may make them.",
        field: Field::Text(
            |settings| &mut settings.server.public_url,
            |text| text.is_empty() || PublicUrl::new(text).is_some(),
            "a scheme and a host such as `https://hyperion.example.org`, or nothing",
        ),
    },
];

fn is_bind(text: &str) -> bool {
    let is_ours = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => !ip.is_broadcast() && !ip.is_multicast(),
        IpAddr::V6(ip) => !ip.is_multicast(),
    };
    matches!(text, "" | "off") || text.parse().is_ok_and(is_ours)
}
