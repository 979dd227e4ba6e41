//! The dispatcher without a network and without waiting: events in, actions out.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use super::*;
use crate::call::domains::DomainStatus;
use crate::customer::{Customer, DomainName};
use crate::ids::RequestId;
use crate::ledger::{CreatedCustomer, DataKeyId, Sealed, StepKind, Work};
use crate::partner_center::{Class, Outcome, ServiceError};
use crate::submitter::attempt::StepOutcome;
use crate::submitter::retry::tests::by_wall;
use crate::submitter::{MaxFailures, Mode, Policy};

fn settings() -> Settings {
    Settings {
        concurrency: NonZeroUsize::new(4).unwrap(),
        policy: Policy {
            max_attempts: 8,
            idempotency_window: Duration::from_secs(3600),
            settle_delay: Duration::from_secs(180),
        },
        limit: None,
        max_failures: None,
        max_duration: None,
        timeout: Duration::from_secs(180),
        max_outage: Duration::from_secs(900),
        mode: Mode::Submit,
    }
}

fn start(now: Instant) -> RunClock {
    RunClock::new(now, by_wall(1_000_000_000), None)
}

fn row(id: i64) -> Work {
    let text = format!(
        r#"{{"company_name":"C","domain":"d{id}.onmicrosoft.com","email":"a@example.com","culture":"en-US",
            "language":"en","first_name":"A","last_name":"B","address_line1":"1","country":"US",
            "enable_gdap_by_default":true}}"#
    );
    let customer: Customer = serde_json::from_str(&text).unwrap();
    assert_eq!(customer.domain, DomainName::from_validated(format!("d{id}.onmicrosoft.com")));
    Work::fresh(RowId(id), 1, customer, RequestId::draw())
}

/// A dispatcher with a clock of its own, and everything that it has requested.
struct Bench {
    dispatcher: Dispatcher,
    now: Instant,
    steps: VecDeque<Box<Task>>,
    records: usize,
    to_fetch: VecDeque<Vec<Work>>,
    agreements: VecDeque<Vec<Work>>,
}

impl Bench {
    fn new(settings: Settings, rows: i64) -> Self {
        let now = Instant::now();
        let mut bench = Self {
            dispatcher: Dispatcher::new(settings, start(now)),
            now,
            steps: VecDeque::new(),
            records: 0,
            to_fetch: VecDeque::from([Vec::new(), (1..=rows).map(row).collect()]),
            agreements: VecDeque::new(),
        };
        bench.act();
        bench
    }

    /// Carries out at once all actions that need no network.
    fn act(&mut self) {
        loop {
            let actions = self.dispatcher.actions(self.now);
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match action {
                    Action::Fetch { which, .. } => {
                        let queue = match which {
                            Open::InFlight | Open::Unresolved | Open::Pending => &mut self.to_fetch,
                            Open::Agreements => &mut self.agreements,
                        };
                        let work = queue.pop_front().unwrap_or_default();
                        let last = work.last().map(|work| work.row);
                        let batch = WorkBatch { work, set_aside: Vec::new(), last };
                        self.handle(DispatchEvent::Fetched { which, batch });
                    }
                    Action::Step(task) => self.steps.push_back(task),
                    Action::Record { task, verdict, .. } => {
                        self.records += 1;
                        self.handle(DispatchEvent::Recorded { task, verdict });
                    }
                }
            }
        }
    }

    fn handle(&mut self, event: DispatchEvent) {
        self.dispatcher.handle_event(event, self.now, 1.0);
    }

    /// The oldest step ends with `outcome`.
    fn answer(&mut self, outcome: Outcome<CreatedCustomer>) {
        let task = self.steps.pop_front().expect("a step is under way");
        self.handle(stepped(task, StepOutcome::Create(outcome)));
        self.act();
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.handle(DispatchEvent::Woken);
        self.act();
    }
}

fn stepped(task: Box<Task>, found: StepOutcome) -> DispatchEvent {
    DispatchEvent::Stepped { task, step: StepResult { outcome: found, attempts: Vec::new() } }
}

