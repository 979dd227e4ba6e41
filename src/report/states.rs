//! Defines how each state of a row is shown: its meaning and its part of a stacked bar.

use serde::Serializer;

use super::summary::counted;
use super::toned::Tone;
use crate::ledger::{RowCounts, State};

/// A name with its colour on a light page, as `0xRRGGBB`; `page.css` defines the colours of a dark page.
pub(super) type Swatch = (&'static str, u32);

const OPEN: Swatch = ("open", 0x8A919C);

/// The table of all states. States of history rows are in no bar.
const fn shown(state: State) -> (&'static str, Option<Swatch>) {
    match state {
        State::Created => ("created by us", Some(("created", 0x0B7A5B))),
        State::Existing => ("were our customers already", Some(("existing", 0x2F6DB5))),
        State::Failed => ("refused by Partner Center", Some(("failed", 0xC4432B))),
        State::Rejected => ("failed validation, never sent", Some(("rejected", 0xB07A0A))),
        State::Unresolved => {
            ("may have been created; a lookup did not settle it", Some(("unresolved", 0x8E4A9E)))
        }
        State::InFlight => ("being sent, or sent without a known outcome", Some(OPEN)),
        State::Pending => ("waiting, not sent yet", Some(OPEN)),
        State::Superseded => ("replaced by corrected rows", None),
        State::Declined => ("not sent: you said no, or the list no longer contains them", None),
        State::Recorded => ("the service has the agreement", None),
        State::Withdrawn => ("discarded, never sent", None),
    }
}

/// The colour of the state on a terminal.
pub(super) const fn tone(state: State) -> Tone {
    match state {
        State::Created | State::Existing | State::Recorded => Tone::Good,
        State::Failed | State::Rejected => Tone::Bad,
        State::Unresolved => Tone::Doubtful,
        State::InFlight | State::Pending => Tone::Open,
        State::Superseded | State::Declined | State::Withdrawn => Tone::Faint,
    }
}

/// What the rows in a state are.
pub(crate) fn meaning(state: State) -> &'static str {
    shown(state).0
}

/// What the rows in a state are, and how many of them are acknowledged.
pub(super) fn describe(state: State, rows: &RowCounts) -> String {
    match acknowledged(state, rows) {
        None => meaning(state).to_owned(),
        Some(acknowledged) => format!("{}; {acknowledged}", meaning(state)),
    }
}

/// How many of the rows in a state are acknowledged; `None` if there are none.
pub(super) fn acknowledged(state: State, rows: &RowCounts) -> Option<String> {
    match (state, rows.acknowledged(state)) {
        (_, 0) => None,
        (State::Created, passwords) => Some(format!("{} acknowledged", counted(passwords, "lost password"))),
        (_, rows) => Some(format!("{rows} acknowledged")),
    }
}

/// The name of the state's part of a bar; the state's own name if it is in no bar.
pub(super) fn swatch(state: State) -> &'static str {
    shown(state).1.map_or(state.name(), |(name, _)| name)
}

/// The parts of a stacked bar, in stacking order, named as in a legend.
pub(super) fn stack() -> Vec<Swatch> {
    let mut parts: Vec<Swatch> = State::OF_ROWS.into_iter().filter_map(|state| shown(state).1).collect();
    parts.dedup();
    parts
}

/// The numbers of a bar, in the order of [`stack`].
pub(super) fn stacked(rows: &RowCounts) -> Vec<u64> {
    stack().into_iter().map(|part| rows.sum(|state| shown(state).1 == Some(part))).collect()
}

/// The states in which a row is settled, each with its number of rows.
pub(super) fn settled(rows: &RowCounts) -> impl Iterator<Item = (&'static str, u64)> {
    State::OF_ROWS.into_iter().filter(|state| state.is_settled()).map(|state| (state.name(), rows.of(state)))
}

/// Serializes the settled counts as fields of the surrounding object.
pub(super) fn settled_as_json<S: Serializer>(rows: &RowCounts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settled(rows))
}
