//! Every rule about rows that are imported again, as a row of a table.

use serde_json::json;

use super::*;
use crate::ledger::RowId;

const LINE: u64 = 9;

/// A good row without an agreement.
const GOOD: IncomingRow<'_> = IncomingRow {
    line: LINE,
    domain: "a.onmicrosoft.com",
    domain_column: "Domain",
    is_good: true,
    has_agreement: false,
    customer: None,
    was_sent: false,
};
const WRONG: IncomingRow<'_> = IncomingRow { is_good: false, ..GOOD };

/// Row 5 of the ledger, from an earlier reading.
fn row(state: State, same_content: bool) -> KnownRow {
    KnownRow::new(RowId(5), state, same_content)
}

/// A replaced row, and the row that has replaced it.
fn replaced_by(by: i64, row: i64) -> Option<ReplacedRow> {
    Some(ReplacedRow { row: RowId(row), by: RowId(by), may_be_taken_back: true })
}

fn standing(known: KnownRow) -> KnownRows {
    KnownRows { standing: Some(known), ..KnownRows::default() }
}

/// A decision in a few words.
fn describe(decision: &Decision) -> String {
    match decision {
        Decision::Known { row, change, adopts } => {
            let adopts = if *adopts { ", adopted" } else { "" };
            format!("row {row}: {change:?}{adopts}")
        }
        Decision::New { stands, problem, replaces } => {
            let replaces: String = replaces.iter().map(|row| format!(" for {row}")).collect();
            let stands = if *stands { "stands" } else { "stands for nothing" };
            let problem =
                problem.as_ref().map(|it| format!(": {} {}", it.rule, it.message)).unwrap_or_default();
            format!("new, {stands}{replaces}{problem}")
        }
    }
}

#[track_caller]
fn check(coming: &IncomingRow<'_>, known: KnownRows, retry_failed: bool, expected: &str) {
    assert_eq!(describe(&decide(coming, known, retry_failed)), expected);
}

#[test]
fn a_row_of_which_nothing_is_known_is_new() {
    check(&GOOD, KnownRows::default(), false, "new, stands");
    check(&WRONG, KnownRows::default(), true, "new, stands");
}

/// State, then the decision: unchanged; unchanged and wrong; the same two with `--retry-failed`; changed.
const IMPORTED_AGAIN: &str = "
    created    row 5: Nothing | row 5: Ignored | row 5: Nothing | row 5: Ignored | row 5: Ignored
    existing   row 5: Nothing | row 5: Ignored | row 5: Nothing | row 5: Ignored | row 5: Ignored
    in_flight  row 5: Nothing | row 5: Nothing | row 5: Nothing | row 5: Nothing | row 5: Ignored
    unresolved row 5: Nothing | row 5: Nothing | row 5: Nothing | row 5: Nothing | row 5: Ignored
    pending    row 5: Nothing | row 5: Nothing | row 5: Nothing | row 5: Nothing | new, stands for 5
    failed     row 5: StillRefused(Failed) | row 5: StillRefused(Failed) | row 5: Retry | row 5: Nothing | new, stands for 5
    rejected   new, stands for 5 | row 5: StillRefused(Rejected) | new, stands for 5 | row 5: StillRefused(Rejected) | new, stands for 5
";

#[test]
fn a_row_that_is_imported_again() {
    let mut states = Vec::new();
    for line in IMPORTED_AGAIN.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (state, expected) = line.split_once(' ').unwrap();
        let state: State = state.parse().unwrap();
        states.push(state);
        let cases = [
            (GOOD, true, false),
            (WRONG, true, false),
            (GOOD, true, true),
            (WRONG, true, true),
            (GOOD, false, false),
        ];
        let found =
            cases.map(|(coming, same, retry)| describe(&decide(&coming, standing(row(state, same)), retry)));
        let expected: Vec<&str> = expected.split('|').map(str::trim).collect();
        assert_eq!(found.to_vec(), expected, "{state}");
    }
    // Superseded and declined rows are not current.
    assert_eq!(states.len(), State::OF_ROWS.len() - 2);
}

