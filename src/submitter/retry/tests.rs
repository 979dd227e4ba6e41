//! The decisions as tables: one line per situation, outcome and verdict.

use std::sync::LazyLock;

use super::*;
use crate::clock;
use crate::customer::{Customer, DomainName};
use crate::ledger::{CreatedCustomer, DataKeyId, RowId, Sealed};
use crate::submitter::age::RunClock;
use crate::submitter::task::Step;
use crate::transport::NoResponse;

/// When the run of these tests began; everything here happens two hours later.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
static NOW: LazyLock<Instant> = LazyLock::new(|| *BEGUN + Duration::from_secs(7200));
const BEGUN_MS: i64 = 1_000_000_000;
pub(in crate::submitter) const POLICY: Policy = Policy {
    max_attempts: 3,
    idempotency_window: Duration::from_secs(3600),
    settle_delay: Duration::from_secs(180),
};

/// A stored time without a known boot.
pub(in crate::submitter) fn by_wall(ms: i64) -> Moment {
    Moment { wall: clock::from_ms(ms), boot: None }
}

fn ago(seconds: u64) -> Age {
    Age::at(*NOW - Duration::from_secs(seconds))
}

fn start() -> RunClock {
    RunClock::new(*BEGUN, by_wall(BEGUN_MS), None)
}

/// A row for which nothing has been done.
pub(in crate::submitter) fn fresh() -> Task {
    let customer = Customer {
        company_name: "Contoso".to_owned(),
        domain: DomainName::from_validated("contoso-x.onmicrosoft.com".to_owned()),
        email: "a@example.com".to_owned(),
        culture: "en-US".to_owned(),
        language: "en".to_owned(),
        first_name: "A".to_owned(),
        last_name: "B".to_owned(),
        middle_name: None,
        address_line1: "1 Way".to_owned(),
        address_line2: None,
        city: None,
        state: None,
        postal_code: None,
        country: "US".to_owned(),
        region: None,
        phone_number: None,
        organization_registration_number: None,
        associated_partner_id: None,
        enable_gdap_by_default: true,
        external_id: None,
        agreement: None,
    };
    let work = Work::fresh(RowId(1), 2, customer, RequestId::draw());
    Task::new(work, Step::Create, &start())
}

/// A row with a send `seconds` ago with an unknown outcome.
fn doubtful(seconds: u64) -> Task {
    let mut task = fresh();
    task.work.open.in_doubt_since = Some(by_wall(BEGUN_MS));
    (task.doubt, task.last_sent) = (Some(ago(seconds)), Some(ago(seconds)));
    task.tries = 1;
    task
}

fn with(mut task: Task, change: impl FnOnce(&mut Task)) -> Task {
    change(&mut task);
    task
}

fn refusal(code: &str) -> Refusal {
    Refusal { code: code.to_owned(), status: Some(400), text: "no".to_owned() }
}

pub(in crate::submitter) fn circumstances() -> VerdictContext<'static> {
    VerdictContext {
        policy: &POLICY,
        now: *NOW,
        moment: by_wall(BEGUN_MS),
        probe: false,
        may_send: true,
        successes: 0,
        forbidden_in_a_row: 1,
        chance: 1.0,
    }
}

