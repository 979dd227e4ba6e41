//! How long ago something was, safe against jumps of the wall clock.
//!
//! A machine's clock can be set during a run, or between two runs. Within a run, ages come from the monotonic clock.
//! For a moment that an earlier run has stored, the time since boot is used if the machine has not booted since.
//! Otherwise only wall clock times are left, so there are two ages: the one from the stored times, and the certain one,
//! which begins with this run.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::{self, BootMoment, Moment};

/// A moment of which only the age matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    /// The moment was not after this.
    not_after: Instant,
    /// How long before `not_after` it was, according to the best clock there is.
    before: Duration,
    /// How long before `not_after` it was at least, for certain.
    certainly_before: Duration,
}

impl Age {
    /// A moment of this run.
    pub(super) fn at(moment: Instant) -> Self {
        Self { not_after: moment, before: Duration::ZERO, certainly_before: Duration::ZERO }
    }

    /// Its age. If it comes from the wall clock, it is correct if that was correct when this run began.
    pub(super) fn age(self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.not_after))
    }

    /// Its minimum age, whatever the wall clock shows.
    pub(super) fn certain_age(self, now: Instant) -> Duration {
        self.certainly_before.saturating_add(now.saturating_duration_since(self.not_after))
    }
}

/// The start of this run, on all clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunClock {
    instant: Instant,
    wall: Timestamp,
    boot: Option<BootMoment>,
}

impl RunClock {
    /// If `began` is before the newest time in the ledger, the clock has gone back, and the time is at least the newest
    /// one.
    pub(super) fn new(instant: Instant, began: Moment, newest_stored: Option<Timestamp>) -> Self {
        let wall = newest_stored.map_or(began.wall, |stored| stored.max(began.wall));
        Self { instant, wall, boot: began.boot }
    }

    pub(super) fn instant(&self) -> Instant {
        self.instant
    }

    /// The wall clock time at `instant`, as if the clock had not been set since the start.
    pub(super) fn wall_at(&self, instant: Instant) -> Timestamp {
        self.wall.saturating_add(instant.saturating_duration_since(self.instant)).unwrap_or(self.wall)
    }

    /// The same, as it is stored.
    pub(super) fn moment_at(&self, instant: Instant) -> Moment {
        let passed = instant.saturating_duration_since(self.instant);
        let boot = self.boot.map(|it| BootMoment { since_boot: it.since_boot.saturating_add(passed), ..it });
        Moment { wall: self.wall_at(instant), boot }
    }

    /// The age of a moment that an earlier run has stored. A moment in the future makes no sense; its age is
    /// `senseless`.
    pub(super) fn past(&self, stored: Moment, senseless: Duration) -> Age {
        let not_after = self.instant;
        match self.boot.zip(stored.boot).and_then(|(now, then)| now.since(then)) {
            Some(age) => Age { not_after, before: age, certainly_before: age },
            None => {
                let before = clock::elapsed_since(stored.wall, self.wall).unwrap_or(senseless);
                Age { not_after, before, certainly_before: Duration::ZERO }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn ages_count_from_the_newest_time_that_is_known() {
        let begun = Instant::now();
        let now = begun + HOUR;
        let hour_of_day = |hour: i64| clock::from_ms(hour * 3_600_000);
        let by_wall = |hour| Moment { wall: hour_of_day(hour), boot: None };
        let check = |wall: i64, newest: Option<i64>, stored: i64, age: Duration| {
            let start = RunClock::new(begun, by_wall(wall), newest.map(hour_of_day));
            let past = start.past(by_wall(stored), Duration::MAX);
            assert_eq!((past.age(now), past.certain_age(now)), (age, HOUR));
        };
        check(5, None, 3, 3 * HOUR);
        check(5, Some(4), 3, 3 * HOUR);
        // The clock went back.
        check(3, Some(5), 3, 3 * HOUR);
        check(2, None, 3, Duration::MAX);
    }

    #[test]
    fn within_one_boot_ages_do_not_depend_on_the_wall_clock() {
        let begun = Instant::now();
        let at = |wall_hour: i64, boot: u128, hours: u32| Moment {
            wall: clock::from_ms(wall_hour * 3_600_000),
            boot: Some(BootMoment { boot: Uuid::from_u128(boot), since_boot: hours * HOUR }),
        };
        let check = |stored: Moment, age: Duration, certain_age: Duration| {
            for wall in [-20, 5, 50] {
                let start = RunClock::new(begun, at(wall, 1, 7), Some(clock::from_ms(5 * 3_600_000)));
                let past = start.past(stored, Duration::MAX);
                assert_eq!(past.certain_age(begun + HOUR), certain_age);
                // Ages that come only from the wall clock change with it.
                assert!(certain_age == HOUR || past.age(begun + HOUR) == age);
            }
        };
        check(at(3, 1, 5), 3 * HOUR, 3 * HOUR);
        check(at(99, 1, 5), 3 * HOUR, 3 * HOUR);
        // Another boot, and one that makes no sense.
        check(at(3, 2, 5), HOUR, HOUR);
        check(at(3, 1, 9), HOUR, HOUR);
        let start = RunClock::new(begun, at(5, 1, 7), None);
        assert_eq!(start.moment_at(begun + HOUR), at(6, 1, 8));
    }
}
