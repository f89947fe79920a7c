//! An engine elsewhere: reached over HTTP or HTTPS, by whoever a token names.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use hyperion_api::Client;
use hyperion_api::client::{Body, Transport, TransportError};
use reqwest::Url;
use reqwest::redirect::Policy;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Variables;

/// The variable with the address of the engine, and the one with the token.
pub(crate) const URL: &str = "HYPERION_URL";
pub(crate) const TOKEN: &str = "HYPERION_TOKEN";
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing at all may come: a call waits for a minute at most, and a feed says every 15 seconds that it is still there.
const QUIET_MAX: Duration = Duration::from_secs(90);
/// How long a connection is kept for the next call: an engine ends those on which nothing is asked for 10 seconds.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// Where an engine is, and who asks.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    url: Url,
    token: Option<String>,
}

impl Remote {
    /// Finds what the variables name; none where the engine is this machine's.
    pub(crate) fn of(variables: &Variables) -> anyhow::Result<Option<Self>> {
        let Some(url) = variables.get(URL) else {
            return Ok(None);
        };
        let token = match variables.get(TOKEN) {
            None => None,
            Some(token) => Some(
                token
                    .to_str()
                    .filter(|token| is_sendable(token))
                    .ok_or_else(|| {
                        Failure::usage(format!(
                            "{TOKEN} holds what is no token: it has characters that no token has"
                        ))
                    })?,
            ),
        };
        let url = url.to_str().context("read HYPERION_URL")?;
        Ok(Some(Self::new(url, token)?))
    }

    /// Takes an address and a token.
    pub(crate) fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let wrong = |why: &str| {
            Failure::usage(format!(
                "`{url}` is not where an engine can be reached: {why}"
            ))
            .hint("give a scheme and a host, such as https://hyperion.example.org")
        };
        let parsed = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        let is_bare =
            parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
        if !is_bare || !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("it has more than a scheme, a host and a port").into());
        }
        let host = parsed.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = host == "localhost"
            || address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        match parsed.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(wrong("the token would go over the network in the clear; use https, or a tunnel to localhost").into()),
            _ => return Err(wrong("its scheme is neither https nor http").into()),
        }
        Ok(Self {
            url: parsed,
            token: token.map(str::to_owned),
        })
    }

    /// The address, for people.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Speaks to it.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        // Somebody was first, which says the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(QUIET_MAX)
            .pool_idle_timeout(IDLE_MAX)
            // A token goes nowhere else.
            .redirect(Policy::none())
            .user_agent(concat!("hyperion/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("prepare calls to an engine elsewhere")?;
        let transport = Over {
            client,
            url: self.url.clone(),
        };
        let client = Client::new(transport);
        Ok(match &self.token {
            Some(token) => client.with_token(token),
            None => client,
        })
    }

    /// Says that a command is about the machine that the engine runs on.
    pub(crate) fn refusal(&self, command: &str) -> anyhow::Error {
        let what = format!(
            "`hyperion {command}` works with the home and the folders of this machine, and the engine is elsewhere: {}",
            self.url()
        );
        let hint = format!(
            "run it on that machine, or for this machine's own home without {URL} and after `hyperion logout`"
        );
        Failure::new(Exit::Usage, what).hint(hint).into()
    }
}

fn is_sendable(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Makes calls over HTTP.
struct Over {
    client: reqwest::Client,
    url: Url,
}

impl Over {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        // Put behind the address as it is: no path leads to another host.
        let url = format!("{}{path}", self.url.as_str().trim_end_matches('/'));
        // Nobody but the address says who is called.
        parts.headers.remove(header::HOST);
        parts
            .headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        let call = self
            .client
            .request(parts.method, url)
            .headers(parts.headers)
            .body(body);
        match call.send().await {
            Ok(answer) => {
                let answer = Response::<reqwest::Body>::from(answer);
                Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
            }
            Err(error) if error.is_timeout() && !error.is_connect() => {
                Err(TransportError::Silent {
                    seconds: QUIET_MAX.as_secs(),
                })
            }
            Err(error) if error.is_connect() || error.is_builder() => {
                Err(TransportError::Unreachable(error.without_url().into()))
            }
            Err(error) => Err(TransportError::Broken(error.without_url().into())),
        }
    }
}

impl Transport for Over {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // X8: a token goes nowhere in the clear, and nobody is taken for an engine whose address says more than where it is.
    #[test]
    fn addresses_that_are_no_engines_are_refused() {
        for good in [
            "https://h.example",
            "http://127.0.0.1:4750/",
            "http://[::1]:4750",
            "http://localhost:1",
        ] {
            assert!(Remote::new(good, None).is_ok(), "{good}");
        }
        for bad in [
            "h.example",
            "http://h.example",
            "ftp://h.example",
            "https://h.example/x",
            "https://u:p@h.example",
            "https://h.example/?x",
            "http://localhost.evil.example",
        ] {
            assert!(Remote::new(bad, None).is_err(), "{bad}");
        }
    }
}
