//! Finds out how a proxy answered the request for a tunnel.
//!
//! The HTTP client reports that there is no tunnel, but for most statuses not which status the proxy sent. So the proxy
//! is asked again here, only for the status, before the failure is returned: what an operator has to do depends on it.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_layer::Layer;
use tower_service::Service;
use url::{Host, Url};

use super::fault::{Cause, NoTunnel, causes_from};
use super::proxy::Proxy;
use super::{CONNECT_TIMEOUT, lookup};

/// hyper-util does not export the type, but it can be named like this.
type TunnelError = <Tunnel<HttpConnector> as Service<hyper::Uri>>::Error;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The timeout for asking the proxy again.
const ASKED_AGAIN_FOR: Duration = Duration::from_secs(5);

/// Sooner than the client gives up, which blames the service.
const OPENED_WITHIN: Duration = CONNECT_TIMEOUT.saturating_sub(Duration::from_secs(2));

/// A layer around the client's own connector.
#[derive(Debug, Clone)]
pub(super) struct Tunnels(Arc<Through>);

#[derive(Debug)]
struct Through {
    proxy: Proxy,
    host: String,
    port: u16,
}

impl Tunnels {
    /// For connections to the host of `url` through `proxy`.
    pub(super) fn new(proxy: Proxy, url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        Self(Arc::new(Through { proxy, host, port: url.port_or_known_default().unwrap_or(443) }))
    }
}

impl<S> Layer<S> for Tunnels {
    type Service = ExplainedConnector<S>;

    fn layer(&self, inner: S) -> ExplainedConnector<S> {
        ExplainedConnector { inner, through: Arc::clone(&self.0) }
    }
}

/// Connects as `inner` does, and explains a failure better.
#[derive(Debug, Clone)]
pub(super) struct ExplainedConnector<S> {
    inner: S,
    through: Arc<Through>,
}

impl<S, R> Service<R> for ExplainedConnector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.inner.call(request);
        let through = Arc::clone(&self.through);
        Box::pin(async move {
            match tokio::time::timeout(OPENED_WITHIN, connecting).await {
                Ok(Ok(connection)) => Ok(connection),
                Ok(Err(error)) => match error.downcast_ref::<TunnelError>() {
                    Some(tunnel) => Err(Box::new(through.explained(tunnel).await) as BoxError),
                    None => Err(error),
                },
                Err(_) => {
                    let why = "it did not open a connection in time".to_owned();
                    Err(Box::new(through.no_tunnel(Cause::Unreachable { why })) as BoxError)
                }
            }
        })
    }
}

impl Through {
    async fn explained(&self, error: &TunnelError) -> NoTunnel {
        let cause = match error {
            TunnelError::ConnectFailed(cause) => Cause::Unreachable { why: causes_from(cause.as_ref()) },
            TunnelError::ProxyAuthRequired => Cause::Status(407),
            TunnelError::TunnelUnsuccessful => match self.status().await {
                Some(status) => Cause::Status(status),
                None => Cause::Broken { why: causes_from(error) },
            },
            TunnelError::Io(_)
            | TunnelError::MissingHost
            | TunnelError::ProxyHeadersTooLong
            | TunnelError::TunnelUnexpectedEof => Cause::Broken { why: causes_from(error) },
        };
        self.no_tunnel(cause)
    }

    fn no_tunnel(&self, cause: Cause) -> NoTunnel {
        let has_credentials = self.proxy.has_credentials();
        NoTunnel { named_by: self.proxy.named_by, has_credentials, cause }
    }

    /// `None`: the status cannot be found out, or the proxy opens the tunnel this time.
    async fn status(&self) -> Option<u16> {
        // Would need TLS, and is rare.
        if self.proxy.is_https() {
            return None;
        }
        let asked = tokio::time::timeout(ASKED_AGAIN_FOR, self.ask()).await;
        asked.ok().flatten().filter(|status| !(200..300).contains(status))
    }

    async fn ask(&self) -> Option<u16> {
        let port = self.proxy.port();
        let mut connection = match self.proxy.host()? {
            Host::Ipv4(address) => TcpStream::connect((address, port)).await,
            Host::Ipv6(address) => TcpStream::connect((address, port)).await,
            Host::Domain(name) => {
                let addresses = lookup::addresses(name).await.ok()?;
                let addresses: Vec<_> = addresses.iter().map(|address| (address.ip(), port).into()).collect();
                TcpStream::connect(addresses.as_slice()).await
            }
        }
        .ok()?;
        let Self { host, port, .. } = self;
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
        if let Some(authorization) = self.proxy.authorization_header() {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        connection.write_all(&request).await.ok()?;
        status_of(&mut connection).await
    }
}

/// The status of a first line such as `HTTP/1.1 502 Bad Gateway`.
async fn status_of(connection: &mut TcpStream) -> Option<u16> {
    let mut line = [0; 12];
    connection.read_exact(&mut line).await.ok()?;
    let line = std::str::from_utf8(&line).ok()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Peer, Proxies};
    use super::*;

    /// Accepts what it is given, and never answers.
    struct Silent;

    impl Service<()> for Silent {
        type Response = ();
        type Error = BoxError;
        type Future = std::future::Pending<Result<(), BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::pending()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_proxy_is_blamed_itself() {
        let url: Url = "https://service.example".parse().unwrap();
        let variables =
            Proxies::of_environment(|name| (name == "HTTPS_PROXY").then(|| "http://proxy:8080".into()));
        let proxy = variables.on_the_way_to(&url).unwrap().unwrap();
        let error = Tunnels::new(proxy, &url).layer(Silent).call(()).await.unwrap_err();
        let explained = error.downcast_ref::<NoTunnel>().unwrap().explain(&Peer::sign_in(&url));
        assert!(
            explained.reason.starts_with("the proxy for `service.example` cannot be reached"),
            "{explained:?}"
        );
        assert!(explained.hint.unwrap().contains("HTTPS_PROXY"));
    }
}
