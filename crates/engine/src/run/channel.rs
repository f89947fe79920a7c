//! The engine's end of channels: what a run may reach of the world outside, through its shim and here.
//!
//! A shim's connection begins with a line that names the run, the channel and the secret that only shim and engine know; the rest is what
//! a process of the run sent to a loopback port. The channel `proxy` leads to the hosts that the settings list.

use std::convert::Infallible;
use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hyperion_egress::{Hosts, Judge, Proxy, Refusal, Target, Upstream, Why};
use hyperion_host::{effective_uid, peer_of, read_bounded};
use hyperion_model::{RunId, Time};
use hyperion_sandbox::Network;
use hyperion_shim::{Channel, ChannelEnd, ChannelHeader, Spec};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::folder_of;
use crate::{Cx, Error};

/// The name of the socket in the home.
const SOCKET: &str = "channels";
/// The most connections of all runs at once, and of each; each has another one to where it leads.
const CONNECTIONS_MAX: usize = 256;
const CONNECTIONS_OF_RUN_MAX: usize = 64;
/// How long the first line may take to come.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// How long nobody is let in after that failed: too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Where a run's refusals are, and how many are kept.
const REFUSED: &str = "refused.jsonl";
const REFUSED_MAX: usize = 1000;
const REFUSED_BYTES_MAX: u64 = 1024 * 1024;
const SECRET_BYTES: usize = 32;

/// Something that a run wanted to reach and may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    /// When it was tried first.
    pub time: Time,
    /// What, and why not.
    #[serde(flatten)]
    pub refusal: Refusal,
}

/// Gives a run the channels that its network has.
pub fn give_channels(cx: &Cx, spec: &mut Spec) -> Result<(), Error> {
    if spec.sandbox.network == Network::Listed {
        spec.channels.push(Channel {
            name: Channel::PROXY.to_owned(),
            port: 0,
        });
        spec.channel_socket = Some(ChannelEnd {
            socket: cx.home.path().join(SOCKET),
            secret: unguessable()?,
        });
    }
    Ok(())
}

/// Gives a run in this folder a socket of its own on which it may speak.
pub fn let_speak(folder: &Path, spec: &mut Spec) -> Result<(), Error> {
    spec.token = Some(unguessable()?);
    spec.sandbox.socket_folder = Some(folder.join(hyperion_shim::SOCKET_FOLDER));
    Ok(())
}