#[test]
fn a_declined_row_that_comes_again() {
    let declined = || KnownRows { declined: Some(RowId(8)), ..KnownRows::default() };
    check(&GOOD, declined(), false, "row 8: TakeUp");
    check(&WRONG, declined(), false, "new, stands");
    // Its domain has a current row meanwhile, or another row without a key has the same content.
    let created = standing(row(State::Created, false));
    check(&GOOD, KnownRows { declined: Some(RowId(8)), ..created }, false, "row 5: Ignored");
    let alike = Some(row(State::Rejected, true));
    check(&GOOD, KnownRows { alike, ..declined() }, false, "new, stands for 5");
    // A correction was declined, or its original: the correction counts.
    check(&GOOD, KnownRows { replaced: replaced_by(6, 9), ..declined() }, false, "row 9: Outdated");
    let named = Some(KnownRow { row: RowId(7), ..row(State::Failed, false) });
    check(&GOOD, KnownRows { named, ..declined() }, false, "new, stands for 7");
}

#[test]
fn refused_and_rejected_rows_that_are_no_better_than_they_were() {
    let burned = || KnownRow { is_burned: true, ..row(State::Failed, true) };
    check(&GOOD, standing(burned()), true, "row 5: Burned");
    check(&GOOD, standing(burned()), false, "row 5: Burned");
    check(&WRONG, standing(burned()), false, "row 5: Burned");
    check(&WRONG, standing(burned()), true, "row 5: Nothing");
    // This rule is checked with the whole file.
    let mixed =
        |same| KnownRow { error_code: Some(MIXED_RESELLERS.to_owned()), ..row(State::Rejected, same) };
    check(&GOOD, standing(mixed(true)), false, "row 5: Nothing");
    check(&GOOD, standing(mixed(false)), false, "new, stands for 5");
    // What made it wrong may have been found by comparing cells that are erased.
    let erased = |same| KnownRow { is_erased: true, is_acknowledged: true, ..row(State::Rejected, same) };
    check(&GOOD, standing(erased(true)), true, "row 5: Acknowledged");
    check(&GOOD, standing(erased(false)), false, "new, stands for 5");
}

#[test]
fn an_erased_row_comes_back_only_if_it_is_not_acknowledged_any_more() {
    let erased = |state| KnownRow { is_erased: true, ..row(state, true) };
    check(&GOOD, standing(erased(State::Failed)), false, "row 5: StillRefused(Failed)");
    check(&GOOD, standing(erased(State::Failed)), true, "row 5: Retry");
    check(&GOOD, standing(erased(State::Rejected)), false, "new, stands for 5");
    check(&WRONG, standing(erased(State::Rejected)), false, "new, stands for 5");
    let mixed = KnownRow { error_code: Some(MIXED_RESELLERS.to_owned()), ..erased(State::Rejected) };
    check(&GOOD, standing(mixed), false, "new, stands for 5");
    check(&GOOD, standing(erased(State::Unresolved)), false, "row 5: BringBack");
    check(&WRONG, standing(erased(State::Unresolved)), false, "row 5: Nothing");
    for (state, decision) in
        [(State::Failed, "Nothing"), (State::Rejected, "Acknowledged"), (State::Unresolved, "Nothing")]
    {
        let acknowledged = KnownRow { is_acknowledged: true, ..erased(state) };
        check(&GOOD, standing(acknowledged), true, &format!("row 5: {decision}"));
    }
}

