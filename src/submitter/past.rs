//! How long ago something was, told so that a jump of the wall clock does not change it.
//!
//! A machine's clock can be set while a run goes on, or between two of them. Within a run ages come from the monotonic
//! clock. Of what an earlier run has done there are stored times alone, so two ages are told of it: the one that the
//! stored times give, and the one that is certain, which begins with this run.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock;

/// A moment of which only the age counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past {
    /// It was not after this.
    not_after: Instant,
    /// So much before that, by the wall clock.
    before: Duration,
}

impl Past {
    /// A moment of this run.
    pub(super) fn at(moment: Instant) -> Self {
        Self { not_after: moment, before: Duration::ZERO }
    }

    /// Its age, as far as the wall clock could be believed when this run began.
    pub(super) fn age(self, now: Instant) -> Duration {
        self.before.saturating_add(self.certain_age(now))
    }

    /// It is at least so long ago, whatever the wall clock says.
    pub(super) fn certain_age(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.not_after)
    }
}

/// When this run began, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunStart {
    instant: Instant,
    wall: Timestamp,
}

impl RunStart {
    /// Where `wall` is before the newest time in the ledger, the clock has gone back since, and it is at least as late
    /// as that.
    pub(super) fn new(instant: Instant, wall: Timestamp, newest_stored: Option<Timestamp>) -> Self {
        Self { instant, wall: newest_stored.map_or(wall, |stored| stored.max(wall)) }
    }

    pub(super) fn instant(&self) -> Instant {
        self.instant
    }

    /// What the wall clock says at `instant`, had nobody set it since.
    pub(super) fn wall_at(&self, instant: Instant) -> Timestamp {
        self.wall.saturating_add(instant.saturating_duration_since(self.instant)).unwrap_or(self.wall)
    }

    /// What an earlier run has stored. A time to come, which makes no sense, counts as `senseless` ago.
    pub(super) fn past(&self, stored: Timestamp, senseless: Duration) -> Past {
        let before = clock::elapsed_since(stored, self.wall).unwrap_or(senseless);
        Past { not_after: self.instant, before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn ages_count_from_the_newest_time_that_is_known() {
        let begun = Instant::now();
        let now = begun + HOUR;
        let hour_of_day = |hour: i64| clock::from_ms(hour * 3_600_000);
        let check = |wall: i64, newest: Option<i64>, stored: i64, age: Duration| {
            let start = RunStart::new(begun, hour_of_day(wall), newest.map(hour_of_day));
            let past = start.past(hour_of_day(stored), Duration::MAX);
            assert_eq!((past.age(now), past.certain_age(now)), (age, HOUR));
        };
        check(5, None, 3, 3 * HOUR);
        check(5, Some(4), 3, 3 * HOUR);
        // The clock went back.
        check(3, Some(5), 3, 3 * HOUR);
        check(2, None, 3, Duration::MAX);
    }
}
