//! Partner Center over HTTP: the only module that knows URLs, header names and body shapes.
//!
//! [`Client`] has one method per operation. An answer, also a refusal, is an outcome and not an error:
//! [`classify`] turns whatever came back into one, and is total. [`wire`] has the bodies as the fact book gives
//! them; [`codes`] has what is known about each error code, as data.
//!
//! It leaves to others whether and when to send (`submitter`) and where tokens come from (`auth`).

mod agreement;
mod classify;
mod client;
pub(crate) mod codes;
mod retry_after;
#[cfg(test)]
mod samples;
mod wire;

pub(crate) use agreement::AgreementOutcome;
pub(crate) use classify::{Asked, CreateOutcome, ServiceError};
pub(crate) use client::{
    CallIds, Client, ClientError, ClientSettings, Exchange, Page, Trace, causes, http_client_builder,
    is_loopback,
};
pub(crate) use wire::NewTenant;
