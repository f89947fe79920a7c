//! The gate of the port: which calls are looked at at all, before anybody asks who makes them.
//!
//! A page of another site can have a browser call a port of this machine. So a call is for a host that is ours (a name that was
//! pointed here is not), and comes from no other origin. Who calls without showing who they are may do so a few times a second.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyperion_api::Problem;

use crate::answer::Refusal;

/// How many bytes the headers of a call may have.
const HEADERS_MAX_BYTES: usize = 32 * 1024;
/// How many calls a second somebody may make who is known, and at most at once.
const KNOWN_PER_SEC: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
const KNOWN_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1999);
/// How many calls a second may come from an address without a valid token.
const UNKNOWN_PER_SEC: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
const UNKNOWN_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);
/// How many callers are told apart; beyond, those who are new share what one of them has.
const CALLERS_MAX: usize = 10_000;

/// By which door a call came.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    /// By the home's socket, which lets its owner in alone.
    Socket,
    /// By the port.
    Port {
        /// From there.
        peer: IpAddr,
        /// To this address of the machine.
        here: IpAddr,
        /// What it has to get through.
        gate: Arc<Gate>,
    },
}

/// What calls by the port have to get through.
pub struct Gate {
    public: Option<PublicUrl>,
    known: DefaultKeyedRateLimiter<String>,
    unknown: DefaultKeyedRateLimiter<IpAddr>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Makes the gate of a port that people may reach by another address, too.
    pub fn new(public: Option<PublicUrl>) -> Self {
        Self {
            public,
            known: RateLimiter::keyed(Quota::per_second(KNOWN_PER_SEC).allow_burst(KNOWN_AT_ONCE)),
            unknown: RateLimiter::keyed(
                Quota::per_second(UNKNOWN_PER_SEC).allow_burst(UNKNOWN_AT_ONCE),
            ),
        }
    }

    /// Whether people reach it over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public
            .as_ref()
            .is_some_and(|public| public.scheme == "https")
    }

    /// Counts a call of somebody who is known.
    pub(crate) fn count_known(&self, caller: &str) -> Result<(), Refusal> {
        if self.known.len() >= CALLERS_MAX {
            self.known.retain_recent();
        }
        let is_full = self.known.len() >= CALLERS_MAX;
        let key = if is_full {
            String::new()
        } else {
            caller.to_owned()
        };
        self.known.check_key(&key).map_err(|_| too_many())
    }

    /// Counts a call of somebody who is not.
    pub(crate) fn count_unknown(&self, peer: IpAddr) -> Result<(), Refusal> {
        if self.unknown.len() >= CALLERS_MAX {
            self.unknown.retain_recent();
        }
        let is_full = self.unknown.len() >= CALLERS_MAX;
        let key = if is_full {
            IpAddr::from([0, 0, 0, 0])
        } else {
            network_of(peer)
        };
        self.unknown.check_key(&key).map_err(|_| too_many())
    }

    /// Looks at a call before anybody asks who makes it.
    fn admit(&self, here: IpAddr, parts: &Parts) -> Result<(), Refusal> {
        let bytes: usize = parts
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if bytes + parts.uri.query().map_or(0, str::len) > HEADERS_MAX_BYTES {
            let detail = format!(
                "the head of the call is larger than {} KiB",
                HEADERS_MAX_BYTES / 1024
            );
            return Err(Problem::new("call.head_too_large", detail).into());
        }
        if names_token(&parts.uri) {
            let detail = "a token in the address of a call ends up in logs; it is not taken there";
            let hint = "send it in a header, `Authorization: Bearer …`, and revoke this one";
            return Err(Problem::new("input.invalid", detail).hint(hint).into());
        }
        let host = self.host(here, parts)?;
        match parts.headers.get(header::ORIGIN) {
            None => Ok(()),
            Some(origin) if self.is_ours(origin.as_bytes(), host) => Ok(()),
            Some(origin) => {
                let origin = String::from_utf8_lossy(origin.as_bytes());
                let detail =
                    format!("the call comes from a page of {origin:?}, which is another site");
                let hint =
                    "if that is where people reach this engine, set `server.public_url` to it";
                Err(Problem::new("call.origin", detail).hint(hint).into())
            }
        }
    }

    /// Gives the host that a call is for, if that is us.
    fn host<'a>(&self, here: IpAddr, parts: &'a Parts) -> Result<&'a str, Refusal> {
        let named = only(&parts.headers);
        // Where the call itself names a host, that one counts as well.
        let in_uri = parts.uri.authority().map(Authority::as_str);
        let hosts = [named, in_uri.or(named)];
        let is_ours = |host: &Option<&str>| host.is_some_and(|host| self.is_our_host(host, here));
        match named.filter(|_| hosts.iter().all(is_ours)) {
            Some(host) => Ok(host),
            None => {
                let host = hosts.into_iter().flatten().next_back().unwrap_or_default();
                let detail = format!("the call is for the host {host:?}, which this engine is not");
                let hint = "use the address that `hyperion up` says; if people reach it by another name, set `server.public_url`";
                Err(Problem::new("call.host", detail).hint(hint).into())
            }
        }
    }

    fn is_our_host(&self, host: &str, here: IpAddr) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host();
        let address = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        let public = self.public.as_ref();
        name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback() || address == here)
            || public.is_some_and(|public| name.eq_ignore_ascii_case(public.authority.host()))
    }

    fn is_ours(&self, origin: &[u8], host: &str) -> bool {
        let is = |scheme: &str, authority: &str| {
            let ours = format!("{scheme}://{authority}");
            origin.eq_ignore_ascii_case(ours.as_bytes())
        };
        let public = self.public.as_ref();
        is("http", host)
            || public.is_some_and(|public| is(public.scheme, public.authority.as_str()))
    }
}

