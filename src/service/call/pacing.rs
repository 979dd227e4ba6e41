//! Limits the rate of requests to the API, and slows down when the service throttles.
//!
//! The limit applies to every window, not only on average. In a window of length `w`, a cell-rate limiter with spacing
//! `t` and burst `b` admits at most `w / t + b` requests. Spacing and burst are chosen to keep this sum below the
//! allowance, with some room for requests that take different times to arrive. The small burst makes up for timers that
//! fire late; without it, each late timer would lose part of the allowance.
//!
//! After a 429 nothing is sent until the wait is over. Then the rate starts at half and climbs back. The service can
//! only slow us down, never speed us up.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as StateMutex};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::backoff::Backoff;

/// The share of the allowance that is used; the rest is room for network jitter. The contract requires 98 %.
const USED_SHARE: f64 = 0.99;

/// One cell of burst for this many allowed requests. The sum for a window must not exceed the allowance.
const ALLOWANCE_PER_BURST_CELL: u32 = 250;

/// The share of the configured rate at which requests start again after a 429.
const SHARE_AFTER_THROTTLING: f64 = 0.5;

/// The share that is regained every [`CLIMB_EVERY`] without another 429: the full rate is reached after five steps.
const CLIMB_STEP: f64 = 0.1;
const CLIMB_EVERY: Duration = Duration::from_secs(5);

/// So many requests are prepared ahead of the limit: as many as it admits in this time, or in [`PREPARATIONS_AHEAD`] times
/// the time that a preparation takes. So a slow disk costs no allowance.
const PREPARED_AHEAD: Duration = Duration::from_millis(250);
const PREPARATIONS_AHEAD: u32 = 3;

/// A preparation that takes longer has waited for something else, such as another program that locks the ledger.
const PREPARATION_MAX: Duration = Duration::from_secs(2);

/// With each preparation, this share of the longest one lately is kept.
const KEPT_SHARE_OF_PREPARATION: f64 = 0.9;

/// The most requests at once if nothing else is set: at a limited rate more than any latency should need, and at an
/// unlimited one as many as a service can be expected to work on.
const AT_ONCE_LIMITED: NonZeroUsize = NonZeroUsize::new(512).expect("it is not zero");
const AT_ONCE_UNLIMITED: NonZeroUsize = NonZeroUsize::new(64).expect("it is not zero");

/// More places than any concurrency needs.
const PLACES_MAX: usize = 4096;

/// A lower share would stop the run in practice; the waits that the server requests do the rest.
const LOWEST_SHARE: f64 = 0.05;

/// The extra wait if the requested wait was not long enough.
const BACKOFF: Backoff = Backoff::up_to_s(60);

/// How many requests may be sent in any window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    Unlimited,
    Limited { requests: NonZeroU32, window: Duration },
}

impl Rate {
    /// The maximum number of requests per minute at this rate.
    pub fn per_minute(self) -> Option<u64> {
        match self {
            Rate::Unlimited => None,
            Rate::Limited { requests, window } => {
                Some(u64::from(requests.get()) * 60 / window.as_secs().clamp(1, 60))
            }
        }
    }

    /// The most requests at once if nothing else is set. At a limited rate there are as many as it admits during one
    /// answer, because [`Pacer::approach`] lets no more begin.
    pub fn most_at_once(self) -> NonZeroUsize {
        match self {
            Rate::Unlimited => AT_ONCE_UNLIMITED,
            Rate::Limited { .. } => AT_ONCE_LIMITED,
        }
    }

    /// An estimate of how long this many requests take.
    pub fn time_for(self, requests: u64) -> Option<Duration> {
        let Rate::Limited { requests: allowed, window } = self else { return None };
        let per_second = f64::from(allowed.get()) * USED_SHARE / window.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        Some(Duration::from_secs_f64(requests as f64 / per_second))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Unlimited => f.write_str("unlimited"),
            Rate::Limited { requests, window } if window.as_secs() == 60 => write!(f, "{requests}/min"),
            Rate::Limited { requests, .. } => write!(f, "{requests}/s"),
        }
    }
}

