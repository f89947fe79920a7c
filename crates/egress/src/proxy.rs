//! The proxy itself: one connection of a client, any number of requests, each judged anew.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::is_public;
use crate::host::{Host, Target};
use crate::tunnel::tunnel;
use crate::upstream::{Hop, Upstream};

/// How long the head of a request may take to come, and how long a connection may wait for its next one.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// The most bytes of a request's or an answer's head.
const HEAD_BYTES: usize = 64 * 1024;
/// The most headers of a request or an answer.
const HEADERS: usize = 100;
/// How long a name may take to be found, and how long each of its addresses to be reached.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The most addresses of a name that are tried.
const ADDRESSES: usize = 4;
/// How long a server may take to begin its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// Who decides, connection by connection, and notes what was refused.
pub trait Judge: Send + Sync + 'static {
    /// Whether this may be reached, by the name or address that was asked for.
    fn allows(&self, target: &Target) -> bool;

    /// Whether an address may be reached that is this machine's, or of its private network, or has a special meaning.
    fn allows_address(&self, address: IpAddr, port: u16) -> bool;

    /// Notes a refusal, and says what to do to have it allowed: the end of the answer that the client gets.
    fn refuse(&self, refusal: Refusal) -> String;
}

/// Something that was not let through.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// The host that was asked for.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Why.
    pub why: Why,
}

/// Why it was not let through.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The list does not name it.
    NotListed,
    /// The list names it, but it leads to this machine or its private network: here.
    Inside(IpAddr),
}

/// A look-up of a name that is under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

type Resolve = Arc<dyn Fn(String, u16) -> Resolving + Send + Sync>;
type Body = BoxBody<Bytes, hyper::Error>;

/// A connection to a server, or to the machine's proxy.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
type Server = Box<dyn Stream>;

/// A proxy for one client: a run.
#[derive(Clone)]
pub struct Proxy {
    judge: Arc<dyn Judge>,
    resolve: Resolve,
    upstream: Option<Arc<Upstream>>,
}

