//! The proxy by which the machine itself reaches the internet, where it has one.

use std::fmt;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;

use crate::host::Target;

/// The machine's own proxies, and what is reached without them: as `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say.
pub struct Upstream(Matcher);

/// The proxy that leads to a target.
#[derive(Clone)]
pub(crate) struct Hop {
    /// The name and port that the proxy listens at.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What signs in there.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Upstream {
    /// The variables that say it; each also in capitals.
    pub const VARIABLES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

    /// Reads those of the [`VARIABLES`](Self::VARIABLES) that are there; small letters go first, as with curl.
    #[must_use]
    pub fn of(variables: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = [name.to_owned(), name.to_ascii_uppercase()];
            let found = found.iter().find_map(|name| {
                let pair = variables.iter().find(|(other, _)| other == name);
                pair.filter(|(_, value)| !value.is_empty())
            });
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let [http, https, all, no] = Self::VARIABLES.map(value);
        let matcher = Matcher::builder().http(http).https(https).all(all).no(no);
        Self(matcher.build())
    }

    /// Finds the proxy to a target; none where it is reached without one, or by one that does not speak HTTP.
    pub(crate) fn to(&self, scheme: &str, target: &Target) -> Result<Option<Hop>, String> {
        let Some(found) = format!("{scheme}://{target}/")
            .parse()
            .ok()
            .and_then(|uri: Uri| self.0.intercept(&uri))
        else {
            return Ok(None);
        };
        let uri = found.uri();
        let scheme = uri.scheme_str().unwrap_or_default();
        match uri.host().filter(|_| scheme == "http") {
            Some(host) => Ok(Some(Hop {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: uri.port_u16().unwrap_or(80),
                authorization: found.basic_auth().cloned(),
            })),
            None => Err(format!(
                "the machine's proxy is a {scheme} proxy, which is not known here: only http:// is"
            )),
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never what signs in.
        f.write_str("Upstream")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;

    // X6: whatever the machine's proxy is for goes by it, and what is excepted does not.
    #[test]
    fn variables_say_what_goes_by_which_proxy() {
        let variables = [
            ("https_proxy", "http://me:pw@proxy.corp:3128"),
            ("HTTPS_PROXY", "http://other:1"),
            ("HTTP_PROXY", "http://plain.corp"),
            ("no_proxy", "corp, 10.0.0.0/8"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let upstream = Upstream::of(&variables);
        let hop = |scheme, target: &str| {
            let (host, port) = Target::split(target).unwrap();
            let target = Target {
                host: Host::parse(host).unwrap(),
                port: port.unwrap(),
            };
            let hop = upstream.to(scheme, &target).unwrap();
            hop.map(|hop| (hop.host, hop.port, hop.authorization.is_some()))
        };
        let found = |host: &str, port, signs_in| Some((host.to_owned(), port, signs_in));
        assert_eq!(hop("https", "a.org:443"), found("proxy.corp", 3128, true));
        assert_eq!(hop("http", "a.org:80"), found("plain.corp", 80, false));
        assert_eq!(hop("https", "git.corp:443"), None);
        assert_eq!(hop("https", "10.1.2.3:443"), None);
        assert_eq!(
            hop("https", "[2001:db8::1]:443"),
            found("proxy.corp", 3128, true)
        );
        let socks = [("all_proxy".to_owned(), "socks5://proxy:1080".to_owned())];
        let target = Target {
            host: Host::parse("a.org").unwrap(),
            port: 443,
        };
        let wrong = Upstream::of(&socks).to("https", &target).err().unwrap();
        assert!(wrong.contains("socks5"), "{wrong}");
        assert!(Upstream::of(&[]).to("https", &target).unwrap().is_none());
    }
}