#[test]
fn an_acknowledged_row_is_retried_only_by_name() {
    let acknowledged = |state, same| KnownRow { is_acknowledged: true, ..row(state, same) };
    check(&GOOD, standing(acknowledged(State::Failed, true)), true, "row 5: Nothing");
    check(&WRONG, standing(acknowledged(State::Rejected, true)), false, "row 5: Acknowledged");
    // A changed row is another matter, and so is a rejected one that is valid now.
    check(&GOOD, standing(acknowledged(State::Failed, false)), false, "new, stands for 5");
    check(&GOOD, standing(acknowledged(State::Rejected, true)), false, "new, stands for 5");
}

#[test]
fn a_row_of_an_unfinished_file_moves_to_the_file_that_brings_it_again() {
    for state in [State::Pending, State::Created, State::Failed, State::InFlight] {
        let unfinished = KnownRow { is_unfinished: true, ..row(state, true) };
        check(&GOOD, standing(unfinished), false, "row 5: Nothing, adopted");
    }
}

#[test]
fn a_domain_twice() {
    let met = |same| KnownRow { met_on: Some(3), ..row(State::Pending, same) };
    // Counted as an equal duplicate, because the row was met before.
    check(&GOOD, standing(met(true)), false, "row 5: Nothing");
    let problem = "duplicate_domain the domain `a.onmicrosoft.com` is already on line 3";
    let again = format!("new, stands for nothing: {problem}, with other values");
    check(&GOOD, standing(met(false)), false, &again);
    check(&WRONG, standing(met(false)), true, &again);
    // Whatever the state of the earlier row is now.
    let created = KnownRow { state: State::Created, ..met(false) };
    check(&GOOD, standing(created), false, &again);
    // The files of one run count as one.
    let elsewhere = || KnownRow { elsewhere: Some((3, "b.csv".to_owned())), ..row(State::Pending, false) };
    let there = format!("new, stands for nothing: {problem} of `b.csv`, with other values");
    check(&GOOD, standing(elsewhere()), false, &there);
    // A customer of an earlier run: a later list of this one may bring its agreement.
    let customer = KnownRow { state: State::Created, ..elsewhere() };
    check(&GOOD, standing(customer), false, "row 5: Ignored");
    let another = KnownAcceptance {
        id: 4,
        state: State::Pending,
        same_content: false,
        is_unfinished: false,
        is_acknowledged: false,
    };
    let customer = || KnownRow { state: State::Created, acceptance: Some(another), ..elsewhere() };
    check(&IncomingRow { has_agreement: true, ..GOOD }, standing(customer()), false, &there);
    check(&GOOD, standing(customer()), false, "row 5: Ignored");
    // The same wrong row again is not a second error.
    let alike = || Some(KnownRow { row: RowId(6), ..row(State::Rejected, true) });
    check(&GOOD, KnownRows { alike: alike(), ..standing(met(false)) }, false, "row 6: Nothing");
    check(&GOOD, KnownRows { alike: alike(), ..standing(elsewhere()) }, false, "row 6: Nothing");
    let left_half_read = alike().map(|alike| KnownRow { is_unfinished: true, ..alike });
    check(
        &GOOD,
        KnownRows { alike: left_half_read, ..standing(met(false)) },
        false,
        "row 6: Nothing, adopted",
    );
}

#[test]
fn a_rejected_row_without_a_key_is_recognized_by_its_content() {
    let alike = |met_on| KnownRows {
        alike: Some(KnownRow { met_on, ..row(State::Rejected, true) }),
        ..KnownRows::default()
    };
    check(&WRONG, alike(None), false, "row 5: StillRefused(Rejected)");
    check(&WRONG, alike(Some(3)), false, "row 5: Nothing");
    // The row that it repeated is gone.
    check(&GOOD, alike(None), false, "new, stands for 5");
}

