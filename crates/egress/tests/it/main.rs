//! The proxy with real connections to servers of its own.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hyperion_egress::{Hosts, Judge, Proxy, Refusal, Target, Upstream, Why};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;

/// Hosts from a list, and what was refused.
struct Listed {
    hosts: Hosts,
    refused: Mutex<Vec<Refusal>>,
}

impl Judge for Listed {
    fn allows(&self, target: &Target) -> bool {
        self.hosts.allows(target)
    }

    fn allows_address(&self, address: IpAddr, port: u16) -> bool {
        self.hosts.names_address(address, port)
    }

    fn refuse(&self, refusal: Refusal) -> String {
        self.refused.lock().unwrap().push(refusal);
        "Add it to the list.".to_owned()
    }
}

/// A server on loopback that gives every request the same answer, and echoes what follows a line `echo`.
async fn server(answer: &'static str) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                let mut count = stream.read(&mut buffer).await.unwrap();
                heard
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
                if !buffer.starts_with(b"echo") {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    return;
                }
                while count > 0 {
                    stream.write_all(&buffer[..count]).await.unwrap();
                    count = stream.read(&mut buffer).await.unwrap();
                }
                stream.write_all(b"bye").await.unwrap();
            });
        }
    });
    (address, seen)
}

/// A proxy whose names all lead to `address`.
fn proxy(list: &[String], address: IpAddr) -> (Arc<Listed>, Proxy) {
    let judge = Arc::new(Listed {
        hosts: Hosts::parse(list).unwrap(),
        refused: Mutex::default(),
    });
    let dynamic: Arc<dyn Judge> = Arc::clone(&judge) as _;
    let proxy = Proxy::with_resolver(dynamic, move |_, port| {
        Box::pin(async move { Ok(vec![SocketAddr::new(address, port)]) })
    });
    (judge, proxy)
}

fn client(proxy: &Proxy) -> DuplexStream {
    let (client, ours) = duplex(64 * 1024);
    let proxy = proxy.clone();
    tokio::spawn(async move { proxy.serve(ours).await });
    client
}

async fn ask(proxy: &Proxy, request: &str) -> String {
    let mut client = client(proxy);
    // One that is too long is not read to its end.
    let _ = client.write_all(request.as_bytes()).await;
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
        .lines()
        .filter(|line| !line.starts_with("date:"))
        .collect::<Vec<_>>()
        .join("\n")
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

// X6: a listed host is reached by CONNECT, both ways, with half of it closed.
#[tokio::test]
async fn connect_carries_bytes_both_ways() {
    let (address, _) = server("").await;
    let port = address.port();
    let (judge, proxy) = proxy(
        &[format!("good.example:{port}"), format!("127.0.0.1:{port}")],
        HERE,
    );
    let mut client = client(&proxy);
    client
        .write_all(
            format!("CONNECT good.example:{port} HTTP/1.1\r\nHost: other.example\r\n\r\n")
                .as_bytes(),
        )
        .await
        .unwrap();
    let mut head = [0; 17];
    client.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK\r\n");
    client.write_all(b"echo one").await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("\r\n\r\necho onebye"), "{rest}");
    assert_eq!(*judge.refused.lock().unwrap(), []);
}

