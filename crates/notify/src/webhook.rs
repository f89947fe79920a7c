//! A webhook: a signed POST to one address, and to no other.

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use sha2::Sha256;

use crate::message::Message;

/// The header with the message's id.
pub const DELIVERY: &str = "Hyperion-Delivery";
/// The header with the signature: `t=SECONDS,v1=HEX`.
pub const SIGNATURE: &str = "Hyperion-Signature";

/// How long the other side may take to be reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long all of it may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The longest address.
const URL_BYTES_MAX: usize = 2048;

/// What messages are signed with; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps it.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why an address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is none.
    #[error("it is not an address such as https://example.org/hook")]
    NotAUrl,
    /// What is sent could be read on its way.
    #[error("it is not https, which only an address of this machine need not be")]
    Plain,
    /// It is longer than any address.
    #[error("it has more than {URL_BYTES_MAX} bytes")]
    TooLong,
}

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It may arrive later.
    #[error("{0}")]
    ForNow(String),
    /// It will not arrive as things are.
    #[error("{0}")]
    ForGood(String),
}

/// An address that takes messages.
#[derive(Debug, Clone)]
pub struct Webhook {
    url: Url,
    secret: Option<Secret>,
    client: Client,
}

/// Says whether messages may be sent to an address.
pub fn check_url(text: &str) -> Result<(), UrlError> {
    parse(text).map(|_| ())
}

fn parse(text: &str) -> Result<Url, UrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::TooLong);
    }
    let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => Err(UrlError::NotAUrl),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(UrlError::Plain),
        _ => Err(UrlError::NotAUrl),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Signs a body: HMAC-SHA256 over the time in seconds, a dot and the body.
pub fn signature(secret: &Secret, seconds: i64, body: &[u8]) -> String {
    // A key of any length is one for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else {
        return String::new();
    };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let sum: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={seconds},v1={sum}")
}

impl Webhook {
    /// Makes ready to send to an address.
    pub fn new(url: &str, secret: Option<Secret>) -> Result<Self, Undelivered> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // An error means that there is one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let url = parse(url).map_err(|error| Undelivered::ForGood(error.to_string()))?;
        let client = Client::builder()
            .user_agent(concat!("hyperion/", env!("CARGO_PKG_VERSION")))
            // A redirect would send it to an address that nobody chose.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(0);
        let client = match is_loopback(&url) {
            true => client.no_proxy(),
            false => client,
        };
        let client = client.build().map_err(|error| failed(error, &url))?;
        Ok(Self {
            url,
            secret,
            client,
        })
    }

    /// Gives the host it sends to: the rest of an address may be as good as a password.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Sends a message; `seconds` is the time now.
    pub async fn deliver(&self, message: &Message, seconds: i64) -> Result<(), Undelivered> {
        let body =
            serde_json::to_vec(message).map_err(|error| Undelivered::ForGood(error.to_string()))?;
        let mut post = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(DELIVERY, &message.id);
        if let Some(secret) = &self.secret {
            post = post.header(SIGNATURE, signature(secret, seconds, &body));
        }
        let answer = post.body(body).send().await;
        let status = answer.map_err(|error| failed(error, &self.url))?.status();
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Err(Undelivered::ForNow(format!(
                    "{} answered {status}",
                    self.host()
                )))
            }
            status if status.is_server_error() => Err(Undelivered::ForNow(format!(
                "{} answered {status}",
                self.host()
            ))),
            status if status.is_redirection() => Err(Undelivered::ForGood(format!(
                "{} answered {status}: redirects are not followed, so set the address where it leads",
                self.host()
            ))),
            status => Err(Undelivered::ForGood(format!(
                "{} answered {status}",
                self.host()
            ))),
        }
    }
}

/// Words why nothing was sent, without the address.
fn failed(error: reqwest::Error, url: &Url) -> Undelivered {
    let host = url.host_str().unwrap_or_default().to_owned();
    let error = error.without_url();
    let mut detail = format!("{host}: {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Undelivered::ForNow(detail)
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::Hook;

    use super::*;

    /// How long a message may take.
    const SOON: Duration = Duration::from_secs(30);

    fn deliver(url: &str, secret: Option<Secret>) -> Result<(), Undelivered> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let message = Message::test("m1".to_owned(), "2026-11-01T12:00:00Z".to_owned());
        let webhook = Webhook::new(url, secret)?;
        runtime.block_on(webhook.deliver(&message, 1_700_000_000))
    }

    #[test]
    fn a_message_is_signed_over_its_time_and_body() {
        let hook = Hook::answering(&[]);
        let secret = Secret::new("s3cret");
        deliver(hook.url(), Some(secret.clone())).unwrap();
        let posted = &hook.posted(1, SOON)[0];
        let signed = signature(&secret, 1_700_000_000, posted.body.as_bytes());
        assert_eq!(posted.header("hyperion-signature"), Some(signed.as_str()));
        assert_eq!(posted.header("hyperion-delivery"), Some("m1"));
        // As openssl computes it: printf 5.x | openssl dgst -sha256 -hmac k
        assert_eq!(
            signature(&Secret::new("k"), 5, b"x"),
            "t=5,v1=a65dbbfe402be79ea9aca8939e5812fbc1374a0ac680cc03adff418aa4383b1b"
        );
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        for (status, for_now) in [(503, true), (429, true), (302, false), (404, false)] {
            let hook = Hook::answering(&[status]);
            let error = deliver(hook.url(), None).unwrap_err();
            let is_for_now = matches!(error, Undelivered::ForNow(_));
            assert_eq!(is_for_now, for_now, "{status}: {error}");
            let posted = hook.posted(1, SOON);
            assert_eq!(posted[0].header("hyperion-signature"), None);
            assert_eq!(posted.len(), 1, "a redirect is not followed");
        }
        let nobody = deliver("http://127.0.0.1:9/token-in-the-path", None).unwrap_err();
        let is_silent = matches!(&nobody, Undelivered::ForNow(why) if !why.contains("token"));
        assert!(is_silent, "{nobody}");
    }

    #[test]
    fn only_addresses_that_keep_what_is_sent_are_taken() {
        for taken in [
            "https://example.org/x",
            "http://127.0.0.1:8080/",
            "http://localhost/x",
            "http://[::1]/",
        ] {
            assert_eq!(check_url(taken), Ok(()), "{taken}");
        }
        assert_eq!(check_url("http://example.org/x"), Err(UrlError::Plain));
        for not in ["", "example.org", "file:///etc/passwd", "ftp://example.org"] {
            assert_eq!(check_url(not), Err(UrlError::NotAUrl), "{not}");
        }
    }
}