/// A verdict in few words: what is recorded, then what to do next.
fn words(verdict: &Verdict) -> String {
    let change = match &verdict.change {
        RowChange::NothingDone { new_request_id: None, .. } => "nothing done".to_owned(),
        RowChange::NothingDone { new_request_id: Some(_), .. } => "nothing done, new id".to_owned(),
        RowChange::StillOpen(OpenStep {
            in_doubt_since,
            next_step,
            post_lookup_resends,
            refusal,
            customer_id,
        }) => {
            let doubt = if in_doubt_since.is_some() { "in doubt" } else { "open" };
            let step = match (next_step, customer_id) {
                (NextStep::Create, None) => "create",
                (NextStep::Create, Some(_)) => "last send",
                (NextStep::LookUp, _) => "look up",
            };
            let refusal = refusal.as_ref().map(|r| format!(" about {}", r.code)).unwrap_or_default();
            let rounds = if *post_lookup_resends > 0 {
                format!(" round {post_lookup_resends}")
            } else {
                String::new()
            };
            format!("{doubt}, {step}{refusal}{rounds}")
        }
        RowChange::Created(customer) if customer.sealed_credentials.is_some() => "created".to_owned(),
        RowChange::Created(_) => "created without password".to_owned(),
        RowChange::Recorded => "recorded".to_owned(),
        RowChange::Existing { .. } => "existing".to_owned(),
        RowChange::Refused { refusal, domain_burned: false } => format!("failed {}", refusal.code),
        RowChange::Refused { refusal, domain_burned: true } => format!("failed {}, burned", refusal.code),
        RowChange::LookedUpInVain { reason } => format!("unresolved {}", reason.code),
    };
    let then = match &verdict.then {
        Then::Settled => "settled".to_owned(),
        Then::LeftOpen => "left open".to_owned(),
        Then::Wait(wait) => format!("after {} s", wait.as_secs()),
        Then::Settle(wait) => format!("settles in {} s", wait.as_secs()),
        Then::Stop(StopReason::SignIn { .. }) => "stop: sign-in".to_owned(),
        Then::Stop(StopReason::Rights(_)) => "stop: rights".to_owned(),
        Then::Stop(StopReason::Unexplained { .. }) => "stop: unexplained".to_owned(),
        Then::Stop(StopReason::Configuration(_)) => "stop: configuration".to_owned(),
        Then::Stop(_) => "stop".to_owned(),
    };
    format!("{change}; {then}")
}

fn error(code: &str) -> ServiceError {
    ServiceError { status: 400, code: code.to_owned(), text: "no".to_owned() }
}

fn unknown_now() -> Outcome<CreatedCustomer> {
    Outcome::Unknown("reset".into())
}

fn no_answer(reason: NoResponse) -> Outcome<DomainStatus> {
    Outcome::Unknown(reason)
}

#[track_caller]
fn check_create(task: Task, outcome: Outcome<CreatedCustomer>, expected: &str) {
    assert_eq!(words(&after_create(&task, outcome, &circumstances())), expected);
}

#[track_caller]
fn check_ask(task: Task, outcome: Outcome<DomainStatus>, expected: &str) {
    assert_eq!(words(&after_lookup(&task, outcome, &circumstances())), expected);
}

#[test]
fn a_success_settles() {
    let created = || {
        Outcome::Done(CreatedCustomer {
            named_domain: None,
            customer_id: "c".to_owned(),
            commerce_id: None,
            user_name: None,
            sealed_credentials: Some(Sealed { data_key: DataKeyId(1), password: vec![1] }),
        })
    };
    check_create(fresh(), created(), "created; settled");
    check_create(doubtful(5), created(), "created; settled");
}

#[test]
fn an_unknown_outcome_is_sent_again_then_looked_up() {
    let sent = with(fresh(), |t| t.begun = *NOW - Duration::from_secs(1));
    check_create(sent, unknown_now(), "in doubt, create; after 1 s");
    check_create(doubtful(60), unknown_now(), "in doubt, create; after 2 s");
    // The third of three.
    check_create(with(doubtful(60), |t| t.tries = 2), unknown_now(), "in doubt, look up; settles in 180 s");
    // The id is too old.
    check_create(doubtful(3600), unknown_now(), "in doubt, look up; settles in 180 s");
    // The same if its first send took long enough.
    check_create(fresh(), unknown_now(), "in doubt, look up; settles in 180 s");
    // Sent again after a lookup: one send, then the next lookup.
    check_create(
        with(doubtful(60), |t| t.found_free = true),
        unknown_now(),
        "in doubt, look up round 1; settles in 180 s",
    );
}

#[test]
fn a_probe_does_not_change_the_verdict_on_its_row() {
    let at = VerdictContext { probe: true, ..circumstances() };
    let verdict = after_create(&with(doubtful(60), |t| t.tries = 2), unknown_now(), &at);
    assert_eq!(words(&verdict), "in doubt, create; after 2 s");
}

