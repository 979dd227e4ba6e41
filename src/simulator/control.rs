//! The control API under `/_simulator/`, for tests that run the simulator as a process of its own.
//!
//! It counts against no limit and suffers no faults. The JSON shapes are in the module doc of the simulator.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Serialize;

use super::effect::{Acceptance, Creation};
use super::faults::ScriptedFault;
use super::hold::{Hold, HoldStatus};
use super::request_log::RequestRecord;
use super::simulation::{Simulation, lock};

type Shared = State<Arc<Simulation>>;

pub(super) fn routes(simulation: Arc<Simulation>) -> Router {
    Router::new()
        .route("/journal", get(journal))
        .route("/agreements", get(agreements))
        .route("/requests", get(requests))
        .route("/faults", put(replace_faults))
        .route("/hold", get(hold_status).put(arm_hold).delete(release_hold))
        .with_state(simulation)
}

/// A create that took effect, and what its customer accepted since.
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

async fn agreements(State(simulation): Shared) -> Json<Vec<Acceptance>> {
    Json(lock(&simulation.directory).acceptances.clone())
}

async fn requests(State(simulation): Shared) -> Json<Vec<RequestRecord>> {
    Json(lock(&simulation.requests).all())
}

async fn replace_faults(State(simulation): Shared, Json(script): Json<Vec<ScriptedFault>>) -> StatusCode {
    lock(&simulation.gate).faults.replace_script(script);
    StatusCode::NO_CONTENT
}

async fn hold_status(State(simulation): Shared) -> Json<HoldStatus> {
    Json(simulation.hold.status())
}

async fn arm_hold(State(simulation): Shared, Json(hold): Json<Hold>) -> StatusCode {
    simulation.hold.arm(hold);
    StatusCode::NO_CONTENT
}

async fn release_hold(State(simulation): Shared) -> StatusCode {
    simulation.hold.release();
    StatusCode::NO_CONTENT
}
