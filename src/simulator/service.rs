//! The simulated service without a connection: it answers requests of its own process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use tower_service::Service as _;

use super::delivery::Withheld;
use super::effect::{Acceptance, Creation};
use super::faults::ScriptedFault;
use super::request_log::RequestRecord;
use super::routes;
use super::scenario::Config;
use super::simulation::{Simulation, lock};

/// The simulated service.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) simulation: Arc<Simulation>,
    pub(super) router: Router,
}

/// A fault withheld the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The connection ends.
    Dropped,
    /// Every connection ends, and no new one is accepted for this long.
    Gone(Duration),
    /// The connection stays open until the client gives up.
    Stalled,
}

impl Service {
    /// The service with the effects in the state file of `config`.
    ///
    /// # Errors
    /// The state file cannot be opened, is in use or is damaged.
    pub fn new(config: &Config) -> io::Result<Service> {
        let simulation = Arc::new(Simulation::new(config)?);
        Ok(Service { router: routes::service(Arc::clone(&simulation)), simulation })
    }

    /// Answers a request. The body of the response may end with an error, or come slowly.
    ///
    /// # Errors
    /// A fault withheld the response.
    pub async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        let Ok(response) = self.router.clone().call(request).await;
        match response.extensions().get::<Withheld>() {
            None => Ok(response),
            Some(Withheld::Dropped) => Err(Unanswered::Dropped),
            Some(Withheld::Gone(span)) => Err(Unanswered::Gone(*span)),
            Some(Withheld::Stalled) => Err(Unanswered::Stalled),
        }
    }

    /// Every create that took effect, oldest first, including those of earlier runs with the same state file.
    pub fn creations(&self) -> Vec<Creation> {
        lock(&self.simulation.directory).creations()
    }

    /// Every recorded acceptance of an agreement, oldest first, including those of earlier runs with the same state
    /// file.
    pub fn acceptances(&self) -> Vec<Acceptance> {
        lock(&self.simulation.directory).acceptances.clone()
    }

    /// Every request since the start, in order of arrival; at most the newest 200,000.
    pub fn requests(&self) -> Vec<RequestRecord> {
        lock(&self.simulation.requests).all()
    }

    /// Adds a fault to the script.
    pub fn script(&self, fault: ScriptedFault) {
        lock(&self.simulation.gate).faults.script(fault);
    }

    /// Removes all scripted faults that have not struck yet.
    pub fn end_script(&self) {
        lock(&self.simulation.gate).faults.replace_script(Vec::new());
    }
}
