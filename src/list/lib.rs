//! Turns a list of customers into validated rows, without SQL, HTTP or a runtime.
//!
//! ```text
//! FILE ─► reader ─► validation ─► a customer, or every problem of the row
//!            └── reading ──┘       on several threads, in the order of the file
//! ```
//!
//! | module | what it is |
//! | --- | --- |
//! | [`reader`] | turns CSV in any encoding, or a sheet of a workbook, into rows with their line |
//! | [`validation`] | the rules, as pure functions; their tables are in `validation/data` |
//! | [`reading`] | reads and validates a file on several cores |
//! | [`returned`] | compares rows that come back with what an export gave out |

pub mod reader;
pub mod reading;
pub mod returned;
pub mod validation;
