//! Decides what to do with a row of a list, for `import`, `check` and `retry`.
//!
//! Nothing is looked up or changed here. The caller passes the content of a row ([`IncomingRow`]) and what is known of
//! it ([`KnownRows`]), from the ledger or from a short memory of the files that are being checked. The ledger carries
//! the [`Decision`] out.
//!
//! The key of a row is its domain. The first row of a reading that has a domain becomes the current row of this domain.
//! A later row with the same domain is rejected with the first one's line, unless the two are equal. A row that is
//! known from an earlier reading is left unchanged if it was sent or may have been; if it was refused or never sent, a
//! changed row replaces it. A row that was discarded unsent is pending again if it comes as it was.

use super::cross_row::{MIXED_RESELLERS, corrected_again, domain_of_another_row, duplicate_domain, lost_row};
use crate::customer::Customer;
use crate::ledger::{
    Change, Decision, KnownAcceptance, KnownCustomer, KnownRow, KnownRows, ReplacedRow, RowId, SentCustomer,
    SkipReason, State,
};
use crate::problem::Problem;

/// The part of an incoming row that a decision needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IncomingRow<'a> {
    pub(crate) line: u64,
    /// Empty if it has none.
    pub(crate) domain: &'a str,
    /// The header name of the domain's column.
    pub(crate) domain_column: &'a str,
    /// None of its problems is an error.
    pub(crate) is_good: bool,
    /// It is good, and contains an acceptance of the agreement.
    pub(crate) has_agreement: bool,
    /// The customer without its agreement, if at most the agreement has errors.
    pub(crate) customer: Option<&'a Customer>,
    /// It comes from an export, which says that it was sent, and not refused.
    pub(crate) was_sent: bool,
}

impl IncomingRow<'_> {
    fn lacks_agreement(&self) -> bool {
        self.is_good && !self.has_agreement
    }
}

/// What to do with a row of a file. `retry_failed`: unchanged refused rows are retried, unless they are acknowledged.
pub(crate) fn decide(row: &IncomingRow<'_>, known: KnownRows, retry_failed: bool) -> Decision {
    let conflict = conflict_with_named(row, &known);
    let KnownRows { standing, named, alike, replaced, declined, corrected } = known;
    let named = named.filter(can_be_corrected);
    if let Some(named) = &named
        && named.same_content
        && named.met_on.is_none()
        && standing.as_ref().or(alike.as_ref()).is_none_or(|standing| standing.row == named.row)
    {
        // An exported row that was imported unchanged.
        let is_good = row.is_good && !named.corrects_unknown;
        return retried(&IncomingRow { is_good, ..*row }, named, retry_failed);
    }
    // `alike` is a rejected row without a key: its domain cell is invalid, or an earlier row had the domain.
    let standing_or_alike = standing.as_ref().or(alike.as_ref());
    if let (None, Some(replaced)) = (&named, replaced)
        && standing_or_alike.is_none_or(|standing| gives_way_to_a_correction(standing, &replaced))
    {
        return Decision::Known { row: replaced.row, change: Change::Outdated, adopts: false };
    }
    let names_another = (named.as_ref().zip(standing.as_ref()))
        .is_some_and(|(named, standing)| named.row != standing.row && standing.met_on.is_none());
    let equal = alike.as_ref().or(standing.as_ref().filter(|it| it.same_content));
    match (conflict, equal) {
        (Some(Conflict::Sent(row)), _) => {
            return Decision::Known { row, change: Change::Ignored, adopts: false };
        }
        (Some(Conflict::OtherRow(_) | Conflict::Again(_)), Some(alike)) => {
            return retried(&IncomingRow { is_good: false, ..*row }, alike, retry_failed);
        }
        // It was rejected because a row of another company has its domain, and that is a customer meanwhile.
        (None, Some(rejected)) if names_another && alike.is_some() => {
            return retried(&IncomingRow { is_good: false, ..*row }, rejected, retry_failed);
        }
        (Some(Conflict::OtherRow(problem)), None) => {
            let replaces = named.iter().map(|named| named.row).collect();
            return Decision::New { stands: false, problem: Some(problem), replaces };
        }
        (Some(Conflict::Again(problem)), None) => {
            return Decision::New { stands: false, problem: Some(problem), replaces: Vec::new() };
        }
        (None, _) => {}
    }
    match (standing_or_alike, named) {
        (Some(standing), named) => met_before(row, standing, alike.as_ref(), named.as_ref(), retry_failed),
        (None, Some(named)) => new_row(vec![named.row]),
        // In the list of before, its values have changed after it was corrected elsewhere.
        (None, None) if let Some(row) = corrected => {
            Decision::Known { row, change: Change::Ignored, adopts: false }
        }
        (None, None) => match declined.filter(|_| row.is_good) {
            Some(declined) => Decision::Known { row: declined, change: Change::TakeUp, adopts: false },
            None => new_row(Vec::new()),
        },
    }
}

