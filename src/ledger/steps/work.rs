//! An open step, with everything that the submitter needs to decide on it.

use super::super::RowId;
use super::StepKind;
use super::change::{EarlierRefusal, OpenStep};
use tenantry_model::clock::{self, Moment};
use tenantry_model::customer::Customer;
use tenantry_model::ids::RequestId;

/// An open step of a row, with everything that the next send or lookup depends on.
#[derive(Debug, Clone)]
pub struct Work {
    pub row: RowId,
    pub kind: StepKind,
    /// Physical line in the file that it came from, 1-based.
    pub line: u64,
    pub customer: Customer,
    pub request_id: RequestId,
    pub open: OpenStep,
    /// No create under the request id was sent later than this.
    pub last_sent_at: Option<Moment>,
    /// A create for this domain was unclear under an earlier request id.
    pub unclear_under_earlier_id: bool,
    /// The service once reported in an answer that could not be parsed that it had created the customer.
    pub unparsed_success: bool,
    /// Something may have been sent for it already.
    pub is_in_flight: bool,
    /// It is in flight, and not only because the lost ledger of a restored copy may have sent it.
    pub is_begun: bool,
    /// A restored copy held it back, and its list was read to its end without it:
    /// [`GONE_FROM_LIST`](tenantry_model::own_code::GONE_FROM_LIST).
    pub is_gone: bool,
    /// What it was refused for before it was tried again. Its send forgets that; if nothing is done by the send, the row
    /// has it again.
    pub refused_before: Option<EarlierRefusal>,
}

impl Work {
    /// A row for which nothing has been sent under `request_id`.
    pub fn fresh(row: RowId, line: u64, customer: Customer, request_id: RequestId) -> Self {
        Self {
            row,
            kind: StepKind::Create,
            line,
            customer,
            request_id,
            open: OpenStep::default(),
            last_sent_at: None,
            unclear_under_earlier_id: false,
            unparsed_success: false,
            is_in_flight: false,
            is_begun: false,
            is_gone: false,
            refused_before: None,
        }
    }
}

/// Reads a moment from its two columns.
pub(super) fn moment(wall_ms: i64, boot: Option<String>) -> Moment {
    Moment { wall: clock::from_ms(wall_ms), boot: boot.and_then(|boot| boot.parse().ok()) }
}

/// The two columns of a moment.
pub(super) fn stored(moment: Option<Moment>) -> (Option<i64>, Option<String>) {
    let boot = moment.and_then(|moment| moment.boot).map(|boot| boot.to_string());
    (moment.map(|moment| moment.wall.as_millisecond()), boot)
}