impl Proxy {
    /// Makes a proxy that finds names as this machine does.
    pub fn new(judge: Arc<dyn Judge>) -> Self {
        Self::with_resolver(judge, |name, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
        })
    }

    /// Makes a proxy that finds names in another way.
    pub fn with_resolver(
        judge: Arc<dyn Judge>,
        resolve: impl Fn(String, u16) -> Resolving + Send + Sync + 'static,
    ) -> Self {
        Self {
            judge,
            resolve: Arc::new(resolve),
            upstream: None,
        }
    }

    /// Goes by the machine's own proxies, where they are for what is asked for.
    #[must_use]
    pub fn by_way_of(mut self, upstream: Arc<Upstream>) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// Serves a client's connection until it ends, on a tokio runtime.
    pub async fn serve(
        &self,
        client: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> io::Result<()> {
        // A CONNECT is the last request of its connection.
        let opened: Arc<Mutex<Option<(OnUpgrade, Server)>>> = Arc::default();
        let service = service_fn(|request| {
            let (proxy, opened) = (self.clone(), Arc::clone(&opened));
            async move {
                Ok::<_, Infallible>(
                    proxy
                        .answer(request, &opened)
                        .await
                        .unwrap_or_else(Failure::into_response),
                )
            }
        });
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .half_close(true)
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(client), service)
            .with_upgrades()
            .await
            .map_err(io::Error::other)?;
        let opened = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        match opened {
            None => Ok(()),
            Some((upgrade, server)) => {
                let client = upgrade.await.map_err(io::Error::other)?;
                tunnel(TokioIo::new(client), server).await
            }
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        opened: &Mutex<Option<(OnUpgrade, Server)>>,
    ) -> Result<Response<Body>, Failure> {
        if request.method() == Method::CONNECT {
            let target = target_of(request.uri(), None)?;
            let server = match self.hop_to("https", &target)? {
                None => Box::new(self.connect(&target).await?),
                Some(hop) => connect_by(hop, &target).await?,
            };
            let upgrade = hyper::upgrade::on(&mut request);
            *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, server));
            return Ok(Response::new(text(String::new())));
        }
        match request.uri().scheme_str() {
            Some("http") => {}
            Some(_) => {
                return Err(Failure::usage(
                    "only http:// is carried in this way; for anything else use CONNECT",
                ));
            }
            None => {
                return Err(Failure::usage(
                    "this is a proxy: it takes CONNECT, and requests with a whole http:// address",
                ));
            }
        }
        let target = target_of(request.uri(), Some(80))?;
        let hop = self.hop_to("http", &target)?;
        let server = match &hop {
            None => self.connect(&target).await?,
            Some(hop) => hop.connect().await?,
        };
        forward(request, &target, server, hop).await
    }

    /// Judges, and finds the machine's proxy where that is the way; an address is judged as it would be without one.
    fn hop_to(&self, scheme: &str, target: &Target) -> Result<Option<Hop>, Failure> {
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        if !self.judge.allows(target) {
            return Err(self.refuse(target, Why::NotListed));
        }
        if let Host::Address(address) = target.host {
            if address.is_loopback() {
                return Ok(None);
            }
            if !is_public(address) && !self.judge.allows_address(address, target.port) {
                return Err(self.refuse(target, Why::Inside(address)));
            }
        }
        let hop = upstream.to(scheme, target);
        hop.map_err(|why| Failure::unreachable("proxy_configuration_error", why))
    }

    /// Judges, looks the name up, judges the addresses, and connects to one that was judged.
    async fn connect(&self, target: &Target) -> Result<TcpStream, Failure> {
        if !self.judge.allows(target) {
            return Err(self.refuse(target, Why::NotListed));
        }
        let found = match &target.host {
            Host::Address(address) => vec![SocketAddr::new(*address, target.port)],
            Host::Name(name) => {
                match timeout(CONNECT_WITHIN, (self.resolve)(name.clone(), target.port)).await {
                    Ok(Ok(found)) => found,
                    Ok(Err(error)) => {
                        return Err(Failure::unreachable(
                            "dns_error",
                            format!("{target}: its name was not found: {error}"),
                        ));
                    }
                    Err(_elapsed) => {
                        return Err(Failure::unreachable(
                            "dns_timeout",
                            format!("{target}: its name was not found in time"),
                        ));
                    }
                }
            }
        };
        let may_be_reached = |address: &&SocketAddr| {
            is_public(address.ip()) || self.judge.allows_address(address.ip(), target.port)
        };
        let Some(first) = found.first() else {
            return Err(Failure::unreachable(
                "dns_error",
                format!("{target}: its name has no address"),
            ));
        };
        let allowed: Vec<_> = found
            .iter()
            .filter(may_be_reached)
            .take(ADDRESSES)
            .collect();
        if allowed.is_empty() {
            return Err(self.refuse(target, Why::Inside(first.ip())));
        }
        let mut last = Failure::unreachable(
            "connection_refused",
            format!("{target} could not be reached"),
        );
        for address in allowed {
            // Never the resolver's port: what was judged is what was asked for.
            let address = SocketAddr::new(address.ip(), target.port);
            last = match timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
                Ok(Ok(server)) => {
                    let _ = server.set_nodelay(true);
                    return Ok(server);
                }
                Ok(Err(error)) => Failure::unreachable(
                    "connection_refused",
                    format!("{target} could not be reached: {error}"),
                ),
                Err(_elapsed) => Failure::unreachable(
                    "connection_timeout",
                    format!("{target} could not be reached in time"),
                ),
            };
        }
        Err(last)
    }

    fn refuse(&self, target: &Target, why: Why) -> Failure {
        let (error, what) = match why {
            Why::NotListed => (
                "http_request_denied",
                format!("{target} is not among the hosts that this run may reach"),
            ),
            Why::Inside(address) => (
                "destination_ip_prohibited",
                format!(
                    "{target} leads to {address}, which is this machine's, or of its private network, and is not listed itself"
                ),
            ),
        };
        let advice = self.judge.refuse(Refusal {
            host: target.host.to_string(),
            port: target.port,
            why,
        });
        Failure {
            status: StatusCode::FORBIDDEN,
            error,
            text: format!("{what}\n{advice}"),
        }
    }
}

impl Hop {
    async fn connect(&self) -> Result<TcpStream, Failure> {
        let failed = |error: &str| {
            let (host, port) = (&self.host, self.port);
            let what = format!("the machine's proxy {host}:{port} could not be reached: {error}");
            Failure::unreachable("connection_refused", what)
        };
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let server = match timeout(CONNECT_WITHIN, connecting).await {
            Ok(connected) => connected.map_err(|error| failed(&error.to_string()))?,
            Err(elapsed) => return Err(failed(&elapsed.to_string())),
        };
        let _ = server.set_nodelay(true);
        Ok(server)
    }
}

