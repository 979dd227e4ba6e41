//! The topics of `tenantry help`: texts about more than one command.

use crate::problem::Rule;

/// The names of the topics.
pub(super) const NAMES: [&str; 2] = ["columns", "privacy"];

/// A topic, by its name.
pub(super) fn text(name: &str) -> Option<String> {
    match name {
        "columns" => Some(include_str!("topics/columns.md").replace("{rules}\n", &rules())),
        "privacy" => Some(include_str!("topics/privacy.md").to_owned()),
        _ => None,
    }
}

/// The rules for `--warn`, one line each.
fn rules() -> String {
    let doubts = Rule::ALL.iter().filter_map(|rule| Some((rule.name(), rule.doubt()?)));
    let width = doubts.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
    doubts.map(|(name, finds)| format!("  {name:width$}  {finds}\n")).collect()
}
