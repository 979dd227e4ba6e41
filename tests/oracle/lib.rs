//! What must hold after every life of the program, judged from outside: the ledger through its views, beside what the
//! service has done and what it was sent. The storm, the suite and runs outside of both are held to the same promises.
//!
//! [`promises`] compares a ledger with the service, [`life`] what a ledger was before a life with what it is after it.
//!
//! ```text
//! cargo run -p tenantry-oracle --example judge -- ledger.db ledger.db.simulator passwords.csv
//! ```
//!
//! judges a ledger, the journal of its simulator, and what `tenantry credentials` wrote.

mod ledger;
pub mod life;
pub mod promises;

use tenantry_simulator::{Acceptance, Creation, Operation};

pub use ledger::{Attempt, Ledger, Row};

/// A promise that was broken, in words.
pub type Broken = String;

/// What the service has done, and what it was sent.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pub creations: Vec<Creation>,
    pub acceptances: Vec<Acceptance>,
    /// Of requests that have an effect; may be left out.
    pub arrived: Vec<Arrived>,
    /// A repeated create is answered with the password again.
    pub replays_passwords: bool,
}

/// A request as it arrived at the service.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub operation: Operation,
    pub request_id: String,
    pub correlation_id: String,
}

macro_rules! ensure {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(format!($($words)*));
        }
    };
}
use ensure;
