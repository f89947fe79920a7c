//! A connection's seat: how long it may send nothing, and how long its answer may take to be read.
//!
//! Somebody who connects and says nothing, sends a call letter by letter, or never reads an answer takes a seat from others. So
//! each phase of a connection has an end: the head of a call comes within [`ASK_WITHIN`] and [`HEAD_MAX_BYTES`], bytes that wait to be read move within
//! [`STALL_MAX`], and an answer is read whole within [`READ_WITHIN`]. How long a call is worked on is the call's own business, and a
//! feed goes on for as long as somebody reads it.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyperion_host::narrow_sending;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::life::Guest;
use crate::port::Door;

/// How long somebody may take to send the head of a call, or the next one.
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// How many bytes the head of a call may have; what came with it of its body counts, as long as nobody has looked at the head.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// How long nothing at all of what is written may be read.
const STALL_MAX: Duration = Duration::from_secs(20);
/// How long an answer may take to be read, feeds aside.
const READ_WITHIN: Duration = Duration::from_secs(120);
/// How many bytes a feed has on the way: whoever never reads is found out after a few signs of life.
const FEED_BYTES: usize = 4096;

/// Where a connection stands.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    state: Arc<Mutex<State>>,
    door: Door,
}

#[derive(Debug)]
struct State {
    /// Until when a call has to come; none while one is worked on.
    ask_until: Option<Instant>,
    /// Until when the last answer has to be read.
    read_until: Option<Instant>,
    is_feed: bool,
    /// What came since then.
    head_bytes: usize,
    /// Who waits for a call.
    waker: Option<Waker>,
}

impl Seat {
    fn new(door: Door) -> Self {
        let state = State {
            ask_until: Some(Instant::now() + ASK_WITHIN),
            read_until: None,
            is_feed: false,
            head_bytes: 0,
            waker: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            door,
        }
    }

    /// By which door they came.
    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// A call came.
    pub(crate) fn works(&self) {
        let mut state = self.lock();
        state.ask_until = None;
        state.head_bytes = 0;
    }

    /// Whether so many bytes more still make the head of a call.
    fn hears(&self, bytes: usize) -> bool {
        let mut state = self.lock();
        if state.ask_until.is_some() {
            state.head_bytes += bytes;
        }
        state.head_bytes <= HEAD_MAX_BYTES
    }

    /// Its answer begins.
    pub(crate) fn answers(&self, is_feed: bool) {
        let mut state = self.lock();
        state.is_feed = is_feed;
        state.read_until = (!is_feed).then(|| Instant::now() + READ_WITHIN);
    }

    /// Until when a call has to come here; none where one is worked on.
    pub(crate) fn asks_until(&self) -> Option<Instant> {
        self.lock().ask_until
    }

    /// Ends a connection on which nothing is asked: somebody else needs its place.
    pub(crate) fn give_way(&self) {
        let mut state = self.lock();
        if state.ask_until.is_some() {
            state.ask_until = Some(Instant::now());
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        }
    }

    /// Whether it is still taken.
    pub(crate) fn is_taken(&self) -> bool {
        Arc::strong_count(&self.state) > 1
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts as one until it is dropped.
pub(crate) struct Seated<S> {
    stream: S,
    seat: Seat,
    reading: Pin<Box<Sleep>>,
    writing: Pin<Box<Sleep>>,
    /// Since when nothing of what is written is read.
    stalled: Option<Instant>,
    is_narrow: bool,
    _place: Option<OwnedSemaphorePermit>,
    _guest: Guest,
}

impl<S: AsFd> Seated<S> {
    pub(crate) fn new(
        stream: S,
        door: Door,
        place: Option<OwnedSemaphorePermit>,
        guest: Guest,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream,
            seat: Seat::new(door),
            reading: Box::pin(tokio::time::sleep_until(now)),
            writing: Box::pin(tokio::time::sleep_until(now)),
            stalled: None,
            is_narrow: false,
            _place: place,
            _guest: guest,
        }
    }

    pub(crate) fn seat(&self) -> Seat {
        self.seat.clone()
    }

    /// Whether its time to ask is over; wakes the task when it will be.
    fn asked_too_late(&mut self, cx: &mut Context<'_>) -> bool {
        // While an answer is on its way nobody is expected to ask.
        if self.stalled.is_some() {
            return false;
        }
        let until = {
            let mut state = self.seat.lock();
            state.waker = Some(cx.waker().clone());
            state.ask_until
        };
        until.is_some_and(|until| is_over(&mut self.reading, until, cx))
    }

    /// Looks at how writing went: it may wait for the other end, but not for ever.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        let read_until = self.seat.lock().read_until;
        let until = (since + STALL_MAX).min(read_until.unwrap_or(since + STALL_MAX));
        if is_over(&mut self.writing, until, cx) {
            return Poll::Ready(Err(too_late("read what was answered")));
        }
        Poll::Pending
    }

    fn narrow_feed(&mut self) {
        if !self.is_narrow && self.seat.lock().is_feed {
            self.is_narrow = true;
            if let Err(error) = narrow_sending(&self.stream, FEED_BYTES) {
                tracing::debug!(%error, "a feed keeps its room");
            }
        }
    }
}

fn is_over(sleep: &mut Pin<Box<Sleep>>, until: Instant, cx: &mut Context<'_>) -> bool {
    if sleep.deadline() != until {
        sleep.as_mut().reset(until);
    }
    sleep.as_mut().poll(cx).is_ready()
}

fn too_late(what: &str) -> io::Error {
    tracing::debug!("cut somebody off who did not {what} in time");
    io::ErrorKind::TimedOut.into()
}

impl<S: AsFd + AsyncRead + Unpin> AsyncRead for Seated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.asked_too_late(cx) {
            return Poll::Ready(Err(too_late("ask anything")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if !self.seat.hears(buffer.filled().len() - before) {
            tracing::debug!("cut somebody off whose call has no end");
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        read
    }
}

impl<S: AsFd + AsyncWrite + Unpin> AsyncWrite for Seated<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.narrow_feed();
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer on its way; once it is handed over, or given up, the connection may be asked again.
pub(crate) struct Answering {
    seat: Seat,
    _long: Option<OwnedSemaphorePermit>,
}

impl Answering {
    /// Goes with the body to its end.
    pub(crate) fn with(seat: Seat, long: Option<OwnedSemaphorePermit>, body: Body) -> Body {
        Body::new(Accompanied {
            body,
            _answering: Self { seat, _long: long },
        })
    }
}

/// The body of an answer, as long as it was.
struct Accompanied {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Accompanied {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.seat.lock();
        state.ask_until = Some(Instant::now() + ASK_WITHIN);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}