#[test]
fn a_row_that_names_the_one_that_it_corrects() {
    let named = |state, same| Some(KnownRow { row: RowId(7), ..row(state, same) });
    let known = |named| KnownRows { named, ..KnownRows::default() };
    // Whatever else has changed, including the domain.
    check(&GOOD, known(named(State::Failed, false)), false, "new, stands for 7");
    check(&GOOD, known(named(State::Rejected, false)), false, "new, stands for 7");
    check(&GOOD, known(named(State::Pending, false)), false, "new, stands for 7");
    for not_to_be_corrected in [State::Superseded, State::Declined] {
        check(&GOOD, known(named(not_to_be_corrected, false)), false, "new, stands");
    }
    // A restored copy holds it back. Its lost ledger has refused it, or may have sent it.
    let held = |is_unclear| {
        named(State::Pending, false).map(|named| KnownRow { is_unclear, is_held: true, ..named })
    };
    for is_unclear in [false, true] {
        check(&GOOD, known(held(is_unclear)), false, "new, stands for 7");
        let was_sent = IncomingRow { was_sent: true, ..GOOD };
        check(&was_sent, known(held(is_unclear)), false, "row 7: Ignored");
    }
    // Another line of this run has corrected it already.
    let again =
        || named(State::Pending, false).map(|it| KnownRow { is_replacement: true, met_on: Some(3), ..it });
    let problem = "new, stands for nothing: changed_cell corrects a row for which row 7 was read just before; a row can be \
                   corrected only once";
    check(&GOOD, known(again()), false, problem);
    check(&GOOD, KnownRows { named: again(), ..standing(row(State::Failed, false)) }, false, problem);
    check(&IncomingRow { domain: "", ..WRONG }, known(again()), false, problem);
    // Or an earlier list of this run.
    let in_another_list = || {
        let elsewhere = Some((3, "b.csv".to_owned()));
        named(State::Pending, false).map(|it| KnownRow { is_replacement: true, elsewhere, ..it })
    };
    check(&GOOD, known(in_another_list()), false, "row 7: Ignored");
    check(&IncomingRow { domain: "", ..WRONG }, known(in_another_list()), false, "row 7: Ignored");
    // It was rejected as a second correction. With the first one it is replaced; or it comes too late.
    let rejected = || standing(row(State::Rejected, true));
    let failed = || named(State::Failed, false);
    check(&GOOD, KnownRows { named: failed(), ..rejected() }, false, "new, stands for 5 for 7");
    check(&GOOD, KnownRows { named: named(State::Created, false), ..rejected() }, false, "row 7: Ignored");
    let alike = Some(row(State::Rejected, true));
    check(&GOOD, KnownRows { alike, ..known(failed()) }, false, "new, stands for 5 for 7");
    // What it was to correct is not in its own export.
    let lost = || KnownRow { corrects_unknown: true, ..row(State::Rejected, true) };
    let exported = KnownRows { named: Some(lost()), ..standing(lost()) };
    check(&GOOD, exported, true, "row 5: StillRefused(Rejected)");
    let changed = || KnownRow { same_content: false, ..lost() };
    let problem = "new, stands for nothing for 5: changed_cell is an export of row 5, which was to correct another row; it does \
                   not say which one";
    check(&GOOD, KnownRows { named: Some(changed()), ..standing(changed()) }, false, problem);
    check(&GOOD, known(Some(changed())), false, problem);
    let alike = Some(row(State::Rejected, true));
    check(&GOOD, KnownRows { alike, ..known(Some(changed())) }, false, "row 5: StillRefused(Rejected)");
    // A first correction that was refused may be followed by another one.
    let refused = named(State::Failed, false).map(|it| KnownRow {
        is_replacement: true,
        elsewhere: Some((3, "b.csv".to_owned())),
        ..it
    });
    check(&GOOD, known(refused), false, "new, stands for 7");
    // It would be a second customer beside the one that there is, or may be.
    let unclear = named(State::Pending, false).map(|named| KnownRow { is_unclear: true, ..named });
    check(&GOOD, known(unclear), false, "row 7: Ignored");
    for state in [State::InFlight, State::Created, State::Existing, State::Unresolved] {
        check(&GOOD, known(named(state, false)), false, "row 7: Ignored");
        let other = KnownRows { named: named(state, false), ..standing(row(State::Failed, false)) };
        check(&GOOD, other, false, "row 7: Ignored");
        let beside = KnownRows { named: named(state, false), ..standing(row(State::Created, false)) };
        check(&GOOD, beside, false, "row 5: Ignored");
    }
    check(&IncomingRow { domain: "", ..WRONG }, known(named(State::Created, false)), false, "row 7: Ignored");
    // The domain has another current row: that one counts.
    let beside = |state, same| KnownRows { named: named(State::Failed, false), ..standing(row(state, same)) };
    check(&GOOD, beside(State::Created, false), false, "row 5: Ignored");
    check(&GOOD, beside(State::Failed, true), false, "row 5: StillRefused(Failed)");
    let other = |state| {
        let problem =
            "duplicate_domain `a.onmicrosoft.com` is the domain of another row of the ledger, row 5, which";
        format!("new, stands for nothing for 7: {problem} is {state}")
    };
    check(&GOOD, beside(State::Failed, false), false, &other("failed"));
    check(&GOOD, beside(State::Pending, false), false, &other("pending"));
    let of_this_run = KnownRow { elsewhere: Some((3, "b.csv".to_owned())), ..row(State::Failed, false) };
    let of_this_run = KnownRows { named: named(State::Failed, false), ..standing(of_this_run) };
    check(&GOOD, of_this_run, false, &other("failed"));
}