/// Has the machine's proxy connect to a target.
async fn connect_by(hop: Hop, target: &Target) -> Result<Server, Failure> {
    let failed = |why: String| {
        let (host, port) = (&hop.host, hop.port);
        let what = format!("the machine's proxy {host}:{port} did not connect to {target}: {why}");
        Failure::unreachable("connection_refused", what)
    };
    let server = TokioIo::new(hop.connect().await?);
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .handshake(server)
        .await
        .map_err(|error| failed(error.to_string()))?;
    tokio::spawn(connection.with_upgrades());
    let authority = target.to_string();
    let mut request = Request::connect(&authority).header(header::HOST, &authority);
    if let Some(authorization) = &hop.authorization {
        request = request.header(header::PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|error| failed(error.to_string()))?;
    let answer = match timeout(CONNECT_WITHIN, sender.send_request(request)).await {
        Ok(answer) => answer.map_err(|error| failed(error.to_string()))?,
        Err(elapsed) => return Err(failed(elapsed.to_string())),
    };
    if !answer.status().is_success() {
        return Err(failed(format!("it answered {}", answer.status())));
    }
    let upgraded = hyper::upgrade::on(answer).await;
    let upgraded = upgraded.map_err(|error| failed(error.to_string()))?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// Sends a request on, as its own, and gives the answer back as it comes. A redirect is an answer like any other.
async fn forward(
    request: Request<Incoming>,
    target: &Target,
    server: TcpStream,
    hop: Option<Hop>,
) -> Result<Response<Body>, Failure> {
    let failed = |error: hyper::Error| {
        Failure::unreachable(
            "http_protocol_error",
            format!("{target} gave no answer: {error}"),
        )
    };
    let (mut parts, body) = request.into_parts();
    let authority = parts
        .uri
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    // The name that was judged, whatever the header said; without a password that stood before it.
    let host = authority
        .and_then(|authority| authority.rsplit('@').next())
        .unwrap_or_default();
    let host =
        HeaderValue::from_str(host).map_err(|_| Failure::usage("the address has no host"))?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    // A proxy is told the whole address.
    let uri = match (&hop, host.to_str()) {
        (Some(_), Ok(host)) => format!("http://{host}{path}"),
        _ => path.to_owned(),
    };
    parts.uri = uri
        .parse::<Uri>()
        .map_err(|_| Failure::usage("the address has no path"))?;
    parts.version = Version::HTTP_11;
    drop_hop_by_hop(&mut parts.headers);
    parts.headers.insert(header::HOST, host);
    if let Some(authorization) = hop.and_then(|hop| hop.authorization) {
        let headers = &mut parts.headers;
        headers.insert(header::PROXY_AUTHORIZATION, authorization);
    }
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .handshake(TokioIo::new(server))
        .await
        .map_err(failed)?;
    // Ends with the answer, or with whoever asked.
    tokio::spawn(connection);
    let answer = match timeout(
        ANSWER_WITHIN,
        sender.send_request(Request::from_parts(parts, body)),
    )
    .await
    {
        Ok(answer) => answer.map_err(failed)?,
        Err(_elapsed) => {
            return Err(Failure::unreachable(
                "http_response_timeout",
                format!("{target} gave no answer in time"),
            ));
        }
    };
    let mut answer = answer.map(http_body_util::BodyExt::boxed);
    drop_hop_by_hop(answer.headers_mut());
    Ok(answer)
}

/// Takes out what is meant for the next hop alone, RFC 9110 §7.6.1.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    const NAMES: [&str; 8] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in NAMES {
        headers.remove(name);
    }
}

fn target_of(uri: &Uri, default_port: Option<u16>) -> Result<Target, Failure> {
    let authority = uri
        .authority()
        .ok_or_else(|| Failure::usage("the request names no host"))?;
    let port = authority
        .port_u16()
        .or(default_port)
        .filter(|port| *port > 0);
    let port = port.ok_or_else(|| Failure::usage("the request names no port"))?;
    let host = Host::parse(authority.host()).map_err(|error| Failure::usage(&error.to_string()))?;
    Ok(Target { host, port })
}

/// Why there is no answer from the server.
struct Failure {
    status: StatusCode,
    /// By the names of RFC 9209.
    error: &'static str,
    text: String,
}

impl Failure {
    fn usage(text: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "http_request_error",
            text: text.to_owned(),
        }
    }

    const fn unreachable(error: &'static str, text: String) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            error,
            text,
        }
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(text(format!("hyperion: {}\n", self.text)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if let Ok(status) = HeaderValue::from_str(&format!("hyperion; error={}", self.error)) {
            headers.insert("proxy-status", status);
        }
        response
    }
}

fn text(text: String) -> Body {
    Full::new(Bytes::from(text))
        .map_err(|never: Infallible| match never {})
        .boxed()
}
