//! Defines named points at which a debug build can be made to fail, for tests.
//!
//! The tests check what is left after a failure. In a release build the failpoints have no effect.
//!
//! | variable | effect |
//! | --- | --- |
//! | `TENANTRY_CRASH_AT=point` or `point#3` | the process aborts when it passes the point for the first, or third, time |
//! | `TENANTRY_PANIC_AT=point` or `point#3` | the same, but the thread panics, as it does after a bug |
//! | `TENANTRY_STALL_AT=point` or `point#3` | the same, but the thread or task stalls for two seconds and then continues |
//! | `TENANTRY_STALL_UNTIL=FILE` | such a stall lasts until this file exists |
//! | `TENANTRY_SHORTER_WAITS=4` | waits before retries and the settle delay are divided by 4, if the API is on this machine |
//! | `TENANTRY_CLOCK_OFFSET=FILE` | the wall clock is shifted by the seconds in this file, which is read again each time |
//! | `TENANTRY_BOOT_ID=GUID` or `none` | the id of the machine's boot is this one, or is not available |

use std::ffi::OsString;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

const STALL: Duration = Duration::from_secs(2);

/// How often a stalled thread or task checks whether the stall is over.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The value that a test has set for `variable`. A release build does not read it.
pub fn requested(variable: &str) -> Option<OsString> {
    if cfg!(debug_assertions) { std::env::var_os(variable) } else { None }
}

/// The same, parsed as a number or another type.
pub fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    requested(variable)?.to_str()?.parse().ok()
}

/// A failpoint, and which passing of it has an effect.
struct Trigger {
    point: String,
    time: u32,
    passed: AtomicU32,
}

impl Trigger {
    fn by(variable: &str) -> Option<Self> {
        let asked = requested(variable)?.into_string().ok()?;
        let (point, time) = asked.split_once('#').unwrap_or((&asked, "1"));
        Some(Self { point: point.to_owned(), time: time.parse().ok()?, passed: AtomicU32::new(0) })
    }

    fn is_now(&self, point: &str) -> bool {
        self.point == point && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.time
    }
}

/// Aborts, stalls or panics if a test requested it for this point and this passing. An abort flushes nothing, like
/// `kill -9`.
#[track_caller]
pub fn crash(point: &str) {
    static CRASH: LazyLock<Option<Trigger>> = LazyLock::new(|| Trigger::by("TENANTRY_CRASH_AT"));
    if !cfg!(debug_assertions) {
        return;
    }
    if CRASH.as_ref().is_some_and(|asked| asked.is_now(point)) {
        std::process::abort();
    }
    if let Some(stall) = stalls(point) {
        while !stall.is_over() {
            thread::sleep(LOOK_EVERY);
        }
    }
    panic_with(point, point.as_bytes());
}

/// A stall of a thread or task.
struct Stall {
    began: Instant,
    until: Option<PathBuf>,
}

impl Stall {
    fn is_over(&self) -> bool {
        self.until.as_ref().map_or_else(|| self.began.elapsed() >= STALL, |file| file.exists())
    }
}

/// Starts a stall if a test requested it for this point and this passing.
fn stalls(point: &str) -> Option<Stall> {
    static ASKED: LazyLock<Option<Trigger>> = LazyLock::new(|| Trigger::by("TENANTRY_STALL_AT"));
    ASKED.as_ref().filter(|asked| asked.is_now(point))?;
    tracing::warn!(point, "stopped at a fail point");
    Some(Stall { began: Instant::now(), until: requested("TENANTRY_STALL_UNTIL").map(PathBuf::from) })
}

/// Stalls the task if a test requested it for this point and this passing.
pub async fn wait_for_turn(point: &str) {
    let stall = if cfg!(debug_assertions) { stalls(point) } else { None };
    let Some(stall) = stall else { return };
    poll_fn(|context| {
        if stall.is_over() {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        thread::spawn(move || {
            thread::sleep(LOOK_EVERY);
            waker.wake();
        });
        Poll::Pending
    })
    .await;
}

/// Panics if a test requested it for this point and this passing. The message contains `in_hand`: the worst that a bug
/// in our code or in a library can do.
#[track_caller]
pub fn panic_with(point: &str, in_hand: &[u8]) {
    static PANIC: LazyLock<Option<Trigger>> = LazyLock::new(|| Trigger::by("TENANTRY_PANIC_AT"));
    if cfg!(debug_assertions) && PANIC.as_ref().is_some_and(|asked| asked.is_now(point)) {
        panic!("asked to panic with {} in hand", String::from_utf8_lossy(in_hand));
    }
}

/// The offset of the wall clock, which a test may change while the program runs.
pub fn clock_offset_ms() -> i64 {
    let Some(file) = requested("TENANTRY_CLOCK_OFFSET") else { return 0 };
    let seconds = std::fs::read_to_string(file).expect("the test has written it");
    seconds.trim().parse::<i64>().expect("a number of seconds") * 1000
}

/// The boot's id that a test has set; `Some(None)`: the test has removed the id.
pub fn boot_id() -> Option<Option<uuid::Uuid>> {
    Some(requested("TENANTRY_BOOT_ID")?.to_str()?.parse().ok())
}