#[test]
fn a_pending_row_that_may_have_been_sent_stays_as_it_was() {
    check(&GOOD, standing(row(State::Pending, false)), false, "new, stands for 5");
    let unclear = KnownRow { is_unclear: true, ..row(State::Pending, false) };
    check(&GOOD, standing(unclear), true, "row 5: Ignored");
    let held = KnownRow { is_held: true, ..row(State::Pending, false) };
    check(&GOOD, standing(held), true, "row 5: Ignored");
}

#[test]
fn an_exported_row_that_comes_back_as_it_went() {
    let named = |met_on| Some(KnownRow { met_on, ..row(State::Failed, true) });
    for retry_failed in [false, true] {
        let expected = if retry_failed { "row 5: Retry" } else { "row 5: StillRefused(Failed)" };
        let (alone, standing) = (KnownRows::default(), standing(row(State::Failed, true)));
        check(&GOOD, KnownRows { named: named(None), ..alone }, retry_failed, expected);
        check(&GOOD, KnownRows { named: named(None), ..standing }, retry_failed, expected);
    }
    // A row without a domain, and another one like it.
    let other = Some(KnownRow { row: RowId(6), ..row(State::Rejected, true) });
    let rejected = Some(row(State::Rejected, true));
    check(
        &WRONG,
        KnownRows { named: rejected, alike: other, ..KnownRows::default() },
        false,
        "row 6: StillRefused(Rejected)",
    );
}

#[test]
fn a_file_does_not_undo_the_correction_of_its_row() {
    let replaced = |known| KnownRows { replaced: replaced_by(6, 8), ..known };
    check(&GOOD, replaced(KnownRows::default()), false, "row 8: Outdated");
    for state in State::OF_ROWS.into_iter().filter(|state| !state.is_history()) {
        check(&GOOD, replaced(standing(row(state, false))), false, "row 8: Outdated");
    }
    // Its correction waits under the same domain, and this list has brought it; or it comes from the same run.
    let taken_back = |standing_row| KnownRows {
        replaced: Some(ReplacedRow { row: RowId(8), by: RowId(5), may_be_taken_back: true }),
        ..standing(standing_row)
    };
    check(&GOOD, taken_back(row(State::Pending, false)), false, "new, stands for 5");
    check(&GOOD, taken_back(row(State::Failed, false)), false, "row 8: Outdated");
    let in_another_list = KnownRow { elsewhere: Some((3, "b.csv".to_owned())), ..row(State::Pending, false) };
    check(&GOOD, taken_back(in_another_list), false, "row 8: Outdated");
    // A row that names another one is itself a correction.
    let named = Some(KnownRow { row: RowId(7), ..row(State::Failed, false) });
    check(&GOOD, replaced(KnownRows { named, ..KnownRows::default() }), false, "new, stands for 7");
    // The correction is in the same file.
    let met = KnownRow { met_on: Some(3), ..row(State::Failed, false) };
    assert!(describe(&decide(&GOOD, replaced(standing(met)), false)).contains("duplicate_domain"));
}

