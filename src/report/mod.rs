//! Shows the contents of the ledger to people and scripts: one file per format.
//!
//! Everything here comes from ledger queries; nothing is counted a second time.

mod charts;
mod customer_facts;
mod export;
mod groups;
mod lines;
mod markdown;
mod next_steps;
mod overview;
mod page;
mod push_line;
mod row_detail;
mod row_list;
mod states;
mod summary;
mod table;
mod timeline;
mod toned;

pub(crate) use export::{ExportError, export};
pub(crate) use lines::on_lines;
pub(crate) use markdown::markdown;
pub(crate) use next_steps::{NextCommands, NextSteps};
pub(crate) use overview::{Overview, describe_end, run_json, scope_of};
pub(crate) use page::page;
pub(crate) use push_line::PushLine;
pub(crate) use row_detail::{RowStory, company_words, detail_json, detail_text};
pub(crate) use row_list::{RowFilter, ShownRows, details_of_named, each_listed, named_rows, write_list};
#[cfg(test)]
pub(crate) use states::meaning;
pub(crate) use summary::{
    Commands, LOST_PASSWORDS_NAMED, LedgerSummary, ResultFile, Summary, attention, counted, counted_with,
    lost_passwords, one_line, pretty, rough, spoken,
};
pub(crate) use table::{Cell, Column, Content, Format, Highlight, HighlightKind, Style, Table, TableError};
pub(crate) use toned::{Tone, Toned};
