//! What the targets call, by the names of their folders in `corpus`.

pub mod list;

pub use list::{reader, rows, stored};
pub use tenantry::fuzzing::{answers, retry_after, sign_in};
