//! Shows everything about one row: what was read, every call with its ids, and the result.
//!
//! The output is suitable for a support ticket. The operator's values are shown as they were read; passwords are not
//! included.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::customer_facts::CustomerFacts;
use super::push_line::PushLine as _;
use super::summary::{hint, one_line};
use crate::clock;
use crate::ledger::{AttemptRecord, PasswordOpening, RowDetail, RowId, State};
use crate::partner_center::{codes, request_line};
use crate::printable::escape_for_terminal;

/// A row with its calls, and what is known of its password.
pub(crate) struct RowStory<'a> {
    pub(crate) row: &'a RowDetail,
    pub(crate) attempts: Vec<AttemptRecord>,
    /// The row whose answer contained a password for this row, if this row has none of its own.
    pub(crate) kept: Option<RowId>,
    /// When its own password was opened, oldest first.
    pub(crate) openings: Vec<PasswordOpening>,
}

/// The text for people.
pub(crate) fn detail_text(story: &RowStory<'_>) -> String {
    let RowStory { row, attempts, .. } = story;
    let mut text = String::new();
    let as_read = || CustomerFacts::of(row).domain.map(|domain| one_line(&domain));
    let domain = row.domain.clone().or_else(as_read).unwrap_or_else(|| "(no domain)".to_owned());
    let file = escape_for_terminal(&row.file);
    text.push_line(format_args!("{domain}: {} (row {}, {file} line {})", row.state, row.row, row.line));
    for (name, value) in facts(story) {
        if let Some(value) = value {
            text.push_line(format_args!("  {name:<16}{value}"));
        }
    }
    for problem in &row.problems {
        let severity = problem.severity.name();
        text.push_line(format_args!("  {severity}: {}", one_line(&problem.describe())));
        if let Some(remedy) = problem.remedy() {
            text.push_line(format_args!("      → {}", one_line(remedy)));
        }
    }
    for (index, attempt) in attempts.iter().enumerate() {
        let request = request_line(&attempt.operation).map(|it| format!(" ({it})")).unwrap_or_default();
        text.push_line(format_args!(
            "  call {} · run {} · {}{request}",
            index + 1,
            attempt.run,
            attempt.operation
        ));
        for (name, value) in [
            ("MS-RequestId", Some(attempt.request_id.to_string())),
            ("MS-CorrelationId", Some(attempt.correlation_id.to_string())),
            ("MS-CV", attempt.ms_cv.as_deref().map(one_line)),
            ("when", Some(when(attempt))),
            ("outcome", Some(outcome(attempt))),
        ] {
            if let Some(value) = value {
                text.push_line(format_args!("    {name:<18}{value}"));
            }
        }
    }
    text
}

/// The facts about a row, one line each; `None` if there is nothing to show.
fn facts(story: &RowStory<'_>) -> [(&'static str, Option<String>); 21] {
    let RowStory { row, kept, .. } = story;
    let customer = CustomerFacts::of(row);
    let brought = kept.map(|from| match from == row.row {
        true => "one came with an answer to it that belongs to another customer".to_owned(),
        false => format!("one for it came with the answer to row {from}"),
    });
    let code = row.error_code.as_deref();
    let status = row.error_status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    // Only an answer has a status. Without one, the words are those of this program.
    let said_by = if row.error_status.is_some() { "Microsoft says" } else { "reason" };
    [
        ("company", customer.company_name.as_deref().map(one_line)),
        ("country", customer.country.as_deref().map(one_line)),
        ("external id", customer.external_id.as_deref().map(one_line)),
        ("reseller", customer.associated_partner_id.as_deref().map(one_line)),
        ("personal data", row.erased_at.map(|erased| erased_words(erased, row))),
        ("read", Some(clock::local(row.made_at).to_string())),
        ("last change", Some(clock::local(row.changed_at).to_string())),
        ("customer id", row.customer_id.as_deref().map(one_line)),
        ("commerce id", row.commerce_id.as_deref().map(one_line)),
        ("user name", row.user_name.as_deref().map(one_line)),
        ("request id", row.request_id.as_deref().map(one_line)),
        ("password", row.customer_id.as_ref().map(|_| password_words(story))),
        ("", brought.map(|brought| format!("{brought} and is sealed in this ledger"))),
        ("error", code.map(|code| one_line(code) + &status)),
        (said_by, code.and(row.error_text.as_deref()).map(one_line)),
        // Of a replaced row, its replacement needs attention.
        (
            "what to do",
            code.filter(|_| !row.state.is_history())
                .map(|code| hint(code, row.state, row.domain_burned).to_owned()),
        ),
        ("acknowledged", row.acknowledged_at.map(|at| clock::local(at).to_string())),
        ("damaged", row.unreadable.clone()),
        ("domain", row.domain_burned.then(|| BURNED.to_owned())),
        ("replaced by", row.replaced_by.map(|by| format!("row {by}"))),
        ("agreement", agreement_words(row)),
    ]
}

fn erased_words(erased: Timestamp, row: &RowDetail) -> String {
    let again =
        if row.customer.is_some() { "; a list brought the customer again, with its agreement" } else { "" };
    format!("erased {} by `tenantry forget`{again}", clock::local(erased))
}