fn unguessable() -> Result<String, Error> {
    let mut bytes = [0; SECRET_BYTES];
    let no_random = |_| Error::Missing("the system gives no random numbers".to_owned());
    getrandom::fill(&mut bytes).map_err(no_random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Listens where shims look for an engine; whoever holds the home's lock may. A socket that is there is somebody's who died.
pub fn listen_for_channels(cx: &Cx) -> io::Result<StdListener> {
    // By way of the open folder, so that no path is too long.
    let folder = fs::File::open(cx.home.path())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves the channels of all runs, on a tokio runtime, until it is dropped.
pub async fn serve_channels(cx: Arc<Cx>, listener: StdListener) -> io::Result<Infallible> {
    let listener = UnixListener::from_std(listener)?;
    let hosts = Hosts::parse(&cx.settings.sandbox.network_hosts).map_err(io::Error::other)?;
    let upstream = Upstream::of(&cx.settings.sandbox.proxies);
    let desk = Arc::new(Desk {
        cx,
        upstream: Arc::new(upstream),
        hosts: Arc::new(hosts),
        at_once: Mutex::default(),
    });
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut calls = tokio::task::JoinSet::new();
    loop {
        while calls.try_join_next().is_some() {}
        // Never closed, so there always is a place in the end.
        let place = Arc::clone(&places)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                calls.spawn(async move {
                    if let Err(error) = desk.serve(stream).await {
                        tracing::debug!(%error, "a channel of a run broke off");
                    }
                    drop(place);
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Gives what a run wanted to reach and may not, the first attempt first.
pub(super) fn refused(cx: &Cx, run: RunId) -> io::Result<Vec<Refused>> {
    read_refused(&folder_of(cx, run))
}

fn read_refused(folder: &Path) -> io::Result<Vec<Refused>> {
    let path = folder.join(REFUSED);
    if !path.try_exists()? {
        return Ok(Vec::new());
    }
    let text = read_bounded(&path, REFUSED_BYTES_MAX).map_err(io::Error::other)?;
    // Of a last line that was cut off nobody was told.
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// Where connections of shims are taken.
struct Desk {
    cx: Arc<Cx>,
    hosts: Arc<Hosts>,
    upstream: Arc<Upstream>,
    /// How many more each run may have.
    at_once: Mutex<Vec<(RunId, Weak<Semaphore>)>>,
}

impl Desk {
    async fn serve(&self, stream: UnixStream) -> io::Result<()> {
        if peer_of(&stream)?.uid != effective_uid() {
            return Err(io::Error::other("it is another user's"));
        }
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        let limit = ChannelHeader::BYTES_MAX as u64;
        timeout(
            HEADER_WITHIN,
            (&mut stream).take(limit).read_until(b'\n', &mut line),
        )
        .await??;
        let header: ChannelHeader = serde_json::from_slice(&line)?;
        let cx = Arc::clone(&self.cx);
        let known = tokio::task::spawn_blocking(move || identify(&cx, &header))
            .await
            .map_err(io::Error::other)?;
        let Some((run, channel)) = known else {
            return Err(io::Error::other("it is no run's"));
        };
        let at_once = self.at_once(run);
        let Ok(_place) = at_once.try_acquire() else {
            return stream.write_all(too_many().as_bytes()).await;
        };
        match channel.as_str() {
            Channel::PROXY => {
                let judge = Listed {
                    cx: Arc::clone(&self.cx),
                    run,
                    hosts: Arc::clone(&self.hosts),
                };
                let proxy = Proxy::new(Arc::new(judge)).by_way_of(Arc::clone(&self.upstream));
                proxy.serve(stream).await
            }
            _ => Err(io::Error::other("there is no such channel")),
        }
    }

    fn at_once(&self, run: RunId) -> Arc<Semaphore> {
        let mut all = self.at_once.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, places)| places.strong_count() > 0);
        if let Some(places) = all
            .iter()
            .find(|(id, _)| *id == run)
            .and_then(|(_, places)| places.upgrade())
        {
            return places;
        }
        let places = Arc::new(Semaphore::new(CONNECTIONS_OF_RUN_MAX));
        all.push((run, Arc::downgrade(&places)));
        places
    }
}

/// Finds whose connection this is: none unless the secret is that run's, and the run has such a channel.
fn identify(cx: &Cx, header: &ChannelHeader) -> Option<(RunId, String)> {
    let run: RunId = header.run.parse().ok()?;
    let spec = hyperion_shim::read_spec(&folder_of(cx, run)).ok()?;
    let end = spec.channel_socket?;
    let differences = end
        .secret
        .bytes()
        .zip(header.secret.bytes())
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    let is_its_own = end.secret.len() == header.secret.len() && differences == 0;
    let has_channel = spec
        .channels
        .iter()
        .any(|channel| channel.name == header.channel);
    (is_its_own && has_channel && spec.sandbox.network == Network::Listed)
        .then(|| (run, header.channel.clone()))
}

/// Judges by the list of the settings.
struct Listed {
    cx: Arc<Cx>,
    run: RunId,
    hosts: Arc<Hosts>,
}

impl Judge for Listed {
    fn allows(&self, target: &Target) -> bool {
        self.hosts.allows(target)
    }

    fn allows_address(&self, address: IpAddr, port: u16) -> bool {
        self.hosts.names_address(address, port)
    }

    fn refuse(&self, refusal: Refusal) -> String {
        let advice = format!(
            "If it should, an admin adds {:?} to the setting sandbox.network_hosts. What this run was refused: `hyperion run show {}`.",
            entry_for(&refusal),
            self.run
        );
        if let Err(error) = self.note(refusal) {
            tracing::warn!(run = %self.run, %error, "could not note what a run was refused");
        }
        advice
    }
}

impl Listed {
    /// Notes a refusal once, however often it is tried; of two at the same moment perhaps both.
    fn note(&self, refusal: Refusal) -> io::Result<()> {
        let folder = folder_of(&self.cx, self.run);
        let known = read_refused(&folder)?;
        if known.len() >= REFUSED_MAX || known.iter().any(|known| known.refusal == refusal) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(&Refused {
            time: self.cx.now(),
            refusal,
        })?;
        line.push(b'\n');
        let path = folder.join(REFUSED);
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&line)
    }
}

/// What the list would have to hold.
fn entry_for(refusal: &Refusal) -> String {
    let Refusal { host, port, why } = refusal;
    let host = match why {
        Why::NotListed => host.clone(),
        Why::Inside(address) => address.to_string(),
    };
    match port {
        80 | 443 => host,
        port if host.contains(':') => format!("[{host}]:{port}"),
        port => format!("{host}:{port}"),
    }
}

fn too_many() -> String {
    let text = format!(
        "hyperion: a run has at most {CONNECTIONS_OF_RUN_MAX} connections to the world outside at once; try again\n"
    );
    let length = text.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{text}"
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::World;

    const RUN: &str = "0190b7c4-6f2e-7a31-9d52-3f1c8a4be901";

    /// A run with the network `listed`, as its shim knows it.
    fn register(cx: &Cx) -> ChannelEnd {
        let folder = folder_of(cx, RUN.parse().unwrap());
        let mut spec = Spec {
            version: hyperion_shim::VERSION,
            run: RUN.to_owned(),
            lineage: None,
            token: None,
            argv: vec!["true".to_owned()],
            cwd: "/".into(),
            env: Vec::new(),
            umask: None,
            stdin: hyperion_shim::Stdin::Null,
            terminal: None,
            sandbox: hyperion_sandbox::Sandbox {
                network: Network::Listed,
                ..Default::default()
            },
            limits: hyperion_sandbox::Limits::default(),
            background: false,
            heartbeat: hyperion_shim::HeartbeatFrom::Socket,
            grace_ms: 0,
            channels: Vec::new(),
            channel_socket: None,
        };
        give_channels(cx, &mut spec).unwrap();
        let_speak(&folder, &mut spec).unwrap();
        hyperion_shim::write_spec(&folder, &spec).unwrap();
        assert_ne!(
            spec.token,
            spec.channel_socket.as_ref().map(|end| end.secret.clone())
        );
        spec.channel_socket.unwrap()
    }

    async fn ask(end: &ChannelEnd, secret: &str, channel: &str, target: &str) -> String {
        let mut stream = UnixStream::connect(&end.socket).await.unwrap();
        let header = ChannelHeader {
            run: RUN.to_owned(),
            channel: channel.to_owned(),
            secret: secret.to_owned(),
        };
        let text = format!(
            "{}\nCONNECT {target} HTTP/1.1\r\n\r\nping",
            serde_json::to_string(&header).unwrap()
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        // One that is not served may be cut off with what it sent unread.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    /// Answers each connection with what came.
    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = Vec::new();
                stream.read_to_end(&mut text).await.unwrap();
                stream.write_all(&text).await.unwrap();
            }
        });
        port
    }

    // X6: a run reaches what the settings list, through a channel that only its shim can open; what it may not reach is in its record.
    #[tokio::test]
    async fn a_run_reaches_listed_hosts_and_its_record_says_what_was_refused() {
        let port = echo().await;
        let mut world = World::new(&[("a", "")]);
        let cx = Arc::get_mut(&mut world.cx).unwrap();
        cx.settings.sandbox.network_hosts = vec![format!("127.0.0.1:{port}")];
        let cx = Arc::clone(&world.cx);
        let end = register(&cx);
        // What a dead engine left.
        drop(listen_for_channels(&cx).unwrap());
        tokio::spawn(serve_channels(
            Arc::clone(&cx),
            listen_for_channels(&cx).unwrap(),
        ));
        let listed = format!("127.0.0.1:{port}");
        let answer = ask(&end, &end.secret, "proxy", &listed).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ping"),
            "{answer}"
        );
        for _ in 0..3 {
            let answer = ask(&end, &end.secret, "proxy", "evil.example:443").await;
            assert!(answer.starts_with("HTTP/1.1 403 Forbidden"), "{answer}");
            assert!(answer.contains("sandbox.network_hosts"), "{answer}");
        }
        ask(&end, &end.secret, "proxy", "127.0.0.1:1").await;
        for (secret, channel) in [("wrong", "proxy"), ("", "proxy"), (&*end.secret, "gateway")] {
            assert_eq!(ask(&end, secret, channel, &listed).await, "");
        }
        let text = fs::read_to_string(folder_of(&cx, RUN.parse().unwrap()).join(REFUSED)).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"time":"2026-01-01T00:00:00Z","host":"evil.example","port":443,"why":"not_listed"}
        {"time":"2026-01-01T00:00:00Z","host":"127.0.0.1","port":1,"why":"not_listed"}
        "#);
        let refused = refused(&cx, RUN.parse().unwrap()).unwrap();
        assert_eq!(refused.len(), 2);
    }
}
