//! HTTP: connections, and the endings that HTTP has no word for.
//!
//! axum routes (`routes.rs`); hyper is driven directly, because only a service that fails can end a connection
//! without a reply. Every request runs as a task of its own, so it outlives a client that hangs up.

use std::convert::Infallible;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::delivery::{Severed, Withheld};
use super::exchange::Simulation;
use super::routes::routes;

/// How long to leave the listener alone when accepting fails, which it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every task of a simulator carries: the order to stop, and a sign of life that ends with the task.
#[derive(Debug, Clone)]
pub(super) struct Lifeline {
    pub(super) stopping: CancellationToken,
    pub(super) alive: mpsc::Sender<Infallible>,
}

impl Lifeline {
    /// Runs a future until it is done or the simulator stops, whichever comes first; the future and what it owns
    /// are gone before the sign of life is.
    async fn carry<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let result = self.stopping.run_until_cancelled(work).await;
        drop(self.alive);
        result
    }
}

/// Accepts connections until the simulator stops.
pub(super) async fn accept(listener: TcpListener, simulation: Arc<Simulation>, lifeline: Lifeline) {
    let connections = lifeline.clone();
    // Owns all it uses, so that the listener is closed and the state file free before the sign of life ends.
    let accepting = async move {
        let router = routes(simulation);
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = serve(stream, router.clone(), connections.clone());
                    tokio::spawn(connections.clone().carry(connection));
                }
                Err(error) => {
                    tracing::warn!(%error, "the simulator cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    lifeline.carry::<()>(accepting).await;
}

async fn serve(stream: TcpStream, router: Router, lifeline: Lifeline) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection ended before it was served");
        return;
    }
    let service = service_fn(|request| reply_to(request, router.clone(), lifeline.clone()));
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "the connection ended early");
    }
}

async fn reply_to(
    request: Request<Incoming>,
    mut router: Router,
    lifeline: Lifeline,
) -> Result<Response<Body>, Severed> {
    let answering = async move {
        let Ok(response) = router.call(request).await;
        response
    };
    let response = tokio::spawn(lifeline.carry(answering)).await.ok().flatten().ok_or(Severed)?;
    match response.extensions().get::<Withheld>() {
        None => Ok(response),
        Some(Withheld::Dropped) => Err(Severed),
        // Ends when the client hangs up, because hyper then drops this future.
        Some(Withheld::Stalled) => future::pending().await,
    }
}
