use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a caller may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// A server on this machine that takes what a webhook posts.
#[derive(Debug)]
pub struct Hook {
    url: String,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    posted: Vec<Posted>,
    answers: VecDeque<u16>,
}

/// What was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The lines of its head, names in lower case.
    pub head: Vec<String>,
    /// Its body.
    pub body: String,
}

impl Posted {
    /// Gives a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.head.iter().filter_map(|line| line.split_once(": "));
        found
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

impl Hook {
    /// Starts a server that answers with these statuses, one after the other, and then with 204.
    ///
    /// # Panics
    /// When the machine gives no port.
    pub fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{error}"));
        let seen = Arc::new(Seen::default());
        lock(&seen).answers.extend(statuses);
        let taking = Arc::clone(&seen);
        // It ends with the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                take(&taking, &stream);
            }
        });
        Self {
            url: format!("http://{address}/hook"),
            seen,
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until so much was posted, and gives all of it.
    ///
    /// # Panics
    /// When it was not within the limit.
    #[track_caller]
    pub fn posted(&self, count: usize, limit: Duration) -> Vec<Posted> {
        let state = lock(&self.seen);
        let waited = self
            .seen
            .changed
            .wait_timeout_while(state, limit, |state| state.posted.len() < count);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let posted = state.posted.clone();
        assert!(
            posted.len() >= count,
            "only {} of {count} posts came",
            posted.len()
        );
        posted
    }
}

fn lock(seen: &Seen) -> std::sync::MutexGuard<'_, State> {
    seen.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one call and answers it; what is none is passed over.
fn take(seen: &Seen, mut stream: &TcpStream) -> Option<()> {
    stream.set_read_timeout(Some(CALL_LIMIT)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        head.push(match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        });
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let status = {
        let mut state = lock(seen);
        let body = String::from_utf8_lossy(&body).into_owned();
        state.posted.push(Posted { head, body });
        seen.changed.notify_all();
        state.answers.pop_front().unwrap_or(204)
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\nlocation: https://elsewhere.example/\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).ok()
}
