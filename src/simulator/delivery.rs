//! How a reply is delivered or withheld.
//!
//! Most replies are sent whole. A fault or a hold point can withhold a reply, cut it in the middle, send it slowly or
//! pause it halfway; this module has the bodies and marks for that. A mark is an extension of the response. `server.rs`
//! handles it, because only the connection can end without an answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;

/// How long the second half of a cut or held reply is delayed, so that the first half is sent by then: hyper flushes
/// when a body has no more data ready.
const FLUSH_GAP: Duration = Duration::from_millis(20);

/// The pause between two pieces of a slow body, and the number of pieces: a whole body takes 2 s.
const SLOW_GAP: Duration = Duration::from_millis(100);
const SLOW_PIECES: usize = 20;

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a reply is delivered.
pub(super) enum Delivery {
    /// The reply is sent unchanged.
    Whole,
    /// The reply is never sent.
    Withheld(Withheld),
    /// Half of the body is sent, then the connection ends.
    Cut,
    /// The body is sent in small pieces.
    Slow,
    /// Half of the body is sent, and the other half when the wait is over.
    Halves(Wait),
}

/// A mark for the connection: this response must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Withheld {
    /// The connection ends.
    Dropped,
    /// Every connection ends, and no new one is accepted for this long.
    Gone(Duration),
    /// The connection stays open until the client gives up.
    Stalled,
}

impl Delivery {
    pub(super) fn apply(self, whole: Vec<u8>) -> (Body, Option<Withheld>) {
        let whole = Bytes::from(whole);
        let half = whole.len() / 2;
        let steps = match self {
            Delivery::Whole => return (Body::from(whole), None),
            Delivery::Withheld(withheld) => return (Body::empty(), Some(withheld)),
            Delivery::Cut => vec![Step::Send(whole.slice(..half)), Step::pause(FLUSH_GAP), Step::Sever],
            Delivery::Slow => {
                let size = whole.len().div_ceil(SLOW_PIECES).max(1);
                let piece = |start| Step::Send(whole.slice(start..whole.len().min(start + size)));
                (0..whole.len())
                    .step_by(size)
                    .flat_map(|start| [piece(start), Step::pause(SLOW_GAP)])
                    .collect()
            }
            Delivery::Halves(wait) => vec![
                Step::Send(whole.slice(..half)),
                Step::pause(FLUSH_GAP),
                Step::Wait(wait),
                Step::Send(whole.slice(half..)),
            ],
        };
        let pieces = stream::unfold(VecDeque::from(steps), |mut steps| async move {
            loop {
                match steps.pop_front()? {
                    Step::Send(piece) => return Some((Ok(piece), steps)),
                    Step::Wait(wait) => wait.await,
                    Step::Sever => return Some((Err(Severed), VecDeque::new())),
                }
            }
        });
        (Body::from_stream(pieces), None)
    }
}

/// The next step of a body.
enum Step {
    Send(Bytes),
    Wait(Wait),
    Sever,
}

impl Step {
    /// The pause starts when its step starts.
    fn pause(gap: Duration) -> Step {
        Step::Wait(Box::pin(async move { tokio::time::sleep(gap).await }))
    }
}

/// The error that makes hyper end a connection immediately.
#[derive(Debug, thiserror::Error)]
#[error("the simulator ended the connection on purpose")]
pub(super) struct Severed;
