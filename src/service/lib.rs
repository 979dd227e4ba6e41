//! Calls Partner Center and its sign-in service over HTTP. Knows nothing of lists or the ledger.
//!
//! ```text
//! call ─► partner_center ─► transport ─► the service
//!   └───► auth ──────────────▲
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | [`call`] | sends every create and every lookup: gates, rate limit, token renewal, breaker |
//! | [`partner_center`] | builds the requests and interprets the answers; the only module that knows the API |
//! | [`auth`] | gets, renews and stores tokens |
//! | [`transport`] | connects through proxies and TLS, and explains network failures |
//! | [`backoff`] | computes the wait before a retry |

pub mod auth;
pub mod backoff;
pub mod call;
pub mod partner_center;
pub mod transport;
