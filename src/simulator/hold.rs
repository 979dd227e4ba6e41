//! Hold points: a create that stands still at a known place, so that a test can kill the client there.
//!
//! One hold is armed at a time and takes the first create that matches it. The held create goes on when it is
//! released, whether or not its client is still there, as it would in the real service.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::faults::concerns;

/// Where in its life a create is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldPoint {
    /// The request is here, nothing is done.
    Received,
    /// The customer exists, nothing is answered.
    Created,
    /// The first half of the body is sent.
    HalfAnswered,
}

/// Which create to hold, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Where it is held.
    pub at: HoldPoint,
    /// Only a create of this domain; any where absent.
    pub domain: Option<String>,
}

/// What the hold is doing, as the control API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum HoldStatus {
    /// No hold is set.
    Idle,
    /// A hold waits for its create.
    Armed(Hold),
    /// A create is being held.
    Held(Hold),
}

#[derive(Debug)]
struct Board {
    status: HoldStatus,
    /// Counts the creates held so far, so that each knows its own release from that of a later one.
    held: u64,
}

#[derive(Debug)]
pub(super) struct HoldBoard(watch::Sender<Board>);

impl HoldBoard {
    pub(super) fn new() -> HoldBoard {
        HoldBoard(watch::Sender::new(Board { status: HoldStatus::Idle, held: 0 }))
    }

    /// Arms a hold; a create that is being held goes on.
    pub(super) fn arm(&self, hold: Hold) {
        self.0.send_modify(|board| board.status = HoldStatus::Armed(hold));
    }

    /// Lets the held create go on, or disarms the hold.
    pub(super) fn release(&self) {
        self.0.send_modify(|board| board.status = HoldStatus::Idle);
    }

    pub(super) fn status(&self) -> HoldStatus {
        self.0.borrow().status.clone()
    }

    pub(super) async fn wait_until_held(&self) {
        self.wait_for(|board| matches!(board.status, HoldStatus::Held(_))).await;
    }

    /// Whether a create of this domain is to be held half answered.
    pub(super) fn stops_half_way(&self, domain: Option<&str>) -> bool {
        self.0.borrow().armed(HoldPoint::HalfAnswered, domain).is_some()
    }

    /// Holds the create that is at this point if a hold was armed for it; else returns at once.
    pub(super) async fn pass(self: Arc<HoldBoard>, at: HoldPoint, domain: Option<String>) {
        let mut ticket = None;
        self.0.send_if_modified(|board| {
            ticket = board.take(at, domain.as_deref());
            ticket.is_some()
        });
        if let Some(ticket) = ticket {
            let released =
                |board: &Board| board.held != ticket || !matches!(board.status, HoldStatus::Held(_));
            self.wait_for(released).await;
        }
    }

    async fn wait_for(&self, reached: impl FnMut(&Board) -> bool) {
        let mut board = self.0.subscribe();
        board.wait_for(reached).await.expect("the sender is borrowed here, so it is open");
    }
}

impl Board {
    fn armed(&self, at: HoldPoint, domain: Option<&str>) -> Option<&Hold> {
        let HoldStatus::Armed(hold) = &self.status else { return None };
        (hold.at == at && concerns(hold.domain.as_deref(), domain)).then_some(hold)
    }

    fn take(&mut self, at: HoldPoint, domain: Option<&str>) -> Option<u64> {
        self.status = HoldStatus::Held(self.armed(at, domain)?.clone());
        self.held += 1;
        Some(self.held)
    }
}