fn created() -> Outcome<CreatedCustomer> {
    Outcome::Done(CreatedCustomer {
        named_domain: None,
        customer_id: "c".to_owned(),
        commerce_id: None,
        user_name: None,
        sealed_credentials: Some(Sealed { data_key: DataKeyId(1), password: vec![1] }),
    })
}

fn not_sent() -> Outcome<CreatedCustomer> {
    Outcome::NotSent("connection refused".into())
}

fn refused(class: Class, status: u16, code: &str) -> Outcome<CreatedCustomer> {
    let error = ServiceError { status, code: code.to_owned(), text: String::new() };
    Outcome::Refused(class, error)
}

#[test]
fn every_row_is_settled_within_the_concurrency_bound() {
    let mut bench = Bench::new(settings(), 10);
    let mut answered = 0;
    while !bench.steps.is_empty() {
        assert!(bench.steps.len() <= 4);
        bench.answer(created());
        answered += 1;
    }
    assert_eq!(answered, 10);
    assert_eq!(bench.records, 10);
    assert!(bench.dispatcher.is_done());
    assert!(bench.dispatcher.stop.is_none());
}

#[test]
fn a_row_that_waits_for_its_repeat_holds_no_slot() {
    let mut bench = Bench::new(settings(), 5);
    bench.answer(Outcome::Throttled { wait: Duration::from_secs(60) });
    assert_eq!(bench.steps.len(), 4, "the fifth row took the slot");
    for _ in 0..4 {
        bench.answer(created());
    }
    assert!(!bench.dispatcher.is_done());
    assert_eq!(bench.dispatcher.wakes_at(bench.now), Some(bench.now + Duration::from_secs(60)));
    bench.wait(60);
    bench.answer(created());
    assert!(bench.dispatcher.is_done());
}

#[test]
fn the_first_signal_lets_what_is_under_way_end() {
    let mut bench = Bench::new(settings(), 10);
    bench.handle(DispatchEvent::Signalled(Signal::Interrupt));
    bench.act();
    assert!(!bench.dispatcher.is_done());
    for _ in 0..4 {
        bench.answer(created());
    }
    assert!(bench.steps.is_empty(), "nothing new is begun");
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Interrupted(Signal::Interrupt))));
}

#[test]
fn a_refusal_that_every_row_would_get_stops_the_run() {
    let mut bench = Bench::new(settings(), 10);
    bench.answer(refused(Class::FixTheRights, 401, "900421"));
    for _ in 0..3 {
        bench.answer(created());
    }
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Rights(_))));
    assert_eq!(bench.records, 4, "also the refused row is recorded");
}

#[test]
fn five_unexplained_403s_in_a_row_stop_the_run() {
    let mut bench = Bench::new(Settings { concurrency: NonZeroUsize::MIN, ..settings() }, 10);
    let forbidden = || refused(Class::Unexplained, 403, "4711");
    for _ in 0..4 {
        bench.answer(forbidden());
        assert!(bench.dispatcher.stop.is_none());
    }
    bench.answer(forbidden());
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Unexplained { in_a_row: 5, .. })));
}

#[test]
fn an_outage_sends_single_probes_and_ends_resumable() {
    let mut bench = Bench::new(Settings { max_outage: Duration::from_secs(60), ..settings() }, 100);
    for _ in 0..10 {
        bench.answer(not_sent());
    }
    // The remaining steps of the closed breaker end too.
    while let Some(task) = bench.steps.front() {
        assert!(!task.is_probe);
        bench.answer(not_sent());
    }
    assert_eq!(bench.dispatcher.wakes_at(bench.now), Some(bench.now + Duration::from_secs(1)));
    bench.wait(1);
    assert_eq!(bench.steps.len(), 1);
    assert!(bench.steps[0].is_probe, "a single probe");
    bench.wait(30);
    assert_eq!(bench.steps.len(), 1, "no second probe while one is out");
    assert!(
        bench.dispatcher.wakes_at(bench.now).is_some_and(|at| at > bench.now),
        "rows that are due must not keep the loop spinning"
    );
    bench.answer(not_sent());
    bench.wait(60);
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Outage { .. })));
}