/// The service has slowed us down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttling {
    /// Nothing is sent for this long.
    pub wait: Duration,
    /// After that, requests go out at this percentage of the configured rate. 100: no rate is configured.
    pub percent_of_rate: u8,
}

/// Tells people about throttling, once for each time.
struct Reporter(Box<dyn Fn(Throttling) + Send + Sync>);

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

/// What a display can know about requests while they are sent.
#[derive(Debug, Clone, Default)]
pub struct SentNow(Arc<AtomicUsize>);

impl SentNow {
    /// How many requests are sent and not answered yet.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts a request until the value is dropped.
    pub(super) fn count_one(&self) -> impl Drop + use<> {
        struct One(Arc<AtomicUsize>);
        impl Drop for One {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        One(Arc::clone(&self.0))
    }
}

/// A request whose turn is near: it may be prepared now.
#[derive(Debug)]
pub struct Near<'a> {
    place: SemaphorePermit<'a>,
    since: Instant,
}

/// tokio's clock, as for all waits inside a run, so that a test can let time pass.
#[derive(Debug, Clone, Copy)]
struct WaitClock {
    started: Instant,
}

impl Clock for WaitClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, WaitClock, NoOpMiddleware<Duration>>;

/// Admits requests one by one, in the order of their arrival.
#[derive(Debug)]
pub struct Pacer {
    reporter: Option<Reporter>,
    sent_now: SentNow,
    rate: Rate,
    /// The requests that are near their turn.
    near: Semaphore,
    /// Only the holder of this lock waits for the limiter. So waiting requests do not all wake up at once, and the
    /// first to arrive is served first.
    turn: Mutex<()>,
    state: StateMutex<PacerState>,
    clock: WaitClock,
}

#[derive(Debug)]
struct PacerState {
    limiter: Option<Limiter>,
    paused_until: Option<Instant>,
    share: f64,
    climbs_at: Instant,
    /// Warnings since the service last accepted a request.
    throttled_in_a_row: u32,
    /// How long preparations have taken lately; long ones are forgotten slowly.
    preparation: Duration,
    /// How many places `near` has.
    places: usize,
}

impl Pacer {
    /// A pacer that limits requests to `rate`.
    pub fn new(rate: Rate) -> Self {
        let clock = WaitClock { started: Instant::now() };
        let state = PacerState {
            limiter: limiter(rate, 1.0, clock),
            paused_until: None,
            share: 1.0,
            climbs_at: Instant::now(),
            throttled_in_a_row: 0,
            preparation: Duration::ZERO,
            places: places(rate, Duration::ZERO),
        };
        Self {
            reporter: None,
            sent_now: SentNow::default(),
            rate,
            near: Semaphore::new(state.places),
            turn: Mutex::new(()),
            state: StateMutex::new(state),
            clock,
        }
    }

    /// Calls `report` each time that the service slows us down.
    #[must_use]
    pub fn reporting(self, report: impl Fn(Throttling) + Send + Sync + 'static) -> Self {
        Self { reporter: Some(Reporter(Box::new(report))), ..self }
    }

    /// The requests that are sent and not answered yet.
    pub fn sent_now(&self) -> SentNow {
        self.sent_now.clone()
    }

