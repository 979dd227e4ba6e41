//! Describes the plan of a run for people.

use super::input::describe_auto_mapped;
use crate::call::Rate;
use crate::intake::Changes;
use crate::ledger::{LedgerDoubles, SubmissionPlan};
use crate::printable::escape_for_terminal;
use crate::reader::MappedColumn;
use crate::report::{PushLine as _, counted, rough};

/// The maximum number of groups of country and reseller that are listed. A list of hundreds is not readable.
const GROUPS_LISTED: usize = 10;

/// The plan as text. `whom`: the partner and the service. `waiting`: the number of its rows left by earlier runs.
/// `changes`: how the rows that were read differ from what exports gave out. `auto_mapped`: the columns that
/// `--auto-map` took.
pub(super) fn describe(
    plan: &SubmissionPlan,
    waiting: u64,
    changes: &Changes,
    auto_mapped: &[MappedColumn],
    whom: &str,
    rate: Rate,
) -> String {
    let rows = plan.rows();
    let mut text = format!("{} will be created {whom}.\n", counted(rows, "customer"));
    for group in plan.groups.iter().take(GROUPS_LISTED) {
        let reseller = match &group.reseller {
            Some(id) => format!("reseller {id}"),
            None => "no reseller".to_owned(),
        };
        text.push_line(format_args!("  {:>9}  {}  {reseller}", group.rows, group.country));
    }
    if let Some(rest) = plan.groups.get(GROUPS_LISTED..).filter(|rest| !rest.is_empty()) {
        let rows: u64 = rest.iter().map(|group| group.rows).sum();
        text.push_line(format_args!("  {rows:>9}  in {}", counted(rest.len() as u64, "more group")));
    }
    if let Some(taken) = describe_auto_mapped(auto_mapped) {
        text.push_line(format_args!("{}.", escape_for_terminal(&taken)));
    }
    if waiting > 0 {
        text.push_line(format_args!("{waiting} of them waited from earlier runs."));
    }
    if let Some(changes) = changes.describe() {
        text.push_line(format_args!("{}", escape_for_terminal(&changes)));
    }
    if plan.doubles.rows > 0 {
        text.push_str(&describe_doubles(&plan.doubles));
    }
    if plan.doubles.erased > 0 {
        text.push_line(format_args!(
            "{} of the ledger could be compared with these rows by external id only: `tenantry forget` has erased their data.",
            counted(plan.doubles.erased, "customer")
        ));
    }
    if plan.agreements > 0 {
        text.push_line(format_args!(
            "{} of the customer agreement will be recorded, in the name of your company.",
            counted(plan.agreements, "acceptance")
        ));
    }
    if let Some(time) = rate.time_for(rows + plan.agreements).filter(|_| rows + plan.agreements > 0) {
        text.push_line(format_args!("At this rate it takes about {}.", rough(time)));
    }
    text
}

/// New rows that are probably customers already.
pub(super) fn describe_doubles(doubles: &LedgerDoubles) -> String {
    let verb = if doubles.rows == 1 { "looks like a customer" } else { "look like customers" };
    let named = doubles
        .first
        .iter()
        .map(|double| format!("  line {}: {} and {}\n", double.line, double.domain, double.known_domain));
    let more = doubles.rows - doubles.first.len() as u64;
    let more = (more > 0).then(|| format!("  and {}\n", counted(more, "more row")));
    let intro = format!(
        "{} {verb} that the ledger has under another domain (same external id, or same name and address):\n",
        counted(doubles.rows, "row")
    );
    std::iter::once(intro).chain(named).chain(more).collect()
}