#[test]
fn the_end_of_an_outage_frees_all_slots() {
    let mut bench = Bench::new(settings(), 100);
    for _ in 0..10 {
        bench.answer(not_sent());
    }
    while !bench.steps.is_empty() {
        bench.answer(not_sent());
    }
    bench.wait(1);
    bench.answer(created());
    assert_eq!(bench.steps.len(), 4);
}

#[test]
fn the_limit_counts_rows_and_not_repeats() {
    let mut bench = Bench::new(Settings { limit: Some(3), ..settings() }, 10);
    bench.answer(Outcome::Throttled { wait: Duration::from_secs(5) });
    bench.answer(created());
    bench.answer(created());
    assert!(!bench.dispatcher.is_done(), "a row that was begun is brought to its end");
    bench.wait(5);
    bench.answer(created());
    assert!(bench.dispatcher.is_done());
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.ending(), Some(StopReason::LimitReached)));
}

#[test]
fn rows_in_flight_at_the_start_do_not_count_against_the_limit() {
    let mut bench = Bench::new(settings(), 0);
    bench.dispatcher = Dispatcher::new(Settings { limit: Some(1), ..settings() }, start(bench.now));
    let in_flight = |id| Work { is_in_flight: true, is_begun: true, ..row(id) };
    bench.to_fetch = VecDeque::from([vec![in_flight(1), in_flight(2)], Vec::new(), vec![row(3), row(4)]]);
    bench.act();
    for _ in 0..3 {
        bench.answer(created());
    }
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.ending(), Some(StopReason::LimitReached)));
}

#[test]
fn too_many_failures_hold_back_what_was_not_sent_and_bring_the_rest_to_its_end() {
    let most = MaxFailures::Rows(std::num::NonZeroU64::MIN);
    let mut bench = Bench::new(Settings { max_failures: Some(most), ..settings() }, 10);
    // In doubt and waiting; nothing done and waiting; refused; active.
    bench.answer(silent());
    bench.answer(Outcome::Throttled { wait: Duration::from_secs(60) });
    bench.answer(refused(Class::FixTheRow, 400, "3000"));
    while let Some(place) = bench.steps.iter().position(|task| task.step == Step::LookUp) {
        bench.steps.swap(0, place);
        answer_only_look_ups(&mut bench);
    }
    let under_way = bench.steps.len();
    assert!(!bench.dispatcher.is_done());
    for _ in 0..under_way {
        bench.answer(created());
    }
    bench.wait(1);
    assert_eq!(bench.steps.len(), 1, "the row in doubt is repeated, and nothing else is sent");
    bench.answer(created());
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.ending(), Some(StopReason::TooManyFailures { rows: 1, .. })));
}

#[test]
fn time_that_is_up_stops_the_run() {
    let mut bench = Bench::new(Settings { max_duration: Some(Duration::from_secs(10)), ..settings() }, 10);
    bench.wait(10);
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::DurationReached)));
}

#[test]
fn a_failing_ledger_stops_everything() {
    let mut bench = Bench::new(settings(), 10);
    for _ in 0..4 {
        bench.steps.pop_front();
        bench.handle(DispatchEvent::Failed(StopReason::Ledger(ledger::Error::Closed)));
        bench.act();
    }
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Ledger(_))));
}

#[test]
fn a_reading_that_fails_frees_no_slot() {
    let mut bench = Bench::new(settings(), 10);
    for failed in [StopReason::Ledger(ledger::Error::Closed), StopReason::Bug].map(DispatchEvent::ReadFailed)
    {
        bench.handle(failed);
        bench.act();
        assert!(!bench.dispatcher.is_done(), "four creates are out");
    }
    for _ in 0..4 {
        bench.answer(created());
    }
    assert_eq!(bench.records, 4, "what was under way is recorded");
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Ledger(_))));
}