#[test]
fn what_did_nothing_leaves_a_fresh_row_pending_and_a_doubtful_one_in_doubt() {
    let throttled = || Outcome::Throttled { wait: Duration::from_secs(57) };
    check_create(fresh(), throttled(), "nothing done; after 57 s");
    check_create(doubtful(5), throttled(), "in doubt, create; after 57 s");
    let not_sent = || Outcome::NotSent("refused".into());
    check_create(fresh(), not_sent(), "nothing done; after 1 s");
    check_create(doubtful(5), not_sent(), "in doubt, create; after 2 s");
    let not_taken = || {
        let closed = NoResponse { is_closing: true, ..NoResponse::from("went away") };
        Outcome::NotSent(closed)
    };
    check_create(fresh(), not_taken(), "nothing done; after 0 s");
    check_create(doubtful(5), not_taken(), "in doubt, create; after 0 s");
    check_create(fresh(), Outcome::Withdrawn, "nothing done; after 0 s");
    check_create(doubtful(5), Outcome::Withdrawn, "in doubt, create; after 0 s");
}

#[test]
fn a_service_wide_refusal_stops_the_run_and_burns_nothing() {
    let misconfigured = |class| Outcome::Refused(class, error("900421"));
    check_create(fresh(), misconfigured(Class::FixTheRights), "nothing done; stop: rights");
    check_create(fresh(), misconfigured(Class::FixTheConfiguration), "nothing done; stop: configuration");
    check_create(doubtful(5), misconfigured(Class::FixTheRights), "in doubt, create; stop: rights");
    let sign_in = Outcome::NoToken(auth::Error::Refused { message: "m".to_owned(), hint: "h".to_owned() });
    check_create(fresh(), sign_in, "nothing done; stop: sign-in");
}

#[test]
fn a_second_401_in_a_row_stops() {
    let unauthorized = || Outcome::Refused(Class::RenewTheToken, error("400"));
    check_create(fresh(), unauthorized(), "nothing done; after 0 s");
    check_create(with(fresh(), |t| t.unauthorized = true), unauthorized(), "nothing done; stop: rights");
}

#[test]
fn an_unexplained_403_is_the_rows_fault_only_if_others_succeed() {
    let forbidden = || Outcome::Refused(Class::Unexplained, error("4711"));
    check_create(fresh(), forbidden(), "nothing done; after 1 s");
    let again = with(fresh(), |t| t.forbidden_at = Some(7));
    let at =
        |successes, forbidden_in_a_row| VerdictContext { successes, forbidden_in_a_row, ..circumstances() };
    let verdict = |at: &VerdictContext<'_>| words(&after_create(&again, forbidden(), at));
    assert_eq!(verdict(&at(7, 2)), "nothing done; after 1 s");
    assert_eq!(verdict(&at(8, 1)), "open, look up about 4711; after 0 s");
    assert_eq!(verdict(&at(7, FORBIDDEN_IN_A_ROW)), "nothing done; stop: unexplained");
}

#[test]
fn a_refusal_is_followed_by_a_lookup() {
    let refused = |class| Outcome::Refused(class, error("27002"));
    check_create(fresh(), refused(Class::FixTheRow), "open, look up about 27002; after 0 s");
    check_create(fresh(), refused(Class::DomainTaken), "open, look up about domain_taken; after 0 s");
    check_create(doubtful(5), refused(Class::DomainTaken), "in doubt, look up about domain_taken; after 0 s");
}

#[test]
fn answers_settle_a_refused_row() {
    let refused = |code: &str| with(fresh(), |t| t.work.open.refusal = Some(refusal(code)));
    let ours = || Outcome::Done(DomainStatus::Ours { customer_id: "c".to_owned() });
    check_ask(refused(DOMAIN_TAKEN), ours(), "existing; settled");
    check_ask(refused(DOMAIN_TAKEN), Outcome::Done(DomainStatus::Taken), "failed domain_taken; settled");
    check_ask(refused("27002"), Outcome::Done(DomainStatus::Free), "failed 27002; settled");
    check_ask(refused("27002"), Outcome::Done(DomainStatus::Taken), "failed 27002, burned; settled");
    let silence = || no_answer("503".into());
    check_ask(refused("27002"), silence(), "open, look up about 27002; after 1 s");
    let last_try = |code: &str| with(refused(code), |t| t.lookup_tries = LOOKUP_TRIES - 1);
    check_ask(last_try("27002"), silence(), "failed 27002; settled");
    // Taken, and perhaps by us.
    check_ask(last_try(DOMAIN_TAKEN), silence(), "unresolved unanswered; settled");
    let unprovable = || Outcome::Done(DomainStatus::Unprovable("404 for what exists".to_owned()));
    check_ask(refused("27002"), unprovable(), "failed 27002; settled");
    check_ask(doubtful(180), unprovable(), "unresolved unanswered; settled");
}

