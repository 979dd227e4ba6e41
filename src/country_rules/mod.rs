//! Fetches the live country rules from Partner Center, and caches them between runs.
//!
//! Rules are stored as the service sent them, so that a later version of the program can read more from them. The
//! module `validation` applies the rules; there they override the built-in rules.

mod cache;
mod named;
mod update;

pub(crate) use cache::{Cache, Contents, Update};
pub(crate) use named::NamedCountries;
pub(crate) use update::{UpdateError, update};
