//! Calls Partner Center: the only module that knows URLs, header names and body shapes.
//!
//! Each of the [`operations`] is a [`Request`], and [`Client`] sends it. Every answer, including a refusal, is an
//! [`Outcome`] and not an error; [`classify`] turns every reply into an outcome. [`wire`] has the bodies that the fact
//! book describes, and [`codes`] the known error codes. [`address`], [`agreement`] and [`answers`] each interpret the
//! answers to one kind of request.
//!
//! Other modules decide whether and when to send (`call`, `submitter`), and get the tokens (`auth`).
//!
//! # What is not documented
//!
//! The fact book lists what was searched for and not found (section 16). Nothing here depends on a guess about it:
//!
//! | unknown | how it is handled |
//! | --- | --- |
//! | how long a request id is remembered | `--idempotency-window`; after it, the row is looked up before anything is sent |
//! | what a replay answers | a 2xx with an id is `created`, with a clear warning if the password is missing; "taken" is looked up among our customers first |
//! | another body under the same id | never sent: a row's customer is fixed as long as its outcome is unknown |
//! | status and code of a taken domain | 409, or a text with "domain" and "already"; the lookup after every refusal decides |
//! | body of the 401 for MFA; status of codes 0 and 1002 | every body shape, code as number or text; these codes apply to every status |
//! | whether a refused create can still use up its domain, and why | one lookup after every refused create; such a domain is called burned |
//! | which names, lengths and e-mail addresses create accepts | warnings, which `--strict` makes errors; the service's own text is stored |
//! | registration numbers of each country | length and characters are warnings; the pattern in the text of 600050 is shown unchanged |
//! | states of CN and MX, languages | unlisted values are warnings; `rules update` fetches the service's own lists, which take precedence |
//! | create's own rate limit | `--rate`; 429 pauses all requests, and the rate climbs back |
//! | how long a create takes | `--timeout`; a create without an answer is retried under its id |
//! | how long a new customer stays invisible | `--settle-delay`; "not found" counts only after it |
//! | `tags`, `GenerateReadWriteConsistencyToken` | not sent |
//! | whether a create is answered with 200 or 202 | any other 2xx with an id is a success; 202, or no id, leads to a lookup |
//! | whether the filter finds a changed default domain | exact comparison; a domain that is taken and not found is never created again |
//! | largest page, default page | 500, which two official clients use; further pages are read |
//! | what happens to a deleted customer's domain, how DELETE is refused | nothing is ever deleted |
//! | what leaving out `enableGDAPByDefault` means | always sent |
//! | gzip, HTTP/2, `Retry-After` as a date | all three are supported |
//! | the error for a reseller without partnership | `check --online` checks it before a run; similar codes have hints; a run stops after five unknown 403s |
//! | which header reports MFA | `isMfaCompliant`; if it is missing, MFA is unknown and not refused |

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

/// The method and path of an operation, by its name in the ledger; for display and for Microsoft support.
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