fn customer(company: &str, reseller: Option<u128>) -> Customer {
    let mut customer = json!({
        "company_name": company, "domain": "a.onmicrosoft.com", "email": "a@example.com", "culture": "en-US",
        "language": "en", "first_name": "A", "last_name": "B", "address_line1": "1", "country": "US",
        "enable_gdap_by_default": true,
    });
    if let Some(reseller) = reseller {
        customer["associated_partner_id"] = json!(uuid::Uuid::from_u128(reseller));
    }
    serde_json::from_value(customer).unwrap()
}

/// A row of a created customer, with the current acceptance 4.
fn created(same_row: bool, acceptance: Option<(State, bool)>) -> KnownRow {
    KnownRow {
        acceptance: acceptance.map(|(state, same_content)| KnownAcceptance {
            id: 4,
            state,
            same_content,
            is_unfinished: false,
            is_acknowledged: false,
        }),
        sent: Some(SentCustomer::Known(Box::new(customer("Contoso", Some(1))))),
        ..row(State::Created, same_row)
    }
}

#[test]
fn the_acceptance_of_a_customer_that_exists() {
    use State::{Failed, InFlight, Pending, Recorded, Rejected, Withdrawn};
    let sent = customer("Contoso", Some(1));
    let accepts = IncomingRow { has_agreement: true, customer: Some(&sent), ..GOOD };
    let wrongly = IncomingRow { is_good: false, has_agreement: false, ..accepts };
    let check = |coming: &IncomingRow<'_>, same_row, acceptance, retry, expected: &str| {
        check(coming, standing(created(same_row, acceptance)), retry, &format!("row 5: {expected}"));
    };
    let instead = "Accept { instead_of: Some(4) }";
    // The first acceptance, good or wrong.
    check(&accepts, false, None, false, "Accept { instead_of: None }");
    check(&wrongly, false, None, false, "Accept { instead_of: None }");
    check(&GOOD, false, None, false, "Ignored");
    // Imported again: good, wrong, and good with `--retry-failed`.
    for (state, expected) in [
        (Pending, ["Nothing", "Nothing", "Nothing"]),
        (InFlight, ["Nothing", "Nothing", "Nothing"]),
        (Recorded, ["Nothing", "Nothing", "Nothing"]),
        (Failed, ["Nothing", "Nothing", instead]),
        (Rejected, [instead, "Nothing", instead]),
        (Withdrawn, ["Nothing", "Nothing", "Nothing"]),
    ] {
        for same_row in [false, true] {
            check(&accepts, same_row, Some((state, true)), false, expected[0]);
            check(&wrongly, same_row, Some((state, true)), true, expected[1]);
            check(&accepts, same_row, Some((state, true)), true, expected[2]);
        }
    }
    // Another acceptance, and no acceptance any more.
    for (state, another, none) in [
        (Pending, instead, "Ignored"),
        (InFlight, "Ignored", "Ignored"),
        (Recorded, "Ignored", "Ignored"),
        (Failed, instead, "Ignored"),
        (Rejected, instead, "WithdrawAcceptance"),
        (Withdrawn, "Ignored", "Ignored"),
    ] {
        check(&accepts, false, Some((state, false)), false, another);
        check(&GOOD, false, Some((state, false)), false, none);
    }
}