#[test]
fn answers_settle_a_doubtful_row_only_when_a_customer_would_be_visible() {
    let ours = || Outcome::Done(DomainStatus::Ours { customer_id: "c".to_owned() });
    check_ask(doubtful(5), ours(), "in doubt, last send; after 0 s");
    check_ask(doubtful(3600), ours(), "created without password; settled");
    check_ask(doubtful(5), Outcome::Done(DomainStatus::Free), "in doubt, look up; settles in 175 s");
    check_ask(doubtful(5), Outcome::Done(DomainStatus::Taken), "in doubt, look up; settles in 175 s");
    check_ask(doubtful(180), Outcome::Done(DomainStatus::Taken), "failed domain_taken; settled");
    let claimed = with(doubtful(180), |t| t.work.unparsed_success = true);
    check_ask(claimed, Outcome::Done(DomainStatus::Taken), "unresolved unsettled; settled");
    check_ask(doubtful(180), Outcome::Done(DomainStatus::Free), "in doubt, create; after 0 s");
    let gone = with(doubtful(180), |t| t.work.is_gone = true);
    check_ask(gone, Outcome::Done(DomainStatus::Free), "unresolved gone_from_list; settled");
    let round = |rounds| with(doubtful(180), |t| t.work.open.post_lookup_resends = rounds);
    check_ask(round(1), Outcome::Done(DomainStatus::Free), "nothing done, new id; after 0 s");
    // An outage of creates looks the same, as long as no other row is created.
    check_ask(round(2), Outcome::Done(DomainStatus::Free), "in doubt, create round 2; after 0 s");
    check_ask(round(3), Outcome::Done(DomainStatus::Free), "nothing done, new id; after 0 s");
    let alone = |rounds| with(round(rounds), |t| t.unclear_at = Some(4));
    for (successes, expected) in
        [(4, "in doubt, create round 2; after 0 s"), (5, "unresolved unsettled; settled")]
    {
        let at = VerdictContext { successes, ..circumstances() };
        assert_eq!(words(&after_lookup(&alone(2), Outcome::Done(DomainStatus::Free), &at)), expected);
    }
    // A run that only looks up makes no new id.
    let only_looks_up = VerdictContext { may_send: false, ..circumstances() };
    let verdict = after_lookup(&round(1), Outcome::Done(DomainStatus::Free), &only_looks_up);
    assert_eq!(words(&verdict), "in doubt, create round 1; after 0 s");
    // A send under an earlier id may have created it.
    let earlier = with(fresh(), |t| t.work.unclear_under_earlier_id = true);
    check_ask(earlier, ours(), "created without password; settled");
    let in_vain = with(doubtful(180), |t| t.lookup_tries = LOOKUP_TRIES - 1);
    // A service that cannot be reached burns no row.
    let unreachable = Outcome::NotSent("refused".into());
    check_ask(in_vain.clone(), unreachable, "in doubt, look up; after 8 s");
    check_ask(in_vain, no_answer("503".into()), "unresolved unanswered; settled");
    // A run that sends may still bring the password of a row that was not unresolved before.
    let only_looks_up = VerdictContext { may_send: false, ..circumstances() };
    for (age, is_begun, expected) in [
        (180, true, "in doubt, look up; left open"),
        (180, false, "unresolved unanswered; settled"),
        (3600, true, "unresolved unanswered; settled"),
    ] {
        let task = with(doubtful(age), |t| (t.lookup_tries, t.is_begun) = (LOOKUP_TRIES - 1, is_begun));
        let verdict = after_lookup(&task, no_answer("503".into()), &only_looks_up);
        assert_eq!(words(&verdict), expected, "{age} s");
    }
    // A refusal under a later id says nothing about the earlier one.
    let earlier = with(refused_ago("3000", 5), |t| t.work.unclear_under_earlier_id = true);
    let free = Outcome::Done(DomainStatus::Free);
    check_ask(earlier.clone(), free, "open, look up about 3000; settles in 175 s");
    let earlier = with(earlier, |t| t.lookup_tries = LOOKUP_TRIES - 1);
    check_ask(earlier, no_answer("503".into()), "unresolved unanswered; settled");
}

