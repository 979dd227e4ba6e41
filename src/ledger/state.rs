//! The states of a row and the one place that knows which change of state is legal.
//!
//! What happened to a row ([`Event`]) and what it adds up to ([`State`]) are two types, joined by [`next`]. Every
//! write of a state goes through it, so a broken promise of our own code stops the run instead of being stored.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// Where a row stands, spelled as in the product contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    /// Failed validation; never sent.
    Rejected,
    /// Valid and durable, has its request id, nothing has been done under it.
    Pending,
    /// May have been sent; its outcome is not known yet.
    InFlight,
    /// Created by us; ids and sealed credentials are durable.
    Created,
    /// Was already our customer; there are no credentials.
    Existing,
    /// The service definitely refused it; nothing was created.
    Failed,
    /// May have been created, and asking did not settle it.
    Unresolved,
    /// Replaced by a corrected row; kept as history.
    Superseded,
}

impl State {
    /// Every state, in the order in which summaries list them.
    pub(crate) const ALL: [State; 8] = [
        State::Created,
        State::Existing,
        State::Failed,
        State::Rejected,
        State::Unresolved,
        State::InFlight,
        State::Pending,
        State::Superseded,
    ];

    /// The name in the ledger, in JSON and on the screen.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            State::Rejected => "rejected",
            State::Pending => "pending",
            State::InFlight => "in_flight",
            State::Created => "created",
            State::Existing => "existing",
            State::Failed => "failed",
            State::Unresolved => "unresolved",
            State::Superseded => "superseded",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The ledger holds a state that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown row state `{0}`")]
pub(crate) struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        State::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| UnknownState(name.to_owned()))
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A create is about to be sent under the row's request id.
    Intended,
    /// Definite: nothing was done, and no earlier send under the request id is in doubt.
    NothingDone,
    /// No verdict, or none that could settle the row: it stays owed.
    StillOpen,
    /// Created by a send of ours.
    Created,
    /// Found among our customers without a send of ours that could have made it.
    FoundExisting,
    /// Definitely refused, and nothing of ours is in doubt.
    Refused,
    /// Asking did not settle it.
    AskedInVain,
    /// Found wrong beside the other rows of its file, before anything was sent.
    Rejected,
    /// An operator takes a refused row up again, or its file is no longer what was wrong with it.
    TakenUp,
    /// Nobody agreed to take a refused row up again: its refusal stands.
    TakenBack,
    /// A corrected row stands for it from now on.
    Replaced,
}

impl Event {
    #[cfg(test)]
    const ALL: [Event; 11] = [
        Event::Intended,
        Event::NothingDone,
        Event::StillOpen,
        Event::Created,
        Event::FoundExisting,
        Event::Refused,
        Event::AskedInVain,
        Event::Rejected,
        Event::TakenUp,
        Event::TakenBack,
        Event::Replaced,
    ];
}

/// A change of state that our own code must never ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row that is {from} cannot take the event {event:?}")]
pub(crate) struct IllegalTransition {
    from: State,
    event: Event,
}

/// The state after `event`, or why that event cannot befall a row in state `from`.
///
/// Invariant: `created`, `existing` and `superseded` have no way out; a row that may have been sent leaves
/// `in_flight` and `unresolved` only by a verdict, never back to where it could be sent afresh on a guess.
pub(crate) const fn next(from: State, event: Event) -> Result<State, IllegalTransition> {
    let illegal = Err(IllegalTransition { from, event });
    match from {
        State::Pending => match event {
            Event::Intended => Ok(State::InFlight),
            Event::Rejected => Ok(State::Rejected),
            Event::TakenBack => Ok(State::Failed),
            Event::Replaced => Ok(State::Superseded),
            Event::NothingDone
            | Event::StillOpen
            | Event::Created
            | Event::FoundExisting
            | Event::Refused
            | Event::AskedInVain
            | Event::TakenUp => illegal,
        },
        State::InFlight => match event {
            Event::Intended | Event::StillOpen => Ok(State::InFlight),
            Event::NothingDone => Ok(State::Pending),
            Event::Created => Ok(State::Created),
            Event::FoundExisting => Ok(State::Existing),
            Event::Refused => Ok(State::Failed),
            Event::AskedInVain => Ok(State::Unresolved),
            Event::Rejected | Event::TakenUp | Event::TakenBack | Event::Replaced => illegal,
        },
        State::Unresolved => match event {
            // `reconcile` asked again: it is open once more, and the next run may repeat it under its own id.
            Event::StillOpen => Ok(State::InFlight),
            Event::Created => Ok(State::Created),
            Event::FoundExisting => Ok(State::Existing),
            Event::Refused => Ok(State::Failed),
            Event::AskedInVain => Ok(State::Unresolved),
            Event::Intended
            | Event::NothingDone
            | Event::Rejected
            | Event::TakenUp
            | Event::TakenBack
            | Event::Replaced => illegal,
        },
        State::Failed | State::Rejected => match event {
            Event::TakenUp => Ok(State::Pending),
            Event::Replaced => Ok(State::Superseded),
            Event::Intended
            | Event::NothingDone
            | Event::StillOpen
            | Event::Created
            | Event::FoundExisting
            | Event::Refused
            | Event::AskedInVain
            | Event::Rejected
            | Event::TakenBack => illegal,
        },
        State::Created | State::Existing | State::Superseded => illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a state, one column an event, `-` where the event is illegal.
    const TABLE: &str = "
                 Intended   NothingDone  StillOpen  Created  FoundExisting  Refused  AskedInVain  Rejected  TakenUp  TakenBack  Replaced
    rejected     -          -            -          -        -              -        -            -         pending  -          superseded
    pending      in_flight  -            -          -        -              -        -            rejected  -        failed     superseded
    in_flight    in_flight  pending      in_flight  created  existing       failed   unresolved   -         -        -          -
    created      -          -            -          -        -              -        -            -         -        -          -
    existing     -          -            -          -        -              -        -            -         -        -          -
    failed       -          -            -          -        -              -        -            -         pending  -          superseded
    unresolved   -          -            in_flight  created  existing       failed   unresolved   -         -        -          -
    superseded   -          -            -          -        -              -        -            -         -        -          -
    ";

    #[test]
    fn every_transition_is_as_in_the_table() {
        let mut lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
        let events: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let mut seen = 0;
        for line in lines {
            let mut words = line.split_whitespace();
            let from: State = words.next().unwrap().parse().unwrap();
            for (name, expected) in events.iter().zip(words) {
                let event = Event::ALL.into_iter().find(|e| format!("{e:?}") == *name).unwrap();
                let actual = next(from, event).map_or_else(|_| "-".to_owned(), |s| s.to_string());
                assert_eq!(actual, expected, "{from} after {event:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, State::ALL.len() * Event::ALL.len());
    }

    #[test]
    fn names_survive_a_round_trip() {
        for state in State::ALL {
            assert_eq!(state.name().parse::<State>().unwrap(), state);
        }
        assert!("done".parse::<State>().is_err());
    }
}
