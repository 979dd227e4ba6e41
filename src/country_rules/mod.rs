//! The live country rules: which countries files name, what Partner Center says about each, and a cache of that
//! between runs.
//!
//! A country's rules are kept as the service sent them, so that a later program can read more in them than this one.
//! How rows are judged by them is left to `validation`; there they win over what is built in.

mod cache;
mod named;
mod update;

pub(crate) use cache::{Cache, Contents, Update};
pub(crate) use named::NamedCountries;
pub(crate) use update::{UpdateError, update};
