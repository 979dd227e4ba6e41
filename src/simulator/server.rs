//! Serves HTTP connections, including endings that HTTP does not define.
//!
//! axum routes the requests (`routes.rs`). hyper is used directly, because only a failing service can end a connection
//! without a reply. Every request runs in a separate task, so it continues if the client disconnects.

use std::convert::Infallible;
use std::future;
use std::net::SocketAddr;
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
use super::host::{self, Hosts};

/// How long to wait if accepting a connection fails, for example when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A handle for every task of a simulator: the signal to stop, and a sender that lives as long as the task.
#[derive(Debug, Clone)]
pub(super) struct Lifeline {
    pub(super) stopping: CancellationToken,
    pub(super) alive: mpsc::Sender<Infallible>,
}

impl Lifeline {
    /// Runs a future until it completes or the simulator stops. The future and all it owns are dropped before `alive`.
    async fn carry<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let result = self.stopping.run_until_cancelled(work).await;
        drop(self.alive);
        result
    }
}

/// Accepts connections until the simulator stops, with a break when a fault makes the service go away.
pub(super) async fn accept(listener: TcpListener, router: Router, hosts: Hosts, lifeline: Lifeline) {
    let stopping = lifeline.clone();
    // Owns everything it uses, so that the listener is closed and the state file is free before `alive` is dropped.
    let listening = async move {
        let mut listener = listener;
        loop {
            let address = listener.local_addr();
            let (leave, mut leaving) = mpsc::channel(1);
            let connections = lifeline.stopping.child_token();
            let (router, hosts) = (router.clone(), hosts.clone());
            let serving = Serving { router, hosts, lifeline: lifeline.clone(), leave };
            let gone_for = tokio::select! {
                () = accept_on(listener, serving, connections.clone()) => return,
                gone_for = leaving.recv() => gone_for.unwrap_or_default(),
            };
            connections.cancel();
            tokio::time::sleep(gone_for).await;
            listener = match address {
                Ok(address) => listen_again(address).await,
                Err(error) => return tracing::error!(%error, "the simulator cannot come back"),
            };
        }
    };
    stopping.carry::<()>(listening).await;
}

/// Another program may have taken the port in the meantime.
async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => tracing::warn!(%error, "the simulator cannot come back yet"),
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// The data that every connection is served with.
#[derive(Debug, Clone)]
struct Serving {
    router: Router,
    hosts: Hosts,
    lifeline: Lifeline,
    /// Receives how long the service goes away.
    leave: mpsc::Sender<Duration>,
}

async fn accept_on(listener: TcpListener, serving: Serving, connections: CancellationToken) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let lifeline = Lifeline { stopping: connections.clone(), ..serving.lifeline.clone() };
                tokio::spawn(lifeline.carry(serve(stream, serving.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, "the simulator cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, serving: Serving) {
    let address = match stream.set_nodelay(true).and_then(|()| stream.local_addr()) {
        Ok(address) => address,
        Err(error) => return tracing::debug!(%error, "the connection ended before it was served"),
    };
    let service = service_fn(|request| reply_to(request, address, serving.clone()));
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "the connection ended early");
    }
}

/// Answers a request that came to `address`.
async fn reply_to(
    request: Request<Incoming>,
    address: SocketAddr,
    serving: Serving,
) -> Result<Response<Body>, Severed> {
    if !serving.hosts.accept(&request, address) {
        return Ok(host::refusal(address));
    }
    let Serving { mut router, lifeline, leave, .. } = serving;
    let answering = async move {
        let Ok(response) = router.call(request).await;
        response
    };
    let response = tokio::spawn(lifeline.carry(answering)).await.ok().flatten().ok_or(Severed)?;
    match response.extensions().get::<Withheld>() {
        None => Ok(response),
        Some(Withheld::Dropped) => Err(Severed),
        Some(Withheld::Gone(span)) => {
            if leave.try_send(*span).is_err() {
                tracing::debug!("the simulator is leaving already");
            }
            Err(Severed)
        }
        // Ends when the client disconnects, because hyper then drops this future.
        Some(Withheld::Stalled) => future::pending().await,
    }
}