/// Gives the one `Host` of a call.
fn only(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// Tells whether an address holds a token, or would if somebody had put one where others look for it.
fn names_token(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    let mut names = query
        .split('&')
        .map(|part| part.split('=').next().unwrap_or_default());
    query.contains("hyp_") || names.any(|name| ["token", "access_token", "api_key"].contains(&name))
}

/// An address of IPv6 is one of many that somebody has.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.into(),
        IpAddr::V6(peer) => {
            let [a, b, c, d, ..] = peer.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

fn too_many() -> Refusal {
    let problem = Problem::new("call.too_many", "too many calls in a short time");
    problem
        .hint("wait a second; `/api/events` tells of what happens without asking again")
        .into()
}

/// Where people reach the port when a proxy stands before it: `https://hyperion.example.org`.
#[derive(Debug, Clone)]
pub struct PublicUrl {
    scheme: &'static str,
    authority: Authority,
}

impl PublicUrl {
    /// Reads one: a scheme and a host, perhaps a port, and nothing after.
    pub fn new(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = match uri.scheme_str()? {
            "http" => "http",
            "https" => "https",
            _ => return None,
        };
        let authority = uri.authority()?.clone();
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let is_plain = !authority.as_str().contains('@') && !text.contains('#');
        (is_bare && is_plain).then_some(Self { scheme, authority })
    }
}

/// Has every call by the port go through its gate, and keeps what it is answered out of caches.
pub(crate) async fn gate(request: Request, next: Next) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let by_port = match parts.extensions.get::<Door>() {
        Some(Door::Port { here, gate, .. }) => {
            gate.admit(*here, &parts)?;
            true
        }
        Some(Door::Socket) | None => false,
    };
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if by_port {
        let headers = response.headers_mut();
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        let no_store = HeaderValue::from_static("no-store");
        headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(public: Option<&str>, uri: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let gate = Gate::new(public.map(|url| PublicUrl::new(url).unwrap()));
        match gate.admit(IpAddr::from([192, 168, 1, 5]), &parts) {
            Ok(()) => "ours".to_owned(),
            Err(refusal) => refusal.problem().code.to_string(),
        }
    }

    // X8: a name that was pointed at this machine, and a page of another site, get nowhere.
    #[test]
    fn only_our_hosts_and_origins_get_through() {
        let public = Some("https://hyperion.example.org");
        for host in [
            "localhost",
            "LOCALHOST:4750",
            "127.0.0.1:4750",
            "[::1]:4750",
            "192.168.1.5:4750",
        ] {
            assert_eq!(says(None, "/", &[("host", host)]), "ours", "{host}");
        }
        assert_eq!(
            says(public, "/", &[("host", "hyperion.example.org")]),
            "ours"
        );
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "x@localhost",
            "192.168.1.6",
            "",
            "a b",
        ] {
            assert_eq!(says(public, "/", &[("host", host)]), "call.host", "{host}");
        }
        assert_eq!(says(None, "/", &[]), "call.host");
        assert_eq!(
            says(
                None,
                "/",
                &[("host", "localhost"), ("host", "evil.example")]
            ),
            "call.host"
        );
        assert_eq!(
            says(None, "http://evil.example/", &[("host", "localhost")]),
            "call.host"
        );
        for (host, origin, expected) in [
            ("localhost:4750", "http://localhost:4750", "ours"),
            (
                "hyperion.example.org",
                "https://hyperion.example.org",
                "ours",
            ),
            (
                "hyperion.example.org",
                "http://hyperion.example.org",
                "ours",
            ),
            ("localhost:4750", "http://localhost:8080", "call.origin"),
            ("localhost:4750", "https://evil.example", "call.origin"),
            ("localhost:4750", "null", "call.origin"),
            (
                "localhost:4750",
                "http://localhost:4750.evil.example",
                "call.origin",
            ),
        ] {
            let headers = [("host", host), ("origin", origin)];
            assert_eq!(says(public, "/", &headers), expected, "{host} {origin}");
        }
    }

    #[test]
    fn a_token_in_the_address_and_a_huge_head_are_refused() {
        let host = ("host", "localhost");
        for uri in [
            "/api/requests?token=x",
            "/api/requests?a=1&access_token=x",
            "/api/events?q=hyp_abc",
        ] {
            assert_eq!(says(None, uri, &[host]), "input.invalid", "{uri}");
        }
        assert_eq!(says(None, "/api/requests?limit=1", &[host]), "ours");
        let long = "x".repeat(HEADERS_MAX_BYTES);
        assert_eq!(
            says(None, "/", &[host, ("x-a", &long)]),
            "call.head_too_large"
        );
    }

    #[test]
    fn who_is_not_known_may_ask_only_so_often() {
        let gate = Gate::new(None);
        let guesser = IpAddr::from([10, 0, 0, 1]);
        let taken = (0..1000)
            .filter(|_| gate.count_unknown(guesser).is_ok())
            .count();
        assert!((200..300).contains(&taken), "{taken}");
        assert!(gate.count_unknown(IpAddr::from([10, 0, 0, 2])).is_ok());
        assert!(gate.count_known("user bob").is_ok());
    }

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        for good in [
            "https://h.example",
            "http://h.example:8080/",
            "https://[::1]:4750",
        ] {
            assert!(PublicUrl::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "h.example",
            "ftp://h.example",
            "https://h.example/path",
            "https://u@h.example",
            "https://h.example?x",
            "https://h.example/#x",
        ] {
            assert!(PublicUrl::new(bad).is_none(), "{bad}");
        }
    }
}
