//! Named points at which a debug build can be told to fail, so that tests can see what an operator's worst day leaves
//! behind. In a release build none of this is there.
//!
//! | variable | what happens |
//! | --- | --- |
//! | `TENANTRY_CRASH_AT=point` or `point#3` | the process dies at once when it passes the point for the first, or third, time |
//! | `TENANTRY_PANIC_AT=point` or `point#3` | the same, but the thread panics, as it does where there is a bug |
//! | `TENANTRY_STALL_AT=point` or `point#3` | the same, but the thread, or the task, stands still for two seconds and then goes on |
//! | `TENANTRY_STALL_UNTIL=FILE` | such a stall lasts until this file is there |
//! | `TENANTRY_SHORTER_WAITS=4` | waits before repeats, and the settle delay, are a quarter, where the API is on this machine |
//! | `TENANTRY_CLOCK_OFFSET=FILE` | the wall clock is off by the seconds that this file holds, read anew each time |
//! | `TENANTRY_BOOT_ID=GUID` or `none` | the machine was started under this id, or does not tell |

use std::ffi::OsString;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

const STALL: Duration = Duration::from_secs(2);

/// Whoever stands still looks this often whether that is over.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a test has set `variable` to. A release build does not look.
pub fn requested(variable: &str) -> Option<OsString> {
    if cfg!(debug_assertions) { std::env::var_os(variable) } else { None }
}

/// The same as a number, or as something else that is written as text.
pub fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    requested(variable)?.to_str()?.parse().ok()
}

/// A point, and the time that it is passed at which something happens.
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

/// Dies here, where this is the point and the time that were asked for. Nothing is flushed and nobody says goodbye, as
/// with `kill -9`. Or panics, where that was asked for.
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

/// A machine that is out of breath.
struct Stall {
    began: Instant,
    until: Option<PathBuf>,
}

impl Stall {
    fn is_over(&self) -> bool {
        self.until.as_ref().map_or_else(|| self.began.elapsed() >= STALL, |file| file.exists())
    }
}

/// Is this where and when it is to be?
fn stalls(point: &str) -> Option<Stall> {
    static ASKED: LazyLock<Option<Trigger>> = LazyLock::new(|| Trigger::by("TENANTRY_STALL_AT"));
    ASKED.as_ref().filter(|asked| asked.is_now(point))?;
    tracing::warn!(point, "stands still");
    Some(Stall { began: Instant::now(), until: requested("TENANTRY_STALL_UNTIL").map(PathBuf::from) })
}

/// The task waits here for its turn, where this is the point and the time that were asked for.
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

/// Panics here, where this is the point and the time that were asked for, in words that give away what is in hand: the
/// worst that code of ours, or of a library, can do.
#[track_caller]
pub fn panic_with(point: &str, in_hand: &[u8]) {
    static PANIC: LazyLock<Option<Trigger>> = LazyLock::new(|| Trigger::by("TENANTRY_PANIC_AT"));
    if cfg!(debug_assertions) && PANIC.as_ref().is_some_and(|asked| asked.is_now(point)) {
        panic!("asked to panic with {} in hand", String::from_utf8_lossy(in_hand));
    }
}

/// How much the wall clock is off, which a test may change while the program runs.
pub fn clock_offset_ms() -> i64 {
    let Some(file) = requested("TENANTRY_CLOCK_OFFSET") else { return 0 };
    let seconds = std::fs::read_to_string(file).expect("the test has written it");
    seconds.trim().parse::<i64>().expect("a number of seconds") * 1000
}

/// The id of the machine's boot, or that there is none, where a test says so.
pub fn boot_id() -> Option<Option<uuid::Uuid>> {
    Some(requested("TENANTRY_BOOT_ID")?.to_str()?.parse().ok())
}
