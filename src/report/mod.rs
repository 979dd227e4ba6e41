//! What the ledger says, for people and for scripts: one file per form. Everything here is made from ledger
//! queries; nothing is counted anew.

mod csv_export;
mod formula;
mod story;
mod summary;

pub(crate) use csv_export::{ExportError, Style, csv_writer, export};
pub(crate) use formula::harmless;
pub(crate) use story::{story_json, story_text};
pub(crate) use summary::{LOST_PASSWORDS_NAMED, Standing, Summary, counted, lost_passwords, rough};
