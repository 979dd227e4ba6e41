//! The simulated service's own clock: it is another machine's, so nothing that is done to the program's clock moves it.

use jiff::Timestamp;

/// Now, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the simulator's wall clock")]
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now().as_millisecond();
    Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH)
}
