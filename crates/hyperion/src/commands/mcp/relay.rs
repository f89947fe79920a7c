//! Hands the calls of a server on to the engine, whichever it is at the moment.
//!
//! The server is up at once, and the engine is reached, or become, when the first call needs it. An engine that left is
//! looked for again; a call that never reached it is made again, one that may have is not. Where there is no way to an
//! engine the call is told why, and the next one tries again: a person may have mended it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyperion_api::client::{Body, Transport, TransportError};
use tokio::sync::{mpsc, oneshot};

use crate::connection::Access;
use crate::context::Cx;
use crate::failure::Failure;
use crate::session::Session;

/// The most calls that wait to be handed on.
const WAITING_MAX: usize = 64;
/// How often a call that never reached an engine is made.
const TRIES_MAX: u32 = 3;

type Answer = Result<Response<Body>, TransportError>;

/// A call on its way.
pub(super) struct Call {
    request: Request<Bytes>,
    reply: oneshot::Sender<Answer>,
    tries: u32,
}

/// The server's end.
pub(super) struct Relay {
    calls: mpsc::Sender<Call>,
}

/// Makes both ends.
pub(super) fn relay() -> (Relay, mpsc::Receiver<Call>) {
    let (calls, waiting) = mpsc::channel(WAITING_MAX);
    (Relay { calls }, waiting)
}

impl Transport for Relay {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let call = Call {
                request,
                reply,
                tries: 0,
            };
            let gone = || TransportError::Unreachable("the command is leaving".into());
            self.calls.send(call).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }
}

/// Hands calls on until the other end is gone, then leaves in good order.
pub(super) async fn answer(cx: &Cx, mut calls: mpsc::Receiver<Call>) -> anyhow::Result<()> {
    let (unreached, mut again) = mpsc::channel::<Call>(WAITING_MAX);
    let mut session = loop {
        let Some(call) = calls.recv().await else {
            return Ok(());
        };
        match Session::open(cx, Access::Change).await {
            Ok(session) => {
                hand_on(call, &session, &unreached);
                break session;
            }
            Err(error) => refuse(call, &error),
        }
    };
    loop {
        tokio::select! {
            call = calls.recv() => match call {
                Some(call) => hand_on(call, &session, &unreached),
                None => break,
            },
            Some(call) = again.recv() => {
                // Several calls may have found it gone; the first of them brings another.
                if session.health().await.is_err()
                    && let Err(error) = session.reopen().await
                {
                    refuse(call, &error);
                } else {
                    hand_on(call, &session, &unreached);
                }
            }
        }
    }
    session.close().await
}

/// Tells a call why there is no engine.
fn refuse(call: Call, error: &anyhow::Error) {
    let why = Failure::of(error).line();
    // The server may have given the call up.
    let _ = call
        .reply
        .send(Err(TransportError::Unreachable(why.into())));
}

/// Makes a call without waiting for it.
fn hand_on(call: Call, session: &Session<'_>, unreached: &mpsc::Sender<Call>) {
    let transport: Arc<dyn Transport> = session.client().transport();
    let unreached = unreached.clone();
    tokio::spawn(async move {
        let Call {
            request,
            mut reply,
            tries,
        } = call;
        let answer = tokio::select! {
            answer = transport.send(request.clone()) => answer,
            // The client called it off: the engine notices that nobody waits any more, and ends what it ran.
            () = reply.closed() => return,
        };
        if matches!(answer, Err(TransportError::Unreachable(_))) && tries < TRIES_MAX {
            let call = Call {
                request,
                reply,
                tries: tries + 1,
            };
            // Nobody takes it when the command is leaving, and whoever waits is told by that.
            let _ = unreached.send(call).await;
            return;
        }
        // The server may have given the call up.
        let _ = reply.send(answer);
    });
}