fn created_as(customer_id: &str) -> Outcome<CreatedCustomer> {
    Outcome::Done(CreatedCustomer {
        named_domain: None,
        customer_id: customer_id.to_owned(),
        commerce_id: None,
        user_name: None,
        sealed_credentials: Some(Sealed { data_key: DataKeyId(1), password: vec![1] }),
    })
}

/// A row that a lookup found among our customers as `c`, before its last send.
fn found(task: Task) -> Task {
    with(task, |t| t.work.open.customer_id = Some("c".to_owned()))
}

#[test]
fn before_a_password_is_given_up_one_more_send_asks_for_it() {
    let lost = "created without password; settled";
    let check = |finding, expected: &str| check_create(found(doubtful(60)), finding, expected);
    check(created_as("C"), "created; settled");
    check(created_as("another"), lost);
    check(Outcome::Refused(Class::FixTheRow, error("27002")), lost);
    check(Outcome::Refused(Class::DomainTaken, error("409")), lost);
    check(Outcome::Refused(Class::Unexplained, error("4711")), lost);
    check(unknown_now(), lost);
    // However often it was sent: this send does not count.
    check_create(found(with(doubtful(60), |t| t.tries = 99)), created_as("c"), "created; settled");
    // These did nothing, so the send is still open.
    check(Outcome::Throttled { wait: Duration::from_secs(57) }, "in doubt, last send; after 57 s");
    check(Outcome::NotSent("refused".into()), "in doubt, last send; after 2 s");
    check(Outcome::Withdrawn, "in doubt, last send; after 0 s");
    let rights = Outcome::Refused(Class::FixTheRights, error("900421"));
    check(rights, "in doubt, last send; stop: rights");
    check(Outcome::Refused(Class::RenewTheToken, error("401")), "in doubt, last send; after 0 s");
    let twice = with(found(doubtful(60)), |t| t.unauthorized = true);
    check_create(
        twice,
        Outcome::Refused(Class::RenewTheToken, error("401")),
        "in doubt, last send; stop: rights",
    );
    let probe = VerdictContext { probe: true, ..circumstances() };
    let verdict = after_create(&found(doubtful(60)), unknown_now(), &probe);
    assert_eq!(words(&verdict), "in doubt, last send; after 2 s");
}

#[test]
fn a_customer_that_was_found_is_not_lost_again() {
    let lost = "created without password; settled";
    let ours = || Outcome::Done(DomainStatus::Ours { customer_id: "c".to_owned() });
    let silence = || no_answer("503".into());
    check_ask(found(doubtful(60)), silence(), "in doubt, look up; after 1 s");
    // A run that only looks up finds it again: whatever the answer, the last send is left to a run that sends.
    let in_vain = |seconds| with(found(doubtful(seconds)), |t| t.lookup_tries = LOOKUP_TRIES - 1);
    let unprovable = || Outcome::Done(DomainStatus::Unprovable("502".to_owned()));
    let answers =
        [ours, || Outcome::Done(DomainStatus::Taken), || Outcome::Done(DomainStatus::Free), unprovable];
    for answer in answers {
        check_ask(found(doubtful(60)), answer(), "in doubt, last send; after 0 s");
        // Its id is too old.
        check_ask(found(doubtful(3600)), answer(), lost);
    }
    check_ask(in_vain(60), silence(), "in doubt, last send; after 0 s");
    check_ask(in_vain(3600), silence(), lost);
    // A refusal under the same id is not a reason to give up either.
    let refused = with(doubtful(60), |t| t.work.open.refusal = Some(refusal(DOMAIN_TAKEN)));
    check_ask(refused, ours(), "in doubt, last send about domain_taken; after 0 s");
}

