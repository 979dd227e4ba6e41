//! How each state of a row is shown: its meaning in words, and the part of a stacked bar that it is counted in.

use serde::Serializer;

use crate::ledger::{RowCounts, State};

/// A name with its colour on a light page, as `0xRRGGBB`; a dark page has its own in `page.css`.
pub(super) type Swatch = (&'static str, u32);

const OPEN: Swatch = ("open", 0x8A919C);

/// The one table of them. History is in no bar.
const fn shown(state: State) -> (&'static str, Option<Swatch>) {
    match state {
        State::Created => ("created by us", Some(("created", 0x0B7A5B))),
        State::Existing => ("were our customers already", Some(("existing", 0x2F6DB5))),
        State::Failed => ("refused by Partner Center", Some(("failed", 0xC4432B))),
        State::Rejected => ("failed validation, never sent", Some(("rejected", 0xB07A0A))),
        State::Unresolved => ("may have been created; asking did not tell", Some(("unresolved", 0x8E4A9E))),
        State::InFlight => ("sent, outcome not known yet", Some(OPEN)),
        State::Pending => ("waiting to be sent", Some(OPEN)),
        State::Superseded => ("replaced by corrected rows, or let go unsent", None),
        State::Recorded => ("the service has the agreement", None),
        State::Withdrawn => ("let go unsent", None),
    }
}

pub(crate) fn meaning(state: State) -> &'static str {
    shown(state).0
}

/// The name of its part of a bar, or its own.
pub(super) fn swatch(state: State) -> &'static str {
    shown(state).1.map_or(state.name(), |(name, _)| name)
}

/// The parts of a stacked bar in the order in which they stand, as a legend names them.
pub(super) fn stack() -> Vec<Swatch> {
    let mut parts: Vec<Swatch> = State::OF_ROWS.into_iter().filter_map(|state| shown(state).1).collect();
    parts.dedup();
    parts
}

/// The numbers of a bar, in the order of [`stack`].
pub(super) fn stacked(rows: &RowCounts) -> Vec<u64> {
    stack().into_iter().map(|part| rows.sum(|state| shown(state).1 == Some(part))).collect()
}

/// The states of rows that a submission brought to an end, with how many are in each.
pub(super) fn settled(rows: &RowCounts) -> impl Iterator<Item = (&'static str, u64)> {
    State::OF_ROWS.into_iter().filter(|state| state.is_settled()).map(|state| (state.name(), rows.of(state)))
}

/// As fields of the object that the counts are in.
pub(super) fn settled_as_json<S: Serializer>(rows: &RowCounts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settled(rows))
}
