//! Hold points: pause a create at a known point, so that a test can kill the client there.
//!
//! Only one hold is armed at a time; it applies to the first create that matches. The held create continues when it is
//! released, even if its client has disconnected, as in the real service.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::faults::concerns;

/// The point at which a create is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldPoint {
    /// The request has arrived; nothing has been done.
    Received,
    /// The customer exists; no reply has been sent.
    Created,
    /// The first half of the body has been sent.
    HalfAnswered,
}

/// Which create to hold, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The point at which the create is held.
    pub at: HoldPoint,
    /// Only a create for this domain; for any domain if absent.
    pub domain: Option<String>,
}

/// The state of the hold, as the control API returns it.
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
    /// The number of creates held so far; it distinguishes the release of one create from that of a later one.
    held: u64,
}

#[derive(Debug)]
pub(super) struct HoldBoard(watch::Sender<Board>);

impl HoldBoard {
    pub(super) fn new() -> HoldBoard {
        HoldBoard(watch::Sender::new(Board { status: HoldStatus::Idle, held: 0 }))
    }

    /// Arms a hold; a create that is being held continues.
    pub(super) fn arm(&self, hold: Hold) {
        self.0.send_modify(|board| board.status = HoldStatus::Armed(hold));
    }

    /// Releases the held create, or disarms the hold.
    pub(super) fn release(&self) {
        self.0.send_modify(|board| board.status = HoldStatus::Idle);
    }

    pub(super) fn status(&self) -> HoldStatus {
        self.0.borrow().status.clone()
    }

    pub(super) async fn wait_until_held(&self) {
        self.wait_for(|board| matches!(board.status, HoldStatus::Held(_))).await;
    }

    /// Will a create for this domain be held when half of its body has been sent?
    pub(super) fn stops_half_way(&self, domain: Option<&str>) -> bool {
        self.0.borrow().armed(HoldPoint::HalfAnswered, domain).is_some()
    }

    /// Holds the create at this point if a hold is armed for it; otherwise returns at once.
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
