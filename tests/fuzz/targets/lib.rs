//! The fuzzed functions, with the names of their folders in `corpus`.

mod input;
pub mod list;
pub mod service;

pub use list::{reader, rows, stored};
pub use service::{answers, retry_after, sign_in};
