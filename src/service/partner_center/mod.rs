//! Partner Center over HTTP: the only module that knows URLs, header names and body shapes.
//!
//! Each of the [`operations`] is a [`Request`], and [`Client`] sends it. An answer, also a refusal, is an [`Outcome`]
//! and not an error: [`classify`] turns whatever came back into one, and is total. [`wire`] has the bodies as the fact
//! book gives them; [`codes`] has what is known about each error code, as data; [`address`], [`agreement`] and [`answers`]
//! have what comes of one kind of request each.
//!
//! It leaves to others whether and when to send (`call`, `submitter`) and where tokens come from (`auth`).
//!
//! # What nobody has documented
//!
//! The fact book lists what was looked for and not found (section 16). Nothing here depends on a guess about it:
//!
//! | unknown | what covers it |
//! | --- | --- |
//! | how long a request id is remembered | `--idempotency-window`; older than that, the row is asked about before anything is sent |
//! | what a replay answers | a 2xx with an id is `created`, without a password said so loudly; "taken" is looked up among our customers first |
//! | another body under the same id | never sent: a row's customer is fixed as long as its outcome is unknown |
//! | status and code of a taken domain | 409, or a text with "domain" and "already"; the question after every refusal decides |
//! | body of the 401 for MFA; status of codes 0 and 1002 | every body shape, code as number or text; these codes count under any status |
//! | whether a refused create can still use up its domain, and why | one question after every refused create; such a domain is called burned |
//! | which names, lengths and e-mail addresses create takes | warnings, which `--strict` makes errors; the service's own text is kept |
//! | registration numbers of each country | length and characters are warnings; the pattern in the text of 600050 is shown as it came |
//! | states of CN and MX, languages | unlisted is a warning; `rules update` fetches the service's own lists, which win |
//! | create's own rate limit | `--rate`; 429 pauses everything, and the rate climbs back |
//! | how long a create takes | `--timeout`; a create without an answer is repeated under its id |
//! | how long a new customer stays invisible | `--settle-delay`; "not there" counts only after it |
//! | `tags`, `GenerateReadWriteConsistencyToken` | not sent |
//! | whether 200 or 202 comes for a create | any 2xx with an id is a success; 202, or none, is asked about |
//! | whether the filter sees a changed default domain | exact comparison; taken and not found is never created again |
//! | largest page, default page | 500, which two official clients use; pages are followed |
//! | what happens to a deleted customer's domain, how DELETE is refused | nothing is ever deleted |
//! | what leaving out `enableGDAPByDefault` means | always sent |
//! | gzip, HTTP/2, `Retry-After` as a date | all three are understood |
//! | the error for a reseller without partnership | `check --online` asks beforehand; the near codes have hints; an unknown 403 stops after five |
//! | which header tells of MFA | `isMfaCompliant`; where it is missing, MFA is unknown and not refused |

pub mod address;
pub mod agreement;
pub mod answers;
pub mod classify;
mod client;
pub mod codes;
pub mod operations;
mod outcome;
mod request;
pub mod retry_after;
#[cfg(test)]
mod tests;
mod trace;
mod wire;

pub use client::{Client, ClientSettings, Exchange};
pub use codes::Class;
pub use outcome::{CallError, Outcome, ServiceError, ServiceHealth};
pub use request::Request;
pub use trace::{CallIds, Trace};
pub use wire::{NewTenant, Page};

/// The method and path of a call, by the name that the ledger keeps it under; for people and for Microsoft support.
pub fn request_line(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "create" => "POST /v1/customers",
        "find_customer" => "GET /v1/customers",
        "check_domain" => "HEAD /v1/domains/{domain}",
        "find_agreement" => "GET /v1/agreements",
        "record_agreement" => "POST /v1/customers/{id}/agreements",
        _ => return None,
    })
}
