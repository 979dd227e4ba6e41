//! The clock of the simulated service.
//!
//! The service is a different machine, so changes to the program's clock do not affect this clock.

use jiff::Timestamp;

/// The current time, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the simulator's wall clock")]
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now().as_millisecond();
    Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH)
}