/// Company and country, as far as they are known.
pub(crate) fn company_words(row: &RowDetail) -> Option<String> {
    let customer = CustomerFacts::of(row);
    let country = customer.country.map(|country| format!(" ({})", one_line(&country))).unwrap_or_default();
    customer.company_name.map(|name| one_line(&name) + &country)
}

/// Where the password is, and who opened it.
fn password_words(story: &RowStory<'_>) -> String {
    let row = story.row;
    let opened: Vec<&PasswordOpening> = story.openings.iter().filter(|opening| opening.written).collect();
    let times = match (opened.len(), opened.last()) {
        (_, None) if story.openings.is_empty() => "never opened".to_owned(),
        (_, None) => "opened, but the output was not written: open it again".to_owned(),
        (times, Some(last)) => {
            let by = match last.opened_by.as_str() {
                "" => String::new(),
                name => format!(" by {}", one_line(name)),
            };
            match times {
                1 => format!("opened {}{by}", clock::local(last.opened_at)),
                _ => format!("opened {times} times, last {}{by}", clock::local(last.opened_at)),
            }
        }
    };
    match (row.has_credentials, row.password_erased_at, row.state) {
        (true, ..) => format!("sealed in this ledger; {times}"),
        (false, Some(erased), _) => format!("erased {} by `tenantry forget`; {times}", clock::local(erased)),
        (false, None, State::InFlight) => "not here yet: `tenantry resume` asks for it once more".to_owned(),
        (false, None, _) => "not here".to_owned(),
    }
}

const BURNED: &str = "the refusal left the domain taken: this row needs another one";

/// The JSON for scripts.
pub(crate) fn detail_json(story: &RowStory<'_>) -> Value {
    let RowStory { row, attempts, kept, openings } = story;
    let with_request = |attempt: &AttemptRecord| {
        let mut value = json!(attempt);
        value["request"] = json!(request_line(&attempt.operation));
        value
    };
    let agreement = row.agreement.as_ref().map(|it| {
        let error = refusal_json(&it.error_code, it.error_status, &it.error_text, codes::agreement_hint);
        json!({
            "state": it.state, "request_id": it.request_id, "error": error,
            "acknowledged_at": it.acknowledged_at,
        })
    });
    let hint = |code: &str| hint(code, row.state, row.domain_burned);
    let mut value = json!(row);
    let customer = CustomerFacts::of(row);
    for (name, fact) in [
        ("company_name", customer.company_name),
        ("country", customer.country),
        ("external_id", customer.external_id),
        ("reseller_id", customer.associated_partner_id),
    ] {
        value[name] = json!(fact);
    }
    value["password_came_with_row"] = json!(kept);
    value["password_openings"] = json!(openings);
    value["error"] = refusal_json(&row.error_code, row.error_status, &row.error_text, hint);
    value["agreement"] = json!(agreement);
    value["attempts"] = attempts.iter().map(with_request).collect();
    value
}

/// A refusal with what to do; `null` if there is none.
fn refusal_json(
    code: &Option<String>,
    status: Option<u16>,
    text: &Option<String>,
    hint: impl Fn(&str) -> &'static str,
) -> Value {
    let refusal = |code| json!({ "code": code, "status": status, "text": text, "hint": hint(code) });
    code.as_deref().map(refusal).unwrap_or_default()
}

/// The state of the agreement; `None` if the file contains no agreement, or the row will not become a customer.
fn agreement_words(row: &RowDetail) -> Option<String> {
    let Some(agreement) = &row.agreement else {
        row.customer.as_ref()?.get("agreement")?;
        return (row.state.is_open() || row.state.is_in_doubt())
            .then(|| "is recorded once the customer exists".to_owned());
    };
    Some(match (&agreement.error_code, &agreement.error_text) {
        (Some(code), text) => {
            let text = one_line(text.as_deref().unwrap_or_default());
            let (state, hint) = (agreement.state, codes::agreement_hint(code));
            let acknowledged = if agreement.acknowledged_at.is_some() { " (acknowledged)" } else { "" };
            format!("{state}{acknowledged}: {}, {text} → {hint}", one_line(code))
        }
        (None, _) => agreement.state.to_string(),
    })
}

fn when(attempt: &AttemptRecord) -> String {
    match (attempt.sent_at, attempt.finished_at) {
        (Some(sent), Some(finished)) => {
            let took = finished.duration_since(sent).as_millis();
            format!("sent {}, answered after {took} ms", clock::local(sent))
        }
        (None, Some(finished)) => format!("given up {}, never sent", clock::local(finished)),
        (_, None) => format!("decided {}", clock::local(attempt.intended_at)),
    }
}

fn outcome(attempt: &AttemptRecord) -> String {
    let mut words = match attempt.outcome.as_deref() {
        None => "under way".to_owned(),
        Some("interrupted") => "the program ended before the answer; it may have been sent".to_owned(),
        Some(outcome) => outcome.to_owned(),
    };
    if let Some(status) = attempt.status {
        write!(words, ", HTTP {status}").expect("writing to a String cannot fail");
    }
    for part in [&attempt.code, &attempt.text].into_iter().flatten() {
        write!(words, ", {}", one_line(part)).expect("writing to a String cannot fail");
    }
    words
}
