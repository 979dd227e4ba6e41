//! How long ago something was, told so that a jump of the wall clock does not change it.
//!
//! A machine's clock can be set while a run goes on, or between two of them. Within a run ages come from the monotonic
//! clock. What an earlier run has stored is told by the time since the boot, where that is still the same boot. Else
//! there are times of the wall clock alone, so two ages are told of it: the one that the stored times give, and the one
//! that is certain, which begins with this run.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::clock::{self, BootMoment, Moment};

/// A moment of which only the age counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    /// It was not after this.
    not_after: Instant,
    /// So much before that, as far as anybody knows.
    before: Duration,
    /// So much before that for certain.
    certainly_before: Duration,
}

impl Age {
    /// A moment of this run.
    pub(super) fn at(moment: Instant) -> Self {
        Self { not_after: moment, before: Duration::ZERO, certainly_before: Duration::ZERO }
    }

    /// Its age, as far as the wall clock could be believed when this run began, where it took that.
    pub(super) fn age(self, now: Instant) -> Duration {
        self.before.saturating_add(now.saturating_duration_since(self.not_after))
    }

    /// It is at least so long ago, whatever the wall clock says.
    pub(super) fn certain_age(self, now: Instant) -> Duration {
        self.certainly_before.saturating_add(now.saturating_duration_since(self.not_after))
    }
}

/// When this run began, on all clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunClock {
    instant: Instant,
    wall: Timestamp,
    boot: Option<BootMoment>,
}

impl RunClock {
    /// Where `began` is before the newest time in the ledger, the clock has gone back since, and it is at least as late
    /// as that.
    pub(super) fn new(instant: Instant, began: Moment, newest_stored: Option<Timestamp>) -> Self {
        let wall = newest_stored.map_or(began.wall, |stored| stored.max(began.wall));
        Self { instant, wall, boot: began.boot }
    }

    pub(super) fn instant(&self) -> Instant {
        self.instant
    }

    /// What the wall clock says at `instant`, had nobody set it since.
    pub(super) fn wall_at(&self, instant: Instant) -> Timestamp {
        self.wall.saturating_add(instant.saturating_duration_since(self.instant)).unwrap_or(self.wall)
    }

    /// The same, as it is stored.
    pub(super) fn moment_at(&self, instant: Instant) -> Moment {
        let passed = instant.saturating_duration_since(self.instant);
        let boot = self.boot.map(|it| BootMoment { since_boot: it.since_boot.saturating_add(passed), ..it });
        Moment { wall: self.wall_at(instant), boot }
    }

    /// What an earlier run has stored. A time to come, which makes no sense, counts as `senseless` ago.
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
    fn within_one_boot_ages_are_certain_whatever_the_wall_clock_says() {
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
                // What only the wall clock tells goes by it.
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