/// Decides on a row whose domain or content the ledger has. `alike`: a rejected row without a key that has its content.
/// `named`: the row that the export corrects.
fn met_before(
    row: &IncomingRow<'_>,
    standing: &KnownRow,
    alike: Option<&KnownRow>,
    named: Option<&KnownRow>,
    retry_failed: bool,
) -> Decision {
    let named_before = match (standing.met_on, &standing.elsewhere) {
        _ if standing.same_content || standing.is_met_so => None,
        (Some(line), _) => Some((line, None)),
        // The files of one run count as one. What an earlier run has made a customer is not new in them.
        (None, Some((line, file)))
            if named.is_none() && (alike.is_some() || !may_come_again(row, standing)) =>
        {
            Some((*line, Some(file.as_str())))
        }
        (None, _) => None,
    };
    match (named_before, alike) {
        // The same wrong row again is not a second error.
        (Some(_), Some(alike)) => keep(alike, Change::Nothing),
        (Some((line, file)), None) => {
            let problem = duplicate_domain(row.line, row.domain_column, row.domain, line, file);
            // The row that it corrects would be corrected a second time beside it.
            let is_corrected = |named: &&KnownRow| {
                named.row != standing.row && named.met_on.is_none() && named.elsewhere.is_none()
            };
            let replaces = named.into_iter().filter(is_corrected).map(|named| named.row).collect();
            Decision::New { stands: false, problem: Some(problem), replaces }
        }
        (None, _) if standing.met_on.is_some() => keep(standing, Change::Nothing),
        // A row that cannot be corrected, because `forget` has erased it, is stored again.
        (None, None)
            if standing.state == State::Rejected && standing.is_erased && !standing.is_acknowledged =>
        {
            replace(standing)
        }
        (None, _) => {
            let mut decision = retried(row, standing, retry_failed);
            // The row that it corrects too, if a rejected row has its domain.
            if let (Decision::New { replaces, .. }, Some(named)) = (&mut decision, named)
                && !replaces.contains(&named.row)
            {
                replaces.push(named.row);
            }
            decision
        }
    }
}

/// Is it a customer of an earlier run, and brings the row no second acceptance?
fn may_come_again(row: &IncomingRow<'_>, standing: &KnownRow) -> bool {
    let is_other = |it: KnownAcceptance| it.state == State::Pending && !it.same_content;
    standing.state.is_customer() && !(row.has_agreement && standing.acceptance.is_some_and(is_other))
}

fn has_code(known: &KnownRow, code: &str) -> bool {
    known.error_code.as_deref() == Some(code)
}

/// Why an exported row whose domain is not the one of the row that it names does not simply replace that row.
enum Conflict {
    /// This row was sent, or may have been, or is about to be: the row would become a second customer of the same company.
    Sent(RowId),
    /// The domain is the one of another row, which it would replace too.
    OtherRow(Problem),
    /// This list has another correction of it.
    Again(Problem),
}

fn conflict_with_named(row: &IncomingRow<'_>, known: &KnownRows) -> Option<Conflict> {
    let named = known.named.as_ref()?;
    let standing = known.standing.as_ref();
    let (line, column, domain) = (row.line, row.domain_column, row.domain);
    // Its own export does not say either which row it corrects.
    if named.corrects_unknown && !named.same_content {
        return Some(Conflict::OtherRow(lost_row(line, column, domain, named.row)));
    }
    let is_settled = |it: &KnownRow| {
        it.row == named.row || it.met_on.is_some() || (it.same_content && it.state != State::Rejected)
    };
    if standing.is_some_and(is_settled) {
        return None;
    }
    // The last correction would replace the first one unsent. Those of an earlier list are ignored like what comes too
    // late: as rejected rows, they would look like other customers when they come again.
    if named.is_replacement && !named.state.is_refused() {
        if named.met_on.is_some() {
            return Some(Conflict::Again(corrected_again(line, column, domain, named.row)));
        }
        if named.elsewhere.is_some() {
            return Some(Conflict::Sent(named.row));
        }
    }
    let is_sent =
        |it: &KnownRow| it.state.is_customer() || it.state.is_in_doubt() || (it.is_unclear && !it.is_held);
    // What a restored copy holds back is asked about first if the lost ledger has sent it.
    let may_be_sent = named.is_held && row.was_sent;
    match standing {
        // Nothing is changed.
        Some(standing) if is_sent(standing) => None,
        _ if is_sent(named) || may_be_sent => Some(Conflict::Sent(named.row)),
        Some(standing) if can_be_corrected(named) && !standing.same_content => {
            let other = (standing.row, standing.state);
            Some(Conflict::OtherRow(domain_of_another_row(line, column, domain, other)))
        }
        _ => None,
    }
}