    /// Returns when the turn of a request is near. A row is marked as in flight only then; until then it is one that
    /// was not begun, for an interrupted run and for people.
    pub async fn approach(&self) -> Near<'_> {
        let place = self.near.acquire().await.expect("the semaphore is never closed");
        Near { place, since: Instant::now() }
    }

    /// Returns when one request may be sent, with what `last_gate` gave for it. Dropping the future gives up the turn and
    /// uses no allowance; so does an error of `last_gate`.
    ///
    /// `near`: the place of a request that had to be prepared. Others are admitted before requests that wait for a place.
    /// `last_gate` may take its time: it is passed before the request is counted, and nothing is waited for after that.
    pub async fn admit<T, E, Passing: Future<Output = Result<T, E>>>(
        &self,
        near: Option<Near<'_>>,
        last_gate: impl Fn() -> Passing,
    ) -> Result<T, E> {
        let _place = near.and_then(|near| self.prepared(near));
        let _turn = self.turn.lock().await;
        loop {
            let passed = last_gate().await?;
            match self.try_admit() {
                Ok(()) => return Ok(passed),
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Notes how long the preparation of a request took, and adds or removes places. Returns the place of the request,
    /// unless it was removed.
    fn prepared<'a>(&'a self, Near { place, since }: Near<'a>) -> Option<SemaphorePermit<'a>> {
        let mut state = self.lock();
        let took = since.elapsed().min(PREPARATION_MAX);
        state.preparation = took.max(state.preparation.mul_f64(KEPT_SHARE_OF_PREPARATION));
        let wanted = places(self.rate, state.preparation);
        if wanted < state.places {
            state.places -= 1;
            place.forget();
            return None;
        }
        self.near.add_permits(wanted - state.places);
        state.places = wanted;
        Some(place)
    }

    /// The service told us to slow down: nothing is admitted for `wait`, and after it the rate is lower than before.
    pub fn throttled(&self, wait: Duration) {
        let now = Instant::now();
        let mut state = self.lock();
        // Requests that were in progress together are refused together: they count as one warning.
        let already_paused = state.paused_until.is_some_and(|paused| paused > now);
        let mut throttling = None;
        if !already_paused {
            state.throttled_in_a_row = state.throttled_in_a_row.saturating_add(1);
            state.share = (state.share * SHARE_AFTER_THROTTLING).max(LOWEST_SHARE);
            state.limiter = limiter(self.rate, state.share, self.clock);
            self.spend_burst(&state);
            let wait = wait + backoff(state.throttled_in_a_row);
            let percent_of_rate = state.limiter.as_ref().map_or(100, |_| percent(state.share));
            tracing::info!(wait_ms = ms(wait), percent_of_rate, "throttled by the service");
            throttling = Some(Throttling { wait, percent_of_rate });
        }
        let until = now + wait + backoff(state.throttled_in_a_row);
        state.paused_until = Some(state.paused_until.map_or(until, |paused| paused.max(until)));
        state.climbs_at = until + CLIMB_EVERY;
        drop(state);
        if let (Some(throttling), Some(reporter)) = (throttling, &self.reporter) {
            reporter.0(throttling);
        }
    }

    /// The service accepted a request: the next warning counts as the first again.
    pub fn accepted(&self) {
        self.lock().throttled_in_a_row = 0;
    }

    /// How long the service still wants no requests.
    pub fn paused_for(&self) -> Option<Duration> {
        let until = self.lock().paused_until?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Admits a request, or returns how long to wait first.
    fn try_admit(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(until) = state.paused_until {
            if now < until {
                return Err(until - now);
            }
            state.paused_until = None;
        }
        if let Some(limiter) = &state.limiter {
            limiter.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))?;
        }
        if state.share < 1.0 && now >= state.climbs_at {
            self.climb(&mut state, now);
        }
        Ok(())
    }

    /// Climbs one step towards the full rate. Called with a request that was just admitted.
    fn climb(&self, state: &mut PacerState, now: Instant) {
        state.share = (state.share + CLIMB_STEP).min(1.0);
        state.climbs_at = now + CLIMB_EVERY;
        state.limiter = limiter(self.rate, state.share, self.clock);
        self.spend_burst(state);
    }

    /// A new limiter starts with its whole burst, but the previous limiter may have spent its burst already.
    fn spend_burst(&self, state: &PacerState) {
        if let Some(limiter) = &state.limiter {
            drop(limiter.check_n(burst(self.rate)));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PacerState> {
        self.state.lock().expect("nothing panics while it holds the pacing state")
    }
}

/// After consecutive 429s we wait longer than requested, doubling each time (fact book 12).
fn backoff(throttled_in_a_row: u32) -> Duration {
    match throttled_in_a_row {
        0 | 1 => Duration::ZERO,
        repeated => BACKOFF.wait(repeated - 2),
    }
}

/// How many requests are prepared ahead, if one preparation takes so long.
fn places(rate: Rate, preparation: Duration) -> usize {
    let Rate::Limited { requests, window } = rate else { return Semaphore::MAX_PERMITS };
    let ahead = PREPARED_AHEAD.max(preparation * PREPARATIONS_AHEAD).as_millis();
    let ahead = u128::from(requests.get()) * ahead / window.as_millis().max(1);
    1 + usize::try_from(ahead).unwrap_or(PLACES_MAX).min(PLACES_MAX)
}

fn burst(rate: Rate) -> NonZeroU32 {
    match rate {
        Rate::Unlimited => NonZeroU32::MIN,
        Rate::Limited { requests, .. } => {
            NonZeroU32::MIN.saturating_add(requests.get() / ALLOWANCE_PER_BURST_CELL)
        }
    }
}

fn limiter(rate: Rate, share: f64, clock: WaitClock) -> Option<Limiter> {
    let Rate::Limited { requests, window } = rate else { return None };
    // Governor has no shorter spacing.
    let spacing = window.div_f64(f64::from(requests.get()) * USED_SHARE * share).max(Duration::from_nanos(1));
    let quota = Quota::with_period(spacing).expect("it is longer than nothing").allow_burst(burst(rate));
    Some(RateLimiter::direct_with_clock(quota, clock))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
fn percent(share: f64) -> u8 {
    (share * 100.0).round() as u8
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    async fn admit(pacer: &Pacer) {
        admit_near(pacer, pacer.approach().await).await;
    }

    async fn admit_near<'a>(pacer: &'a Pacer, near: Near<'a>) {
        let Ok(()) = pacer.admit(Some(near), async || Ok::<(), Infallible>(())).await;
    }

    /// Admits requests for `span` and returns their times.
    async fn admitted(pacer: &Pacer, span: Duration) -> Vec<Instant> {
        let end = Instant::now() + span;
        let mut moments = Vec::new();
        while tokio::time::timeout_at(end, admit(pacer)).await.is_ok() {
            moments.push(Instant::now());
        }
        moments
    }

    fn fullest_window(moments: &[Instant], window: Duration) -> usize {
        (0..moments.len())
            .map(|first| moments[first..].iter().take_while(|m| **m - moments[first] < window).count())
            .max()
            .unwrap_or(0)
    }

    fn per(requests: u32, window: Duration) -> Rate {
        Rate::Limited { requests: NonZeroU32::new(requests).unwrap(), window }
    }

    /// In real time, with the timers that a run has.
    #[tokio::test]
    async fn no_window_holds_more_than_its_allowance_and_every_window_has_some() {
        let window = Duration::from_millis(500);
        let check = async |requests| {
            let moments = admitted(&Pacer::new(per(requests, window)), 3 * window).await;
            let allowed = requests as usize;
            assert!(fullest_window(&moments, window) <= allowed, "{requests}: a window was overfull");
            // How much of the allowance is used depends on the machine: timers of Windows fire every 16 ms. The benchmarks
            // measure it; no test asserts it.
            let at_least = allowed.min(100);
            assert!(moments.len() >= at_least, "{requests}: only {} in three windows", moments.len());
        };
        tokio::join!(check(10), check(50), check(500));
    }

    /// Such as the renewal of a token.
    #[tokio::test(start_paused = true)]
    async fn a_gate_that_takes_long_overfills_no_window() {
        let (rate, minute) = (per(30, Duration::from_secs(60)), Duration::from_secs(60));
        let (pacer, mut moments) = (Pacer::new(rate), Vec::new());
        let passed = AtomicUsize::new(0);
        let slow_once = async || {
            if passed.fetch_add(1, Ordering::Relaxed) == 6 {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Ok::<(), Infallible>(())
        };
        for _ in 0..60 {
            let Ok(()) = pacer.admit(Some(pacer.approach().await), slow_once).await;
            moments.push(Instant::now());
        }
        assert!(fullest_window(&moments, minute) <= 30);
    }

    #[tokio::test]
    async fn throttling_pauses_all_requests_and_the_rate_restarts_lower() {
        let pacer = Pacer::new(per(1000, Duration::from_secs(1)));
        pacer.throttled(Duration::from_millis(200));
        pacer.throttled(Duration::from_millis(50));
        let begun = Instant::now();
        admit(&pacer).await;
        assert!(begun.elapsed() >= Duration::from_millis(190), "a shorter wait must not end a longer one");
        assert!((pacer.lock().share - SHARE_AFTER_THROTTLING).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn throttling_is_reported_once_for_all_requests_that_were_sent_together() {
        let fast = Rate::Limited { requests: NonZeroU32::MAX, window: Duration::from_secs(1) };
        for (rate, percents) in [(fast, [50, 25]), (Rate::Unlimited, [100, 100])] {
            let reports = Arc::new(StateMutex::new(Vec::new()));
            let kept = Arc::clone(&reports);
            let pacer = Pacer::new(rate).reporting(move |it| kept.lock().unwrap().push(it));
            let wait = Duration::from_millis(20);
            pacer.throttled(wait);
            pacer.throttled(wait);
            admit(&pacer).await;
            pacer.throttled(wait);
            let reports = reports.lock().unwrap();
            assert_eq!(reports.iter().map(|it| it.percent_of_rate).collect::<Vec<_>>(), percents);
            assert_eq!(reports[0].wait, wait);
        }
    }

    #[tokio::test]
    async fn only_a_few_requests_are_near_their_turn() {
        for (rate, expected) in [
            (per(60, Duration::from_secs(60)), 1),
            (per(450, Duration::from_secs(60)), 2),
            (per(6000, Duration::from_secs(60)), 26),
        ] {
            let pacer = Pacer::new(rate);
            let mut near = Vec::new();
            while let Ok(next) = tokio::time::timeout(Duration::from_millis(10), pacer.approach()).await {
                near.push(next);
            }
            assert_eq!(near.len(), expected, "{rate}");
            admit_near(&pacer, near.remove(0)).await;
            near.push(pacer.approach().await);
        }
    }

    #[tokio::test]
    async fn slow_preparations_are_begun_earlier() {
        let pacer = Pacer::new(per(6000, Duration::from_secs(60)));
        let free = || pacer.near.available_permits();
        assert_eq!(free(), 26);
        let slow = pacer.approach().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        admit_near(&pacer, slow).await;
        assert!(free() >= 61, "{}", free());
        // Fast preparations remove the places again, one by one.
        for _ in 0..1000 {
            drop(pacer.prepared(pacer.approach().await));
        }
        assert_eq!(free(), 26);
        // What only waited does not count for more than a slow disk.
        let minute_ago = Instant::now().checked_sub(Duration::from_secs(60));
        let waited = Near { place: pacer.near.acquire().await.unwrap(), since: minute_ago.unwrap() };
        admit_near(&pacer, waited).await;
        assert_eq!(free(), 601);
    }

    #[tokio::test]
    async fn the_highest_rate_is_one() {
        admit(&Pacer::new(per(u32::MAX, Duration::from_secs(1)))).await;
    }

    #[test]
    fn bursts_leave_room_in_the_window() {
        for requests in [1, 10, 60, 249, 250, 450, 500, 6000, 100_000] {
            let rate = per(requests, Duration::from_secs(60));
            let most = (f64::from(requests) * USED_SHARE).ceil() + f64::from(burst(rate).get() - 1);
            assert!(most <= f64::from(requests), "{requests}: {most}");
        }
    }
}
