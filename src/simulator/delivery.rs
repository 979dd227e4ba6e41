//! How a reply reaches the wire, or does not.
//!
//! Most replies go out whole. A fault or a hold point can withhold one, cut it in the middle, dribble it out or
//! stop half way; here are the bodies and the marks that make this so. A mark is an extension on the response that
//! `server.rs` acts on, since only the connection can end without an answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::Frame;

/// How long the second half of a cut or held reply is kept back, so that the first half has left by then: hyper
/// flushes what it has when a body has nothing more at hand.
const FLUSH_GAP: Duration = Duration::from_millis(20);

/// The pause between two pieces of a slow body, and how many pieces there are: 2 s for a whole body.
const SLOW_GAP: Duration = Duration::from_millis(100);
const SLOW_PIECES: usize = 20;

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What becomes of a reply.
pub(super) enum Delivery {
    /// It goes out as it is.
    Whole,
    /// It never goes out.
    Withheld(Withheld),
    /// Half of the body goes out, then the connection ends.
    Cut,
    /// The body goes out in small pieces.
    Slow,
    /// Half of the body goes out, the other half once the wait is over.
    Halves(Wait),
}

/// A mark for the connection: this response must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Withheld {
    /// The connection ends.
    Dropped,
    /// Every connection ends, and for so long there is no other.
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
            Delivery::Cut => vec![Step::Send(whole.slice(..half)), Step::Pause(FLUSH_GAP), Step::Sever],
            Delivery::Slow => {
                let size = whole.len().div_ceil(SLOW_PIECES).max(1);
                let piece = |start| Step::Send(whole.slice(start..whole.len().min(start + size)));
                (0..whole.len())
                    .step_by(size)
                    .flat_map(|start| [piece(start), Step::Pause(SLOW_GAP)])
                    .collect()
            }
            Delivery::Halves(wait) => vec![
                Step::Send(whole.slice(..half)),
                Step::Pause(FLUSH_GAP),
                Step::Wait(wait),
                Step::Send(whole.slice(half..)),
            ],
        };
        (Body::new(SteppedBody(steps.into())), None)
    }
}

enum Step {
    Send(Bytes),
    /// Becomes a wait when its turn comes.
    Pause(Duration),
    Wait(Wait),
    Sever,
}

/// A body that takes its steps one after the other.
struct SteppedBody(VecDeque<Step>);

impl hyper::body::Body for SteppedBody {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        loop {
            match self.0.front_mut() {
                None => return Poll::Ready(None),
                Some(Step::Send(piece)) => {
                    let piece = std::mem::take(piece);
                    self.0.pop_front();
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Some(step @ &mut Step::Pause(gap)) => *step = Step::Wait(Box::pin(tokio::time::sleep(gap))),
                Some(Step::Wait(wait)) => {
                    if wait.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.0.pop_front();
                }
                Some(Step::Sever) => return Poll::Ready(Some(Err(Severed))),
            }
        }
    }
}

/// The error that makes hyper end a connection where it stands.
#[derive(Debug, thiserror::Error)]
#[error("the simulator ended the connection on purpose")]
pub(super) struct Severed;
