//! The one place that reads the wall clock.
//!
//! Stored times are UTC milliseconds since the Unix epoch and are shown as RFC 3339. They order a story for people
//! and bound ages across restarts, where an age that makes no sense (the clock went back) always counts as too
//! old, which is the careful side. Ages and waits inside a run use tokio's monotonic clock, so that it makes no
//! difference when the clock is set meanwhile; `submitter::past` joins the two.

use std::time::Duration;

use jiff::Timestamp;

use crate::failpoint;

/// Now, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn now() -> Timestamp {
    from_ms(Timestamp::now().as_millisecond() + failpoint::clock_offset_ms())
}

/// A stored time back as a time. A value outside the calendar cannot have been written by us and becomes the epoch.
pub(crate) fn from_ms(unix_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How long ago `then` was; `None` if it lies in the future, so that a clock that went back is seen as such.
pub(crate) fn elapsed_since(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(then)).ok()
}
