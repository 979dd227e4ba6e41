//! A list of customers to judged rows: no SQL, no HTTP, and no runtime.
//!
//! ```text
//! FILE ─► reader ─► validation ─► a customer, or every problem of the row
//!            └── reading ──┘       on several threads, in the order of the file
//! ```
//!
//! | module | what it is |
//! | --- | --- |
//! | [`reader`] | CSV in any encoding, or a sheet of a workbook, to rows with their line |
//! | [`validation`] | the rules: pure, with their tables in `validation/data` |
//! | [`reading`] | a file read and judged on several cores |

pub mod reader;
pub mod reading;
pub mod validation;
