//! The fuzzed functions, with the names of their folders in `corpus`.

mod input;
pub mod list;
pub mod proxies;
pub mod service;
pub mod workbooks;

pub use list::{reader, rows, stored};
pub use proxies::proxies;
pub use service::{answers, retry_after, sign_in};
pub use tenantry::fuzzed::{next_commands, settings, shells};
pub use workbooks::{tables, workbooks};
