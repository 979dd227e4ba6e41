//! The states of a step, and the one table of their legal changes.
//!
//! What happened to a step ([`StepEvent`]) and the resulting state ([`State`]) are two types, connected by [`next`].
//! Every write of a state goes through [`next`], so a broken promise of our own code stops the run and is not stored.
//! The table of states is in the [parent module](super).

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;
use strum::VariantArray as _;

use super::{NextStep, Operation};

/// The two things that the service does for a row, one after the other. Each has its state, request id and attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Create the customer. Its state is the row's.
    Create,
    /// Record the acceptance of the Microsoft Customer Agreement for an existing customer.
    Agreement,
}

/// The state of a step, spelled as in the product contract.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum State {
    /// Failed validation; never sent.
    Rejected,
    /// Valid and durable, with a request id; nothing has been done under that id.
    Pending,
    /// May have been sent; its outcome is not known yet.
    InFlight,
    /// Created by one of our sends; ids and sealed credentials are durable.
    Created,
    /// Was already our customer; there are no credentials.
    Existing,
    /// The service definitely refused it; nothing was created, or the customer exists without its agreement.
    Failed,
    /// May have been created; the lookups did not settle it.
    Unresolved,
    /// Failed or rejected, and replaced by a corrected row; kept as history unless the correction is discarded.
    Superseded,
    /// Never sent: the operator said no, or its list no longer contains it. Pending again if it comes again.
    Declined,
    /// The service has the agreement.
    Recorded,
    /// An agreement that was discarded unsent: the operator declined it, or its file no longer contains it.
    Withdrawn,
}

impl State {
    /// The states of a row, which are those of its create, in the order in which summaries list them.
    pub const OF_ROWS: [State; 9] = [
        State::Created,
        State::Existing,
        State::Failed,
        State::Rejected,
        State::Unresolved,
        State::InFlight,
        State::Pending,
        State::Declined,
        State::Superseded,
    ];

    /// The name in the ledger, in JSON and on the screen.
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// What states have in common, for the queries, the decisions and the reports, which treat several states alike.
    const fn traits(self) -> &'static [Trait] {
        match self {
            State::Rejected => &[Trait::Refused, Trait::NeedsAttention],
            State::Pending => &[Trait::Open],
            State::InFlight => &[Trait::Open, Trait::InDoubt],
            State::Created | State::Existing => &[Trait::Customer, Trait::Settled],
            State::Failed => &[Trait::Refused, Trait::NeedsAttention, Trait::Settled],
            State::Unresolved => &[Trait::InDoubt, Trait::NeedsAttention, Trait::Settled],
            State::Superseded | State::Declined | State::Withdrawn => &[Trait::History],
            State::Recorded => &[],
        }
    }

    /// The next run sends it, or looks it up.
    pub fn is_open(self) -> bool {
        self.traits().contains(&Trait::Open)
    }

    /// It may have been sent, and its outcome is not known.
    pub fn is_in_doubt(self) -> bool {
        self.traits().contains(&Trait::InDoubt)
    }

    /// The customer exists, and is ours.
    pub fn is_customer(self) -> bool {
        self.traits().contains(&Trait::Customer)
    }

    /// It was refused, by validation or by the service. A correction may replace it.
    pub fn is_refused(self) -> bool {
        self.traits().contains(&Trait::Refused)
    }

    /// An operator has to correct it, or to find out more about it.
    pub fn needs_attention(self) -> bool {
        self.traits().contains(&Trait::NeedsAttention)
    }

    /// A submission brought it to this state, and the next submission does not change it.
    pub fn is_settled(self) -> bool {
        self.traits().contains(&Trait::Settled)
    }

    /// It no longer counts: a corrected row replaced it, or it was discarded.
    pub fn is_history(self) -> bool {
        self.traits().contains(&Trait::History)
    }

    /// The states for which `is` is true, as a list in SQL.
    pub(crate) fn sql_list(is: fn(State) -> bool) -> String {
        let states = State::VARIANTS.iter().filter(|it| is(**it));
        states.map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ")
    }
}

