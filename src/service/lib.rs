//! Partner Center and its sign-in over HTTP: no list and no ledger.
//!
//! ```text
//! call ─► partner_center ─► transport ─► the service
//!   └───► auth ──────────────▲
//! ```
//!
//! | module | what it is |
//! | --- | --- |
//! | [`call`] | the one way out, for creates and for every question: gates, the rate, a renewed token, the breaker |
//! | [`partner_center`] | the only module that knows the API: requests, and what an answer means |
//! | [`auth`] | tokens, where they are kept, and how somebody signs in |
//! | [`transport`] | the way there through proxies and TLS, and what went wrong on it |
//! | [`backoff`] | how long to wait before something is tried again |

pub mod auth;
pub mod backoff;
pub mod call;
pub mod partner_center;
pub mod transport;
