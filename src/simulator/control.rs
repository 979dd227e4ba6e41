//! The control API under `/_simulator/`, for tests that run the simulator as a separate process.
//!
//! Its requests do not count against limits and are not affected by faults. The module doc of the simulator lists the
//! JSON shapes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Serialize;

use super::effect::{Acceptance, Creation};
use super::faults::ScriptedFault;
use super::hold::Hold;
use super::simulation::{Simulation, lock};

type Shared = State<Arc<Simulation>>;

pub(super) fn routes(simulation: Arc<Simulation>) -> Router {
    let agreements = async |State(simulation): Shared| Json(lock(&simulation.directory).acceptances.clone());
    let requests = async |State(simulation): Shared| Json(lock(&simulation.requests).all());
    let replace_faults = async |State(simulation): Shared, Json(script): Json<Vec<ScriptedFault>>| {
        lock(&simulation.gate).faults.replace_script(script);
        StatusCode::NO_CONTENT
    };
    let hold_status = async |State(simulation): Shared| Json(simulation.hold.status());
    let arm_hold = async |State(simulation): Shared, Json(hold): Json<Hold>| {
        simulation.hold.arm(hold);
        StatusCode::NO_CONTENT
    };
    let release_hold = async |State(simulation): Shared| {
        simulation.hold.release();
        StatusCode::NO_CONTENT
    };
    Router::new()
        .route("/journal", get(journal))
        .route("/agreements", get(agreements))
        .route("/requests", get(requests))
        .route("/faults", put(replace_faults))
        .route("/hold", get(hold_status).put(arm_hold).delete(release_hold))
        .with_state(simulation)
}

/// A create that took effect, and the agreements that its customer has accepted.
#[derive(Debug, Serialize)]
struct Entry {
    #[serde(flatten)]
    creation: Creation,
    agreements: Vec<Acceptance>,
}

async fn journal(State(simulation): Shared) -> Json<Vec<Entry>> {
    let directory = lock(&simulation.directory);
    let entry = |creation: Creation| {
        let agreements = directory.acceptances_of(creation.customer_id).cloned().collect();
        Entry { creation, agreements }
    };
    Json(directory.creations().into_iter().map(entry).collect())
}
