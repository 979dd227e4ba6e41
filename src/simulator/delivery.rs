//! How a reply reaches the wire, or does not.
//!
//! Most replies go out whole. A fault or a hold point can withhold one, cut it in the middle, dribble it out or
//! stop half way; here are the bodies and the marks that make this so. A mark is an extension on the response that
//! `server.rs` acts on, since only the connection can end without an answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;

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

/// What a body does next.
enum Step {
    Send(Bytes),
    Wait(Wait),
    Sever,
}

impl Step {
    /// It begins when its turn comes.
    fn pause(gap: Duration) -> Step {
        Step::Wait(Box::pin(async move { tokio::time::sleep(gap).await }))
    }
}

/// The error that makes hyper end a connection where it stands.
#[derive(Debug, thiserror::Error)]
#[error("the simulator ended the connection on purpose")]
pub(super) struct Severed;
