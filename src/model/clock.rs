//! Reads the wall clock, and the clock that counts since the machine's boot.
//!
//! No other module reads the wall clock. Stored times are UTC milliseconds since the Unix epoch, and are shown to
//! scripts as RFC 3339, to people in the local time zone. They order events for people and limit ages across restarts.
//! An age that is not plausible, because the clock was set back, always counts as too old, which is the safe side. Ages
//! and waits inside a run use tokio's monotonic clock, so setting the clock does not affect them. If an age between two
//! runs depends on a time, the time since boot is stored with it, together with the boot's id. If the boot is still the
//! same, the wall clock is not used. `submitter::age` combines all of these.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use uuid::Uuid;

use crate::{failpoint, simulated};

/// Now, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    if let Some(world) = simulated::world() {
        return (world.moment)().wall;
    }
    from_ms(Timestamp::now().as_millisecond() + failpoint::clock_offset_ms())
}

/// Converts a stored time. A value outside the calendar cannot have been written by us and becomes the epoch.
pub fn from_ms(unix_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A time for people: local, with the offset, to the second, such as `2026-03-01 17:04:05 +01:00`.
pub fn local(time: Timestamp) -> impl fmt::Display {
    zoned(time).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// A time in the time zone of the machine, or in UTC where the machine has none.
pub fn zoned(time: Timestamp) -> Zoned {
    static ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);
    time.to_zoned(ZONE.clone())
}

/// How long ago `then` was; `None` if it is in the future, so that a clock that was set back is detected.
pub fn elapsed_since(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(then)).ok()
}

/// A point in time, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub wall: Timestamp,
    /// `None` if the machine does not provide it.
    pub boot: Option<BootMoment>,
}

impl Moment {
    pub fn now() -> Self {
        Self { wall: now(), boot: BootMoment::now() }
    }
}

/// A point in time on the clock that counts since the machine's boot, including sleep. This clock cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootMoment {
    pub boot: Uuid,
    pub since_boot: Duration,
}

impl BootMoment {
    /// Now, to the millisecond.
    pub fn now() -> Option<Self> {
        if let Some(world) = simulated::world() {
            return (world.moment)().boot;
        }
        static BOOT: LazyLock<Option<Uuid>> =
            LazyLock::new(|| failpoint::boot_id().unwrap_or_else(system::boot_id));
        let boot = (*BOOT)?;
        Some(Self { boot, since_boot: Duration::from_millis(system::since_boot_ms()?) })
    }

    pub fn since_boot_ms(self) -> u64 {
        u64::try_from(self.since_boot.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long ago `then` was; `None` if it was in another boot or is in the future.
    pub fn since(self, then: Self) -> Option<Duration> {
        if self.boot == then.boot { self.since_boot.checked_sub(then.since_boot) } else { None }
    }
}

/// The format in the ledger.
impl fmt::Display for BootMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.boot, self.since_boot_ms())
    }
}

impl FromStr for BootMoment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (boot, ms) = text.split_once(':').ok_or(())?;
        let since_boot = Duration::from_millis(ms.parse().map_err(drop)?);
        Ok(Self { boot: boot.parse().map_err(drop)?, since_boot })
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use rustix::time::{ClockId, clock_gettime};
    use uuid::Uuid;

    pub(super) fn boot_id() -> Option<Uuid> {
        // A container can have its own clock, which is unrelated to the clock of the next container.
        let offsets = fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default();
        let is_own =
            offsets.split_whitespace().any(|word| word.parse::<i64>().is_ok_and(|offset| offset != 0));
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        id.trim().parse().ok().filter(|_| !is_own)
    }

    pub(super) fn since_boot_ms() -> Option<u64> {
        let time = clock_gettime(ClockId::Boottime);
        u64::try_from(time.tv_sec * 1000 + time.tv_nsec / 1_000_000).ok()
    }
}

/// On other systems, none of our crates provides a boot's id. Ages across runs depend on the wall clock there, which is
/// not trusted.
#[cfg(not(target_os = "linux"))]
mod system {
    use uuid::Uuid;

    pub(super) fn boot_id() -> Option<Uuid> {
        None
    }

    pub(super) fn since_boot_ms() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_boot_moment_is_parsed_and_compared_only_within_its_boot() {
        let at = |boot, ms| BootMoment { boot: Uuid::from_u128(boot), since_boot: Duration::from_millis(ms) };
        let then = at(1, 90_061_007);
        assert_eq!(then.to_string().parse(), Ok(then));
        for wrong in ["", "7", "x:7", "00000000-0000-0000-0000-000000000001:-7"] {
            assert_eq!(wrong.parse::<BootMoment>(), Err(()), "{wrong}");
        }
        assert_eq!(at(1, 90_062_007).since(then), Some(Duration::from_secs(1)));
        assert_eq!(at(1, 90_060_007).since(then), None);
        assert_eq!(at(2, 90_062_007).since(then), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_provides_a_boot_id() {
        let (first, second) = (BootMoment::now().unwrap(), BootMoment::now().unwrap());
        assert!(second.since(first).is_some_and(|passed| passed < Duration::from_secs(60)));
    }
}