#[test]
fn a_row_that_was_discarded_during_a_read_is_not_taken_again() {
    let mut queue = Queue::default();
    assert!(queue.take_in_hand(RowId(1)));
    queue.reading_begins();
    queue.discard(RowId(1));
    assert!(!queue.take_in_hand(RowId(1)), "the reading shows it as it was before");
    queue.reading_ends();
    queue.reading_begins();
    assert!(queue.take_in_hand(RowId(1)));
}

#[test]
fn a_row_that_cannot_be_parsed_does_not_block_the_others() {
    let mut bench = Bench::new(settings(), 0);
    bench.dispatcher = Dispatcher::new(settings(), start(bench.now));
    bench.handle(DispatchEvent::Fetched {
        which: Open::Agreements,
        batch: WorkBatch {
            work: Vec::new(),
            set_aside: vec![ledger::SetAside { row: RowId(7), line: None, domain: None, why: String::new() }],
            last: Some(RowId(7)),
        },
    });
    assert_eq!(bench.dispatcher.backlog.after, RowId(7), "the next batch begins behind it");
    assert_eq!(bench.dispatcher.left_out.count, 1);
}

#[test]
fn a_row_in_hand_is_not_taken_twice() {
    let mut bench = Bench::new(settings(), 0);
    bench.dispatcher = Dispatcher::new(settings(), start(bench.now));
    bench.to_fetch = VecDeque::from([vec![row(1)], Vec::new(), vec![row(1), row(2)]]);
    bench.act();
    let rows: Vec<RowId> = bench.steps.iter().map(|task| task.work.row).collect();
    assert_eq!(rows, [RowId(1), RowId(2)]);
}

#[test]
fn silence_before_ten_failures_is_an_outage_too() {
    let mut bench = Bench::new(Settings { max_outage: Duration::from_secs(60), ..settings() }, 1);
    bench.answer(not_sent());
    bench.wait(61);
    bench.answer(not_sent());
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Outage { .. })));
}

#[test]
fn an_id_that_becomes_too_old_during_a_wait_is_looked_up() {
    let settings =
        Settings { policy: Policy { idempotency_window: Duration::ZERO, ..settings().policy }, ..settings() };
    let mut bench = Bench::new(settings.clone(), 0);
    bench.dispatcher = Dispatcher::new(settings, start(bench.now));
    let mut doubtful = row(1);
    doubtful.open.in_doubt_since = Some(by_wall(0));
    let mut task = Box::new(Task::new(doubtful, Step::Create, &start(bench.now)));
    task.tries = 1;
    bench.dispatcher.queue.wait(task, bench.now);
    bench.act();
    assert_eq!(bench.steps[0].step, Step::LookUp);
}

#[test]
fn a_run_that_only_looks_up_never_sends() {
    let mut bench = Bench::new(Settings { mode: Mode::LookUpOnly, ..settings() }, 0);
    bench.dispatcher = Dispatcher::new(Settings { mode: Mode::LookUpOnly, ..settings() }, start(bench.now));
    let mut doubtful = row(1);
    doubtful.open.in_doubt_since = Some(by_wall(0));
    doubtful.last_sent_at = Some(by_wall(0));
    bench.to_fetch = VecDeque::from([vec![doubtful]]);
    bench.act();
    // A row that was sent long ago only by the wall clock is looked up again when its age is certain.
    for wait in [settings().policy.settle_delay.as_secs(), 0] {
        let task = bench.steps.pop_front().unwrap();
        assert_eq!(task.step, Step::LookUp);
        bench.handle(stepped(task, StepOutcome::LookUp(Outcome::Done(DomainStatus::Free))));
        bench.act();
        bench.wait(wait);
    }
    assert!(bench.steps.is_empty(), "what is to be sent waits for a run that sends");
    assert!(bench.dispatcher.is_done());
}

