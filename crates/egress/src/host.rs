//! Where a connection is to go, by name or address.

use std::fmt;
use std::net::IpAddr;

/// A name, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name: lower case, no dot at its end.
    Name(String),
    /// An address; one of IPv4 in the clothes of IPv6 is written as IPv4.
    Address(IpAddr),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a host: {why}")]
pub struct HostError {
    text: String,
    why: &'static str,
}

impl HostError {
    /// The longest text that is repeated to whoever wrote it.
    const SHOWN_CHARS: usize = 80;

    pub(crate) fn new(text: &str, why: &'static str) -> Self {
        let text = text.chars().take(Self::SHOWN_CHARS).collect();
        Self { text, why }
    }
}

impl Host {
    /// The longest name that the DNS knows.
    const NAME_MAX: usize = 253;
    const LABEL_MAX: usize = 63;

    /// Reads a name or an address, one of IPv6 with or without its brackets.
    ///
    /// The old ways to write an address (`127.1`, `0x7f000001`, `2130706433`) are refused: a resolver would take them for one.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let error = |why| Err(HostError::new(text, why));
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > Self::NAME_MAX {
            return error("a name has 1 to 253 characters");
        }
        if !name.is_ascii() {
            return error(
                "write a name with other letters in its form for the DNS, which begins with xn--",
            );
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= Self::LABEL_MAX
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !name.split('.').all(is_label) {
            return error(
                "a name consists of letters, digits and hyphens, with single dots between",
            );
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if is_number {
            return error("write an address with all its four numbers, in decimal");
        }
        Ok(Self::Name(name))
    }
}

impl Target {
    /// Reads `host:port`, where only an IPv6 address has brackets, and the port may be left out.
    pub(crate) fn split(text: &str) -> Result<(&str, Option<u16>), HostError> {
        if text.parse::<IpAddr>().is_ok() {
            return Ok((text, None));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, port),
            _ => return Ok((text, None)),
        };
        match port.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(HostError::new(text, "a port is a number from 1 to 65535")),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}