/// A row that was refused with `code`, `seconds` ago, without an earlier send in doubt.
fn refused_ago(code: &str, seconds: u64) -> Task {
    with(fresh(), |t| {
        t.work.open.refusal = Some(refusal(code));
        t.last_sent = Some(ago(seconds));
    })
}

#[test]
fn a_domain_that_is_taken_may_be_taken_by_us() {
    let ours = || Outcome::Done(DomainStatus::Ours { customer_id: "c".to_owned() });
    check_ask(refused_ago(DOMAIN_TAKEN, 0), ours(), "existing; settled");
    let early = "open, look up about domain_taken; settles in 175 s";
    check_ask(refused_ago(DOMAIN_TAKEN, 5), Outcome::Done(DomainStatus::Taken), early);
    check_ask(refused_ago(DOMAIN_TAKEN, 5), Outcome::Done(DomainStatus::Free), early);
    check_ask(
        refused_ago(DOMAIN_TAKEN, 180),
        Outcome::Done(DomainStatus::Taken),
        "failed domain_taken; settled",
    );
    // Refused for another reason. Another company may have the domain now, but the operator must not be advised too early
    // to choose another one.
    check_ask(refused_ago("27002", 5), ours(), "existing; settled");
    check_ask(
        refused_ago("27002", 5),
        Outcome::Done(DomainStatus::Taken),
        "open, look up about 27002; settles in 175 s",
    );
    check_ask(refused_ago("27002", 180), Outcome::Done(DomainStatus::Taken), "failed 27002, burned; settled");
    check_ask(refused_ago("27002", 5), Outcome::Done(DomainStatus::Free), "failed 27002; settled");
}

#[test]
fn what_is_free_after_no_answer_was_perhaps_refused_as_taken() {
    // Its refusal is not recorded, because the lookups after it had no answer.
    let unanswered = |seconds| with(fresh(), |t| t.last_sent = Some(ago(seconds)));
    check_ask(unanswered(5), Outcome::Done(DomainStatus::Free), "open, look up; settles in 175 s");
    check_ask(unanswered(180), Outcome::Done(DomainStatus::Free), "open, create; after 0 s");
}

#[test]
fn taken_and_then_free_is_repeated_once_and_never_called_taken() {
    check_ask(
        refused_ago(DOMAIN_TAKEN, 180),
        Outcome::Done(DomainStatus::Free),
        "in doubt, create about taken_then_free; after 0 s",
    );
    let contradicted = |rounds| {
        with(doubtful(180), |t| {
            t.work.open.refusal = Some(refusal(CONTRADICTED));
            t.work.open.post_lookup_resends = rounds;
        })
    };
    let repeat = || contradicted(0);
    check_create(repeat(), created_as("c"), "created; settled");
    check_create(
        repeat(),
        unknown_now(),
        "in doubt, look up about taken_then_free round 1; settles in 180 s",
    );
    let taken = || Outcome::Refused(Class::DomainTaken, error("409"));
    check_create(repeat(), taken(), "in doubt, look up about taken_then_free round 1; after 0 s");
    let throttled = Outcome::Throttled { wait: Duration::from_secs(57) };
    check_create(repeat(), throttled, "in doubt, create about taken_then_free; after 57 s");
    // Before its retry, when its id has become too old; and after it.
    check_ask(
        repeat(),
        Outcome::Done(DomainStatus::Free),
        "in doubt, create about taken_then_free; after 0 s",
    );
    let unresolved = "unresolved taken_then_free; settled";
    check_ask(contradicted(1), Outcome::Done(DomainStatus::Free), unresolved);
    for rounds in [0, 1] {
        check_ask(contradicted(rounds), Outcome::Done(DomainStatus::Taken), unresolved);
        let in_vain = with(contradicted(rounds), |t| t.lookup_tries = LOOKUP_TRIES - 1);
        check_ask(in_vain, no_answer("503".into()), unresolved);
        let ours = Outcome::Done(DomainStatus::Ours { customer_id: "c".to_owned() });
        let expected = match rounds {
            0 => "in doubt, last send about taken_then_free; after 0 s",
            _ => "in doubt, last send about taken_then_free round 1; after 0 s",
        };
        check_ask(contradicted(rounds), ours, expected);
    }
    // If an operator reconciles an unresolved row, that allows another retry.
    let mut work = contradicted(1).work;
    restart_lookup(&mut work);
    assert_eq!(work.open.post_lookup_resends, 2);
    let mut unanswered = refused_ago(UNANSWERED, 180).work;
    restart_lookup(&mut unanswered);
    assert_eq!(unanswered.open.refusal, None);
}