#[test]
fn an_unresolved_row_is_not_looked_up_twice_in_one_run() {
    let asking = || Settings { mode: Mode::LookUpOnly, ..settings() };
    let mut bench = Bench::new(asking(), 0);
    bench.dispatcher = Dispatcher::new(asking(), start(bench.now));
    // So many that the unresolved rows are read when the first rows have become unresolved.
    let rows: Vec<Work> = (1..=2 * i64::from(FETCH)).map(row).collect();
    bench.to_fetch = VecDeque::from([rows.clone(), vec![], rows]);
    bench.act();
    let mut looked_up = 0;
    while let Some(task) = bench.steps.pop_front() {
        looked_up += 1;
        let outcome = Outcome::Done(DomainStatus::Unprovable("502".to_owned()));
        bench.handle(stepped(task, StepOutcome::LookUp(outcome)));
        bench.act();
    }
    assert_eq!(looked_up, 2 * FETCH);
    assert!(bench.dispatcher.is_done());
}

/// Ends the second step of a created row with `outcome`.
fn agree(bench: &mut Bench, outcome: Outcome<()>) {
    let task = bench.steps.pop_front().expect("a step is under way");
    assert_eq!(task.step, Step::Agree);
    bench.handle(stepped(task, StepOutcome::Agree(outcome)));
    bench.act();
}

fn with_agreements(settings: Settings, rows: i64, agreements: i64) -> Bench {
    let mut bench = Bench::new(settings, rows);
    bench.agreements =
        VecDeque::from([(1..=agreements).map(|id| Work { kind: StepKind::Agreement, ..row(id) }).collect()]);
    bench
}

#[test]
fn agreements_come_when_no_row_is_in_hand() {
    let mut bench = with_agreements(settings(), 2, 2);
    bench.answer(Outcome::Throttled { wait: Duration::from_secs(60) });
    bench.answer(created());
    assert!(bench.steps.is_empty(), "one row still waits for its repeat");
    bench.wait(60);
    bench.answer(created());
    agree(&mut bench, Outcome::Done(()));
    agree(&mut bench, Outcome::Unknown("reset".into()));
    assert!(!bench.dispatcher.is_done());
    bench.wait(60);
    agree(&mut bench, Outcome::Done(()));
    assert!(bench.dispatcher.is_done());
    assert!(bench.dispatcher.ending().is_none());
}

#[test]
fn the_limit_lets_agreements_of_what_was_created_pass() {
    let mut bench = with_agreements(Settings { limit: Some(1), ..settings() }, 3, 1);
    bench.answer(created());
    agree(&mut bench, Outcome::Done(()));
    assert!(bench.dispatcher.is_done());
    assert!(matches!(bench.dispatcher.ending(), Some(StopReason::LimitReached)));
}

/// Only another create shows that this row alone is refused.
#[test]
fn a_recorded_agreement_says_nothing_about_creates() {
    let mut bench = with_agreements(settings(), 0, 4);
    bench.dispatcher = Dispatcher::new(settings(), start(bench.now));
    bench.to_fetch = VecDeque::from([Vec::new(), (101..=108).map(row).collect()]);
    bench.act();
    while bench.dispatcher.stop.is_none() {
        if bench.steps[0].step == Step::Agree {
            agree(&mut bench, Outcome::Done(()));
        }
        assert!(bench.steps.iter().all(|task| task.step != Step::LookUp), "a row was refused on its own");
        bench.steps.rotate_left(bench.steps.iter().position(|task| task.step == Step::Create).unwrap());
        bench.answer(refused(Class::Unexplained, 403, ""));
        bench.wait(2);
    }
    assert!(matches!(bench.dispatcher.stop, Some(StopReason::Unexplained { in_a_row: 5, .. })));
}