// X6: plain HTTP goes on as the host's own request: its name in the header, nothing that was meant for the proxy.
#[tokio::test]
async fn plain_http_is_sent_on_and_a_redirect_is_judged_anew() {
    let (address, seen) = server("HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngone").await;
    let port = address.port();
    let (judge, proxy) = proxy(
        &[format!("good.example:{port}"), format!("127.0.0.1:{port}")],
        HERE,
    );
    let answer = ask(
        &proxy,
        &format!(
            "GET http://me:secret@good.example:{port}/a?b HTTP/1.1\r\nHost: evil.example\r\nProxy-Authorization: Basic x\r\n\
             Proxy-Connection: keep-alive\r\nConnection: x-mine\r\nX-Mine: 1\r\nX-Other: 2\r\n\r\n"
        ),
    )
    .await;
    insta::assert_snapshot!(answer, @r#"
    HTTP/1.1 302 Found
    location: http://evil.example/
    content-length: 4

    gone
    "#);
    let seen = seen.lock().unwrap().replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(seen.trim_end(), @r#"
    GET /a?b HTTP/1.1
    host: good.example:PORT
    x-other: 2
    "#);
    assert_eq!(*judge.refused.lock().unwrap(), []);
    let refused = ask(
        &proxy,
        "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    )
    .await;
    insta::assert_snapshot!(refused, @r#"
    HTTP/1.1 403 Forbidden
    content-type: text/plain; charset=utf-8
    proxy-status: hyperion; error=http_request_denied
    content-length: 93

    hyperion: evil.example:80 is not among the hosts that this run may reach
    Add it to the list.
    "#);
    assert_eq!(judge.refused.lock().unwrap().len(), 1);
}

// X6: what the list does not name is refused, by name and by address; a listed name that leads inside is refused as well.
#[tokio::test]
async fn what_is_not_listed_is_refused_and_noted() {
    let (address, seen) = server("HTTP/1.1 200 OK\r\n\r\n").await;
    let port = address.port();
    let inside = "169.254.169.254".parse().unwrap();
    for (request, why) in [
        (format!("CONNECT evil.example:{port}"), Why::NotListed),
        (format!("CONNECT 127.0.0.1:{port}"), Why::NotListed),
        (format!("CONNECT [::ffff:127.0.0.1]:{port}"), Why::NotListed),
        (format!("GET http://127.0.0.1:{port}/"), Why::NotListed),
        ("CONNECT good.example:22".to_owned(), Why::NotListed),
        // A name of somebody's own, made to lead inside: DNS rebinding.
        (format!("CONNECT good.example:{port}"), Why::Inside(HERE)),
        (
            format!("GET http://good.example:{port}/"),
            Why::Inside(HERE),
        ),
        ("CONNECT meta.example:80".to_owned(), Why::Inside(inside)),
    ] {
        let leads_to = if request.contains("meta") {
            inside
        } else {
            HERE
        };
        let (judge, proxy) = proxy(
            &[format!("good.example:{port}"), "meta.example".to_owned()],
            leads_to,
        );
        let answer = ask(&proxy, &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert!(
            answer.starts_with("HTTP/1.1 403 Forbidden"),
            "{request}: {answer}"
        );
        assert!(
            answer.ends_with("Add it to the list."),
            "{request}: {answer}"
        );
        let refused = judge.refused.lock().unwrap();
        assert_eq!(
            refused
                .iter()
                .map(|refusal| &refusal.why)
                .collect::<Vec<_>>(),
            [&why],
            "{request}"
        );
    }
    assert_eq!(*seen.lock().unwrap(), "");
}

#[tokio::test]
async fn what_is_no_request_to_a_proxy_says_so() {
    let (_, proxy) = proxy(&["good.example".to_owned()], HERE);
    let mut all = Vec::new();
    for request in [
        "GET / HTTP/1.1",
        "GET https://good.example/ HTTP/1.1",
        "CONNECT 2130706433:80 HTTP/1.1",
        "CONNECT good.example HTTP/1.1",
    ] {
        let answer = ask(&proxy, &format!("{request}\r\nHost: good.example\r\n\r\n")).await;
        all.push(format!(
            "{} | {}",
            answer.lines().next().unwrap(),
            answer.lines().last().unwrap()
        ));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    HTTP/1.1 400 Bad Request | hyperion: this is a proxy: it takes CONNECT, and requests with a whole http:// address
    HTTP/1.1 400 Bad Request | hyperion: only http:// is carried in this way; for anything else use CONNECT
    HTTP/1.1 400 Bad Request | hyperion: "2130706433" is not a host: write an address with all its four numbers, in decimal
    HTTP/1.1 400 Bad Request | hyperion: the request names no port
    "#);
    let long = ask(
        &proxy,
        &format!(
            "GET http://good.example/ HTTP/1.1\r\nX: {}\r\n\r\n",
            "x".repeat(100_000)
        ),
    )
    .await;
    assert!(long.starts_with("HTTP/1.1 431"), "{long}");
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (_, proxy) = proxy(&[format!("127.0.0.1:{port}")], HERE);
    let answer = ask(
        &proxy,
        &format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway"), "{answer}");
    assert!(
        answer.contains("proxy-status: hyperion; error=connection_refused"),
        "{answer}"
    );
}

/// A proxy of the machine: it notes the head of what it is asked, and answers as this says; what follows a CONNECT it echoes.
async fn machines_proxy(answer: &'static str) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            heard
                .lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&head));
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            stream.write_all(&rest).await.unwrap();
        }
    });
    (address, seen)
}

// X6: where the machine has a proxy, listed hosts are reached by it, by name and signed in; what is not listed is not asked of it, and
// what is excepted goes straight.
#[tokio::test]
async fn listed_hosts_are_reached_by_the_machines_own_proxy() {
    let (address, seen) = machines_proxy("HTTP/1.1 200 OK\r\n\r\n").await;
    let (direct, _) =
        server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\ndirect").await;
    let variables = [
        ("HTTPS_PROXY", format!("http://me:pw@{address}")),
        ("http_proxy", format!("http://{address}")),
        ("no_proxy", "near.example".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let near = format!("near.example:{}", direct.port());
    let list = [
        "good.example".to_owned(),
        "10.0.0.5".to_owned(),
        near.clone(),
        format!("127.0.0.1:{}", direct.port()),
    ];
    let (judge, proxy) = proxy(&list, HERE);
    let proxy = proxy.by_way_of(Arc::new(Upstream::of(&variables)));

    let answer = ask(&proxy, "CONNECT good.example:443 HTTP/1.1\r\n\r\nping").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ping"),
        "{answer}"
    );
    let head = std::mem::take(&mut *seen.lock().unwrap());
    assert!(
        head.starts_with("CONNECT good.example:443 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("proxy-authorization: Basic bWU6cHc="),
        "{head}"
    );

    let answer = ask(
        &proxy,
        &format!("GET http://{near}/ HTTP/1.1\r\nConnection: close\r\n\r\n"),
    )
    .await;
    assert!(answer.ends_with("direct"), "{answer}");
    for refused in ["evil.example:443", "10.0.0.6:443"] {
        let answer = ask(&proxy, &format!("CONNECT {refused} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    assert_eq!(judge.refused.lock().unwrap().len(), 2);
    assert_eq!(*seen.lock().unwrap(), "", "nobody else was asked of it");

    let (plain, seen) =
        machines_proxy("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
    let variables = [("http_proxy".to_owned(), format!("http://{plain}"))];
    let proxy = proxy.by_way_of(Arc::new(Upstream::of(&variables)));
    let request = "GET http://good.example/a?b HTTP/1.1\r\nProxy-Authorization: Basic x\r\nConnection: close\r\n\r\n";
    let answer = ask(&proxy, request).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let head = seen.lock().unwrap().clone();
    assert!(
        head.starts_with("GET http://good.example/a?b HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(!head.contains("Basic x"), "{head}");

    let (refuses, _) =
        machines_proxy("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            .await;
    let variables = [("https_proxy".to_owned(), format!("http://{refuses}"))];
    let proxy = proxy.by_way_of(Arc::new(Upstream::of(&variables)));
    let answer = ask(&proxy, "CONNECT good.example:443 HTTP/1.1\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 502") && answer.contains("407"),
        "{answer}"
    );
}