#[test]
fn a_doubtful_row_that_is_refused_is_not_failed_before_its_first_send_is_settled() {
    let refused = |seconds| with(doubtful(seconds), |t| t.work.open.refusal = Some(refusal("27002")));
    check_ask(
        refused(5),
        Outcome::Done(DomainStatus::Free),
        "in doubt, look up about 27002; settles in 175 s",
    );
    check_ask(refused(180), Outcome::Done(DomainStatus::Free), "failed 27002; settled");
    check_ask(
        with(refused(180), |t| t.lookup_tries = LOOKUP_TRIES - 1),
        no_answer("503".into()),
        "unresolved unanswered; settled",
    );
}

/// A row whose first send was `doubt` seconds before this run began by the wall clock, and its last `sent` seconds.
fn of_an_earlier_run(doubt: i64, sent: i64, next_step: NextStep) -> Task {
    let before = |seconds: i64| Some(by_wall(BEGUN_MS - seconds * 1000));
    let work = fresh().work;
    let open = OpenStep { in_doubt_since: before(doubt), next_step, ..work.open.clone() };
    let work = Work { open, last_sent_at: before(sent), ..work };
    Task::new(work, Step::Create, &start())
}

#[test]
fn what_an_earlier_run_left_open_is_repeated_while_that_is_safe() {
    let check = |task: Task, expected: (NextStep, u64)| {
        let (step, wait) = first_step(&task, &POLICY, *BEGUN);
        assert_eq!((step, wait.as_secs()), expected);
    };
    check(fresh(), (NextStep::Create, 0));
    check(of_an_earlier_run(60, 0, NextStep::Create), (NextStep::Create, 0));
    check(of_an_earlier_run(3600, 0, NextStep::Create), (NextStep::LookUp, 180));
    check(of_an_earlier_run(60, 60, NextStep::LookUp), (NextStep::LookUp, 120));
    let refused = |w: &mut Task| w.work.open.refusal = Some(refusal("27002"));
    check(with(of_an_earlier_run(60, 60, NextStep::LookUp), refused), (NextStep::LookUp, 0));
    // Found, and its last send is still open.
    check(found(of_an_earlier_run(60, 60, NextStep::Create)), (NextStep::Create, 0));
    check(found(of_an_earlier_run(3600, 60, NextStep::Create)), (NextStep::LookUp, 0));
    // The clock went back: an age that makes no sense counts as too old for a retry, and as too young to trust a
    // lookup.
    check(of_an_earlier_run(-60, -60, NextStep::Create), (NextStep::LookUp, 180));
    check(of_an_earlier_run(-60, -60, NextStep::LookUp), (NextStep::LookUp, 180));
}

#[test]
fn a_send_of_an_earlier_run_does_not_age_by_the_wall_clock_only() {
    let check = |seconds, expected: &str| {
        let at = VerdictContext { now: *BEGUN + Duration::from_secs(seconds), ..circumstances() };
        for day in [-86400, 0, 86400] {
            let task = of_an_earlier_run(day, day, NextStep::LookUp);
            assert_eq!(
                words(&after_lookup(&task, Outcome::Done(DomainStatus::Free), &at)),
                expected,
                "{day}"
            );
        }
    };
    check(5, "in doubt, look up; settles in 175 s");
    check(180, "in doubt, create; after 0 s");
}