#[test]
fn an_outage_stops_agreements_too() {
    let mut bench = with_agreements(settings(), 1, 3);
    bench.answer(created());
    for _ in 0..200 {
        while !bench.steps.is_empty() {
            agree(&mut bench, Outcome::NotSent("connection refused".into()));
        }
        if bench.dispatcher.is_done() {
            break;
        }
        bench.wait(30);
    }
    assert!(matches!(bench.dispatcher.ending(), Some(StopReason::Outage { .. })));
}

fn silent() -> Outcome<CreatedCustomer> {
    Outcome::Unknown("status 503".into())
}

/// Ends the oldest step: a create without a verdict, a lookup with the answer that the domain is free.
fn answer_only_look_ups(bench: &mut Bench) {
    if bench.steps[0].step == Step::Create {
        return bench.answer(silent());
    }
    let task = bench.steps.pop_front().unwrap();
    bench.handle(stepped(task, StepOutcome::LookUp(Outcome::Done(DomainStatus::Free))));
    bench.act();
}

#[test]
fn answered_lookups_do_not_end_an_outage_of_creates() {
    for rows in [1, 100] {
        let policy = Policy { max_attempts: 2, ..settings().policy };
        let mut bench = Bench::new(Settings { policy, ..settings() }, rows);
        let begun = bench.now;
        while bench.dispatcher.stop.is_none() {
            while !bench.steps.is_empty() {
                answer_only_look_ups(&mut bench);
            }
            bench.wait(1);
            assert!(bench.now < begun + Duration::from_secs(1200), "{rows}: no outage was seen");
        }
        let Some(StopReason::Outage { to, .. }) = &bench.dispatcher.stop else {
            panic!("{:?}", bench.dispatcher.stop)
        };
        // With a hundred rows, none was old enough to be looked up.
        assert_eq!(*to, (rows == 1).then_some("a create"));
    }
}

/// A row that a dead run left in flight is sent again, or looked up; which of them depends on its age.
#[test]
fn an_outage_of_creates_leaves_look_ups_of_rows_in_flight_alone() {
    let mut bench = Bench::new(settings(), 0);
    bench.dispatcher = Dispatcher::new(settings(), start(bench.now));
    let in_flight = |id: i64| {
        // The clock of these tests shows 1,000,000,000 s.
        let since = by_wall(if id > 20 { 0 } else { 999_999_990 });
        let mut work = Work { is_in_flight: true, is_begun: true, ..row(id) };
        work.open.in_doubt_since = Some(since);
        work
    };
    bench.to_fetch = VecDeque::from([(1..=24).map(in_flight).collect()]);
    bench.act();
    for _ in 0..40 {
        if bench.steps.is_empty() || bench.steps[0].step == Step::LookUp {
            break;
        }
        bench.answer(Outcome::NotSent("connection refused".into()));
    }
    let looked_up: Vec<_> = bench.steps.iter().filter(|it| it.step == Step::LookUp).collect();
    assert!(!looked_up.is_empty(), "{:?}", bench.steps);
    assert!(bench.dispatcher.stop.is_none());
}

#[test]
fn throttling_is_borne_as_long_as_an_outage_and_no_longer() {
    let throttled = |seconds| Outcome::Throttled { wait: Duration::from_secs(seconds) };
    let until = |bench: &Bench| match &bench.dispatcher.stop {
        None => "goes on",
        Some(StopReason::Throttled { until: None, .. }) => "too long by now",
        Some(StopReason::Throttled { until: Some(_), .. }) => "too long a wait",
        Some(_) => "something else",
    };
    let mut bench = Bench::new(settings(), 1);
    bench.answer(throttled(900));
    assert_eq!(until(&bench), "goes on");
    bench.wait(900);
    assert_eq!(until(&bench), "too long by now");

    let mut bench = Bench::new(settings(), 2);
    bench.answer(throttled(600));
    bench.answer(created());
    bench.wait(600);
    bench.answer(throttled(600));
    assert_eq!(until(&bench), "goes on", "a request was accepted between");
    bench.wait(1);

    let mut bench = Bench::new(settings(), 1);
    bench.answer(throttled(901));
    assert_eq!(until(&bench), "too long a wait");
}