#[test]
fn an_acceptance_that_was_corrected_since_and_what_else_a_row_may_say() {
    use State::{Failed, Recorded};
    let sent = customer("Contoso", Some(1));
    let accepts = IncomingRow { has_agreement: true, customer: Some(&sent), ..GOOD };
    // The row as it was sent, without an acceptance: it has nothing new.
    check(&GOOD, standing(created(true, Some((Recorded, false)))), false, "row 5: Nothing");
    let corrected = |state| KnownRow { was_accepted_so: true, ..created(false, Some((state, false))) };
    check(&accepts, standing(corrected(Recorded)), false, "row 5: Nothing");
    check(&accepts, standing(corrected(Failed)), false, "row 5: Nothing");
    // If a retry is requested, the content of the file counts.
    check(&accepts, standing(corrected(Failed)), true, "row 5: Accept { instead_of: Some(4) }");
    // If the reseller is left out, the one that was sent counts; nothing else may change.
    for (now, expected) in [
        (customer("Contoso", None), "row 5: Accept { instead_of: None }"),
        (customer("Contoso", Some(2)), "row 5: Ignored"),
        (customer("Fabrikam", Some(1)), "row 5: Ignored"),
    ] {
        let accepts = IncomingRow { customer: Some(&now), ..accepts };
        check(&accepts, standing(created(false, None)), false, expected);
    }
    // A stored customer that cannot be parsed cannot be compared.
    let unreadable = KnownRow { sent: None, ..created(false, None) };
    check(&accepts, standing(unreadable), false, "row 5: Ignored");
    // The agreement is not the only error.
    let wrong = IncomingRow { is_good: false, has_agreement: false, customer: None, ..accepts };
    check(&wrong, standing(created(false, None)), false, "row 5: Ignored");
    let acceptance = KnownAcceptance {
        id: 4,
        state: Recorded,
        same_content: true,
        is_unfinished: true,
        is_acknowledged: false,
    };
    let unfinished = KnownRow { acceptance: Some(acceptance), ..created(true, None) };
    check(&accepts, standing(unfinished), false, "row 5: AdoptAcceptance(4)");
}

/// What is recognized outside the ledger's own thread is what that thread would leave alone.
#[test]
fn a_customer_that_exists_and_comes_as_it_went() {
    for has_agreement in [false, true] {
        for is_accepted in [false, true] {
            let coming = IncomingRow { has_agreement, ..GOOD };
            let nothing = Decision::Known { row: RowId(5), change: Change::Nothing, adopts: false };
            let is_left_alone = [State::Created, State::Existing].into_iter().all(|state| {
                let acceptance = created(true, is_accepted.then_some((State::Recorded, true))).acceptance;
                let known = KnownRow { acceptance, ..row(state, true) };
                decide(&coming, standing(known), false) == nothing
            });
            let known = KnownCustomer { row: RowId(5), is_accepted };
            assert_eq!(is_final(has_agreement, known), is_left_alone, "{has_agreement} {is_accepted}");
        }
    }
}

#[test]
fn rows_without_a_reseller_in_a_file_with_resellers() {
    for (has_resellers, has_direct, allow_direct, expected) in [
        (true, true, false, true),
        (true, true, true, false),
        (true, false, false, false),
        (false, true, false, false),
    ] {
        assert_eq!(are_mixed(has_resellers, has_direct, allow_direct), expected);
    }
}

const NOTHING_ODD: RetryContext =
    RetryContext { cannot_be_validated: false, is_from_before: false, takes_burned: false, is_mixed: false };

#[track_caller]
fn check_kept(
    coming: &IncomingRow<'_>,
    own: KnownRow,
    kept: RetryContext,
    expected: Result<&str, SkipReason>,
) {
    let known = KnownRows { named: Some(own), ..KnownRows::default() };
    let decision = decide_kept(coming, known, kept).map(|decision| describe(&decision));
    assert_eq!(decision, expected.map(str::to_owned));
}