/// A row that an exported row names can be corrected if it was not sent, or was refused. A row that a restored copy
/// holds back may have been refused by the lost ledger, and the exported row may come from that ledger.
fn can_be_corrected(named: &KnownRow) -> bool {
    named.state.is_refused() || (named.state == State::Pending && (named.is_held || !named.is_unclear))
}

/// If the original file of a corrected row is imported again night after night, it must not undo the correction, whichever
/// row has its domain now. Only a correction under the same domain that waits can be taken back, because the row replaces
/// it then.
fn gives_way_to_a_correction(standing: &KnownRow, replaced: &ReplacedRow) -> bool {
    let is_taken_back = standing.state == State::Pending
        && standing.row == replaced.by
        && standing.elsewhere.is_none()
        && replaced.may_be_taken_back;
    !standing.same_content && standing.met_on.is_none() && !is_taken_back
}

/// Decides on a row that the ledger has from an earlier reading.
fn retried(row: &IncomingRow<'_>, known: &KnownRow, retry_failed: bool) -> Decision {
    let is_changed = !known.same_content;
    let may_be_retried = retry_failed && row.is_good;
    match known.state {
        state if state.is_customer() => keep(known, agreement(row, known, retry_failed)),
        // It was acknowledged before it was erased, and is not any more.
        state
            if state.is_in_doubt()
                && known.is_erased
                && !known.is_acknowledged
                && !is_changed
                && row.is_good =>
        {
            keep(known, Change::BringBack)
        }
        state if state.is_in_doubt() => {
            keep(known, if is_changed { Change::Ignored } else { Change::Nothing })
        }
        // It may have been created as it was.
        _ if is_changed && known.state == State::Pending && (known.is_held || known.is_unclear) => {
            keep(known, Change::Ignored)
        }
        state if state.is_history() => {
            unreachable!("a superseded or declined row has no key and cannot be corrected any more")
        }
        _ if is_changed => replace(known),
        State::Failed if known.is_acknowledged => keep(known, Change::Nothing),
        // `tenantry retry` leaves it alone, too.
        State::Failed if known.is_burned && (may_be_retried || !(retry_failed || known.is_unfinished)) => {
            keep(known, Change::Burned)
        }
        State::Failed if may_be_retried => keep(known, Change::Retry),
        // What made it wrong may have been found by comparing it with cells that are gone.
        State::Rejected if known.is_erased && known.is_acknowledged => keep(known, Change::Acknowledged),
        // This rule is checked with the whole file.
        State::Rejected if has_code(known, MIXED_RESELLERS) && !known.is_erased => {
            keep(known, Change::Nothing)
        }
        // The validity of a row can change although the row does not: the rules may have changed, or the row that it
        // repeated may be gone from the file.
        State::Rejected if row.is_good => replace(known),
        // It is wrong now.
        State::Failed if retry_failed => keep(known, Change::Nothing),
        state if state.is_refused() && !known.is_acknowledged && !known.is_unfinished => {
            keep(known, Change::StillRefused(state))
        }
        State::Rejected if known.is_acknowledged => keep(known, Change::Acknowledged),
        _ => keep(known, Change::Nothing),
    }
}

fn new_row(replaces: Vec<RowId>) -> Decision {
    Decision::New { stands: true, problem: None, replaces }
}

fn replace(known: &KnownRow) -> Decision {
    new_row(vec![known.row])
}

fn keep(known: &KnownRow, change: Change) -> Decision {
    Decision::Known { row: known.row, change, adopts: known.is_unfinished }
}