/// What several states have in common. Each trait has a method of [`State`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trait {
    Open,
    InDoubt,
    Customer,
    Refused,
    NeedsAttention,
    Settled,
    History,
}

/// Stores values of these types by name.
macro_rules! stored_by_name {
    ($($name:ty),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(<&str>::from(self).into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(FromSqlError::other)
            }
        }
    )*};
}

stored_by_name!(State, NextStep, Operation);

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepEvent {
    /// It is about to be sent under its request id.
    Intended,
    /// Definite: nothing was done, and no earlier send under the request id is in doubt.
    NothingDone,
    /// No verdict, or none that could settle it: it stays open.
    StillOpen,
    /// The customer was created by one of our sends.
    Created,
    /// The service has the agreement.
    Recorded,
    /// Found among our customers, but none of our sends could have created it.
    FoundExisting,
    /// Definitely refused, and none of our sends is in doubt.
    Refused,
    /// The lookups did not settle it.
    LookedUpInVain,
    /// Found wrong in combination with other rows of its file, before anything was sent; or wrong again, because its
    /// correction was discarded.
    Rejected,
    /// An operator retries a refused row, other rows of its file no longer make it wrong, a list brings a declined row
    /// again, or the correction of a row that a restored copy holds back was discarded.
    TakenUp,
    /// The operator did not agree to retry a refused row, or to send its correction: it is refused again.
    TakenBack,
    /// A corrected row, or acceptance, replaces it.
    Replaced,
    /// It is not to be sent: the operator declined it, or its file no longer contains it.
    Discarded,
}

/// A change of state that our own code must never request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} that is {from} cannot take the event {event:?}", match kind { StepKind::Create => "a row", StepKind::Agreement => "an agreement" })]
pub struct IllegalTransition {
    kind: StepKind,
    from: State,
    event: StepEvent,
}