#[test]
fn stored_rows_are_retried() {
    let (failed, rejected) = (|same| row(State::Failed, same), |same| row(State::Rejected, same));
    let replaced = Ok("new, stands for 5");
    check_kept(&GOOD, failed(true), NOTHING_ODD, Ok("row 5: Retry"));
    check_kept(&GOOD, failed(false), NOTHING_ODD, Err(SkipReason::Changed));
    check_kept(&GOOD, rejected(true), NOTHING_ODD, replaced);
    check_kept(&GOOD, rejected(false), NOTHING_ODD, replaced);
    for own in [failed, rejected] {
        check_kept(&WRONG, own(true), NOTHING_ODD, Err(SkipReason::Wrong));
        let beyond_judging = RetryContext { cannot_be_validated: true, ..NOTHING_ODD };
        check_kept(&GOOD, own(true), beyond_judging, Err(SkipReason::Wrong));
        let from_before = RetryContext { is_from_before: true, ..NOTHING_ODD };
        check_kept(&GOOD, own(true), from_before, Err(SkipReason::FromBefore));
    }
    let burned = || KnownRow { is_burned: true, ..failed(true) };
    check_kept(&GOOD, burned(), NOTHING_ODD, Err(SkipReason::Burned));
    check_kept(&GOOD, burned(), RetryContext { takes_burned: true, ..NOTHING_ODD }, Ok("row 5: Retry"));
    let mixed = RetryContext { is_mixed: true, ..NOTHING_ODD };
    check_kept(&GOOD, rejected(true), mixed, Err(SkipReason::Direct));
    check_kept(&GOOD, failed(true), mixed, Ok("row 5: Retry"));
    for state in [State::Pending, State::InFlight, State::Unresolved, State::Superseded] {
        check_kept(&GOOD, row(state, true), NOTHING_ODD, Err(SkipReason::SpokenFor));
    }
}

#[test]
fn a_stored_row_is_not_retried_if_its_domain_has_another_row() {
    let beside = |standing| KnownRows { named: Some(row(State::Rejected, true)), ..standing };
    let other = KnownRow { row: RowId(6), ..row(State::Created, false) };
    assert_eq!(decide_kept(&GOOD, beside(standing(other)), NOTHING_ODD), Err(SkipReason::SpokenFor));
    let itself = decide_kept(&GOOD, beside(standing(row(State::Rejected, true))), NOTHING_ODD);
    assert_eq!(itself.map(|decision| describe(&decision)), Ok("new, stands for 5".to_owned()));
}

#[test]
fn a_refused_acceptance_is_retried() {
    use State::{Failed, Rejected};
    let sent = customer("Contoso", Some(1));
    let accepts = IncomingRow { has_agreement: true, customer: Some(&sent), ..GOOD };
    for state in [Failed, Rejected] {
        for same in [true, false] {
            let own = created(true, Some((state, same)));
            check_kept(&accepts, own, NOTHING_ODD, Ok("row 5: Accept { instead_of: Some(4) }"));
        }
    }
    check_kept(&WRONG, created(true, Some((Failed, true))), NOTHING_ODD, Err(SkipReason::Wrong));
}

#[test]
fn a_row_that_was_corrected_under_another_domain_is_no_new_customer() {
    let corrected = || KnownRows { corrected: Some(RowId(9)), ..KnownRows::default() };
    check(&GOOD, corrected(), false, "row 9: Ignored");
    check(&WRONG, corrected(), false, "row 9: Ignored");
    let named = Some(KnownRow { row: RowId(7), ..row(State::Failed, false) });
    check(&GOOD, KnownRows { named, ..corrected() }, false, "new, stands for 7");
    check(
        &GOOD,
        KnownRows { corrected: Some(RowId(9)), ..standing(row(State::Failed, false)) },
        false,
        "new, stands for 5",
    );
}