/// Decides on a row whose customer exists. Only its agreement can still change something.
fn agreement(row: &IncomingRow<'_>, known: &KnownRow, retry_failed: bool) -> Change {
    let retry_failed = retry_failed && !known.acceptance.is_some_and(|it| it.is_acknowledged);
    let lacks_agreement = row.lacks_agreement();
    let state = known.acceptance.map(|it| it.state);
    let instead_of = known.acceptance.map(|it| it.id);
    if let Some(KnownAcceptance { id, state, same_content: true, is_unfinished, .. }) = known.acceptance {
        // The validity of a rejected acceptance can change although the acceptance does not: the rules may have
        // changed.
        let is_to_be_tried = state == State::Rejected || (state == State::Failed && retry_failed);
        return match is_unfinished {
            _ if is_to_be_tried && row.is_good => Change::Accept { instead_of },
            true => Change::AdoptAcceptance(id),
            false => Change::Nothing,
        };
    }
    if state == Some(State::Rejected) && lacks_agreement {
        return Change::WithdrawAcceptance;
    }
    // If the original file of a corrected acceptance is imported again night after night, it must not undo the
    // correction. But if an operator requests a retry, the content of the file counts.
    let is_old = (known.same_content && lacks_agreement) || known.was_accepted_so;
    if is_old && !(retry_failed && state.is_some_and(State::is_refused)) {
        return Change::Nothing;
    }
    let may_change = state.is_none_or(|it| it == State::Pending || it.is_refused());
    if lacks_agreement || !may_change || !is_as_sent(row, known) {
        return Change::Ignored;
    }
    Change::Accept { instead_of }
}

/// Is everything except the agreement as it was sent? If the file has no reseller, the reseller that was sent counts.
/// Erased data cannot be compared: the acceptance counts for the customer of this domain.
fn is_as_sent(row: &IncomingRow<'_>, known: &KnownRow) -> bool {
    let (Some(sent), Some(now)) = (&known.sent, row.customer) else { return false };
    let SentCustomer::Known(sent) = sent else { return true };
    let now = Customer {
        agreement: sent.agreement.clone(),
        associated_partner_id: now.associated_partner_id.or(sent.associated_partner_id),
        ..now.clone()
    };
    **sent == now
}

/// Is there nothing to do about a good row with the content of a known customer, now and later? Unlike other rows of
/// customers, such a row can be recognized outside the ledger's own thread.
pub(crate) fn is_final(has_agreement: bool, known: KnownCustomer) -> bool {
    known.is_accepted || !has_agreement
}

/// Does a file mix rows with and without a reseller? Each row without one would silently become a customer of the
/// provider itself (fact book 4.2).
pub(crate) fn are_mixed(has_resellers: bool, has_direct: bool, allow_direct: bool) -> bool {
    has_resellers && has_direct && !allow_direct
}

/// What a decision needs to know about a stored row that was validated again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryContext {
    /// The stored row differs from the row in the file, so it cannot be validated without the file.
    pub(crate) cannot_be_validated: bool,
    /// It has been in its state since before the ledger was restored from a copy.
    pub(crate) is_from_before: bool,
    /// A burned domain is ignored.
    pub(crate) takes_burned: bool,
    /// Other rows of its file have a reseller, and it has none.
    pub(crate) is_mixed: bool,
}

/// Decides whether a refused or rejected row, or its refused acceptance, is retried without its file.
pub(crate) fn decide_kept(
    row: &IncomingRow<'_>,
    known: KnownRows,
    kept: RetryContext,
) -> Result<Decision, SkipReason> {
    let Some(mut own) = known.named else { return Err(SkipReason::SpokenFor) };
    if !row.is_good || kept.cannot_be_validated {
        return Err(SkipReason::Wrong);
    }
    if own.state.is_customer() {
        // The operator has selected it, acknowledged or not.
        own.acceptance = own.acceptance.map(|it| KnownAcceptance { is_acknowledged: false, ..it });
        return Ok(retried(row, &own, true));
    }
    if known.standing.is_some_and(|standing| standing.row != own.row) || !own.state.is_refused() {
        return Err(SkipReason::SpokenFor);
    }
    let is_refused = own.state == State::Failed;
    match kept {
        _ if is_refused && !own.same_content => Err(SkipReason::Changed),
        RetryContext { is_from_before: true, .. } => Err(SkipReason::FromBefore),
        RetryContext { takes_burned: false, .. } if own.is_burned => Err(SkipReason::Burned),
        // A row without a reseller was rejected for that, or would have been.
        RetryContext { is_mixed: true, .. } if !is_refused => Err(SkipReason::Direct),
        _ if is_refused => Ok(keep(&own, Change::Retry)),
        _ => Ok(replace(&own)),
    }
}

#[cfg(test)]
mod tests;