/// The state after `event`, or an error if the event is illegal for a step of this kind in state `from`. Every legal
/// change is listed here.
///
/// Invariant: `created`, `existing`, `recorded` and `withdrawn` are final. A row that may have been sent leaves
/// `in_flight` and `unresolved` only by a verdict, never to a state from which it could be sent again on a guess. A
/// replaced agreement keeps its state: it is current again if its replacement is discarded.
pub(super) const fn next(kind: StepKind, from: State, event: StepEvent) -> Result<State, IllegalTransition> {
    use {State as S, StepEvent as E, StepKind as K};
    Ok(match (kind, from, event) {
        (_, S::Pending, E::Intended) => S::InFlight,
        (_, S::InFlight, E::Intended | E::StillOpen) => S::InFlight,
        // A step may end before its intent.
        (_, S::InFlight | S::Pending, E::NothingDone) => S::Pending,
        (_, S::InFlight, E::Refused) => S::Failed,

        (K::Create, S::InFlight | S::Unresolved, E::Created) => S::Created,
        (K::Create, S::InFlight | S::Unresolved, E::FoundExisting) => S::Existing,
        (K::Create, S::InFlight | S::Unresolved, E::LookedUpInVain) => S::Unresolved,
        (K::Create, S::Unresolved, E::Refused) => S::Failed,
        // `reconcile` looked it up again: it is open again, and the next run may send it again under its own id.
        (K::Create, S::Unresolved, E::StillOpen) => S::InFlight,
        (K::Create, S::Pending | S::Superseded, E::Rejected) => S::Rejected,
        (K::Create, S::Pending | S::Superseded, E::TakenBack) => S::Failed,
        (K::Create, S::Failed | S::Rejected | S::Declined | S::Superseded, E::TakenUp) => S::Pending,
        (K::Create, S::Pending | S::Failed | S::Rejected, E::Replaced) => S::Superseded,
        (K::Create, S::Pending | S::Rejected, E::Discarded) => S::Declined,

        (K::Agreement, S::InFlight, E::Recorded) => S::Recorded,
        (K::Agreement, S::Pending | S::Failed | S::Rejected, E::Replaced) => from,
        (K::Agreement, S::Pending | S::Rejected, E::Discarded) => S::Withdrawn,

        _ => return Err(IllegalTransition { kind, from, event }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line per state, one column per event, `-` if the event is illegal.
    const OF_CREATES: &str = "
                 Intended   NothingDone  StillOpen  Created  Recorded  FoundExisting  Refused  LookedUpInVain  Rejected  TakenUp  TakenBack  Replaced    Discarded
    rejected     -          -            -          -        -         -              -        -            -         pending  -          superseded  declined
    pending      in_flight  pending      -          -        -         -              -        -            rejected  -        failed     superseded  declined
    in_flight    in_flight  pending      in_flight  created  -         existing       failed   unresolved   -         -        -          -           -
    created      -          -            -          -        -         -              -        -            -         -        -          -           -
    existing     -          -            -          -        -         -              -        -            -         -        -          -           -
    failed       -          -            -          -        -         -              -        -            -         pending  -          superseded  -
    unresolved   -          -            in_flight  created  -         existing       failed   unresolved   -         -        -          -           -
    superseded   -          -            -          -        -         -              -        -            rejected  pending  failed     -           -
    declined     -          -            -          -        -         -              -        -            -         pending  -          -           -
    ";

    const OF_AGREEMENTS: &str = "
                 Intended   NothingDone  StillOpen  Created  Recorded  FoundExisting  Refused  LookedUpInVain  Rejected  TakenUp  TakenBack  Replaced  Discarded
    rejected     -          -            -          -        -         -              -        -            -         -        -          rejected    withdrawn
    pending      in_flight  pending      -          -        -         -              -        -            -         -        -          pending     withdrawn
    in_flight    in_flight  pending      in_flight  -        recorded  -              failed   -            -         -        -          -           -
    recorded     -          -            -          -        -         -              -        -            -         -        -          -           -
    failed       -          -            -          -        -         -              -        -            -         -        -          failed      -
    withdrawn    -          -            -          -        -         -              -        -            -         -        -          -           -
    ";

    const EVENTS: [StepEvent; 13] = [
        StepEvent::Intended,
        StepEvent::NothingDone,
        StepEvent::StillOpen,
        StepEvent::Created,
        StepEvent::Recorded,
        StepEvent::FoundExisting,
        StepEvent::Refused,
        StepEvent::LookedUpInVain,
        StepEvent::Rejected,
        StepEvent::TakenUp,
        StepEvent::TakenBack,
        StepEvent::Replaced,
        StepEvent::Discarded,
    ];

    #[test]
    fn every_transition_is_as_in_the_table() {
        for (kind, table, states) in
            [(StepKind::Create, OF_CREATES, 9), (StepKind::Agreement, OF_AGREEMENTS, 6)]
        {
            let mut lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
            let events: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
            assert_eq!(events, EVENTS.map(|event| format!("{event:?}")));
            let mut seen = 0;
            for line in lines {
                let mut words = line.split_whitespace();
                let from: State = words.next().unwrap().parse().unwrap();
                for (event, expected) in EVENTS.into_iter().zip(words) {
                    let actual = next(kind, from, event).map_or_else(|_| "-".to_owned(), |s| s.to_string());
                    assert_eq!(actual, expected, "{kind:?} that is {from} after {event:?}");
                    seen += 1;
                }
            }
            assert_eq!(seen, states * EVENTS.len());
        }
    }

    #[test]
    fn every_state_is_one_of_rows_or_of_agreements_alone() {
        for state in State::VARIANTS {
            let of_agreements = matches!(state, State::Recorded | State::Withdrawn);
            assert_ne!(State::OF_ROWS.contains(state), of_agreements, "{state}");
        }
    }

    #[test]
    fn names_survive_a_round_trip() {
        for state in State::VARIANTS {
            assert_eq!(state.name().parse::<State>().unwrap(), *state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert!("done".parse::<State>().is_err());
    }

    #[test]
    fn states_are_listed_for_sql_as_they_are_declared() {
        assert_eq!(State::sql_list(State::is_open), "'pending', 'in_flight'");
        assert_eq!(State::sql_list(State::is_customer), "'created', 'existing'");
        assert_eq!(State::sql_list(State::needs_attention), "'rejected', 'failed', 'unresolved'");
    }
}
