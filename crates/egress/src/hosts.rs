//! The hosts that are allowed, as the settings list them.

use std::net::IpAddr;

use crate::host::{Host, HostError, Target};

/// A list of hosts: `example.org`, `*.example.org` (all names below, not the name itself), an address; with `:port`, or for the ports of the
/// web, 80 and 443.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    /// None: those of the web.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exactly(Host),
    /// Names that end with a dot and this.
    Below(String),
}

impl Hosts {
    const WEB: [u16; 2] = [80, 443];

    /// Reads a list; the error names the entry that cannot be read.
    pub fn parse<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> Result<Self, HostError> {
        let rules = list.into_iter().map(|entry| Rule::parse(entry.as_ref()));
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a connection to this may be made, by the name or address that was asked for.
    #[must_use]
    pub fn allows(&self, target: &Target) -> bool {
        self.0.iter().any(|rule| rule.allows(target))
    }

    /// Whether the list names this very address.
    #[must_use]
    pub fn names_address(&self, address: IpAddr, port: u16) -> bool {
        let host = Host::Address(address.to_canonical());
        self.allows(&Target { host, port })
    }
}

impl Rule {
    fn parse(entry: &str) -> Result<Self, HostError> {
        if entry.contains('/') {
            return Err(HostError::new(
                entry,
                "write only the host, as in `example.org` or `example.org:8443`",
            ));
        }
        let (host, port) = Target::split(entry)?;
        let pattern = match host.strip_prefix("*.") {
            None if host.contains('*') => {
                return Err(HostError::new(
                    entry,
                    "a star stands only in front, as in `*.example.org`",
                ));
            }
            None => Pattern::Exactly(Host::parse(host)?),
            Some(parent) => match Host::parse(parent)? {
                Host::Name(name) if name.contains('.') => Pattern::Below(name),
                Host::Name(_) => {
                    return Err(HostError::new(
                        entry,
                        "a star needs a name with a dot behind it, as in `*.example.org`",
                    ));
                }
                Host::Address(_) => {
                    return Err(HostError::new(entry, "an address has no names below it"));
                }
            },
        };
        Ok(Self { pattern, port })
    }

    fn allows(&self, target: &Target) -> bool {
        let port = match self.port {
            Some(port) => port == target.port,
            None => Hosts::WEB.contains(&target.port),
        };
        port && match (&self.pattern, &target.host) {
            (Pattern::Exactly(host), asked) => host == asked,
            (Pattern::Below(parent), Host::Name(name)) => name
                .strip_suffix(parent.as_str())
                .is_some_and(|front| front.len() > 1 && front.ends_with('.')),
            (Pattern::Below(_), Host::Address(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        let (host, port) = Target::split(text).unwrap();
        Target {
            host: Host::parse(host).unwrap(),
            port: port.unwrap(),
        }
    }

    #[test]
    fn a_list_allows_what_it_names_and_nothing_beside_it() {
        let hosts = Hosts::parse([
            "Example.org",
            "*.crates.io",
            "git.example.org:22",
            "10.0.0.5:8080",
            "[::1]:80",
            "::2",
        ])
        .unwrap();
        for yes in [
            "example.org:443",
            "EXAMPLE.ORG.:80",
            "static.crates.io:443",
            "a.b.crates.io:80",
            "git.example.org:22",
            "10.0.0.5:8080",
            "[::ffff:10.0.0.5]:8080",
            "[::1]:80",
            "[::2]:443",
        ] {
            assert!(hosts.allows(&target(yes)), "{yes}");
        }
        for no in [
            "example.org:22",
            "www.example.org:443",
            "crates.io:443",
            "evilcrates.io:443",
            "crates.io.evil.org:443",
            "git.example.org:443",
            "10.0.0.5:80",
            "10.0.0.6:8080",
            "[::1]:81",
        ] {
            assert!(!hosts.allows(&target(no)), "{no}");
        }
        assert!(!Hosts::default().allows(&target("example.org:443")));
    }

    #[test]
    fn an_entry_that_cannot_be_read_says_what_to_write() {
        let wrong = |entry: &str| Hosts::parse([entry]).unwrap_err().to_string();
        let all: Vec<_> = [
            "https://example.org/",
            "*",
            "*.org",
            "a.*.org",
            "*.10.0.0.1",
            "example.org:http",
            "example.org:0",
            "",
            "a..b",
            "bücher.de",
            "127.1",
            "0x7f000001",
            "a b",
        ]
        .map(wrong)
        .into();
        insta::assert_snapshot!(all.join("\n"), @r#"
        "https://example.org/" is not a host: write only the host, as in `example.org` or `example.org:8443`
        "*" is not a host: a star stands only in front, as in `*.example.org`
        "*.org" is not a host: a star needs a name with a dot behind it, as in `*.example.org`
        "a.*.org" is not a host: a star stands only in front, as in `*.example.org`
        "*.10.0.0.1" is not a host: an address has no names below it
        "example.org:http" is not a host: a port is a number from 1 to 65535
        "example.org:0" is not a host: a port is a number from 1 to 65535
        "" is not a host: a name has 1 to 253 characters
        "a..b" is not a host: a name consists of letters, digits and hyphens, with single dots between
        "bücher.de" is not a host: write a name with other letters in its form for the DNS, which begins with xn--
        "127.1" is not a host: write an address with all its four numbers, in decimal
        "0x7f000001" is not a host: write an address with all its four numbers, in decimal
        "a b" is not a host: a name consists of letters, digits and hyphens, with single dots between
        "#);
    }
}
