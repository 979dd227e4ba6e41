//! What may stand between the program and the service: TLS with one certificate or another, a proxy, or somebody who
//! answers in the service's place.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// For 127.0.0.1, localhost and [`HOST`]; like the others by [`AUTHORITY`].
pub(crate) const SERVER: &str = include_str!("tls/server.pem");
/// Its time was over in February 2020.
pub(crate) const EXPIRED: &str = include_str!("tls/expired.pem");
/// For another host.
pub(crate) const ELSEWHERE: &str = include_str!("tls/elsewhere.pem");
/// Whom no machine trusts by itself.
pub(crate) const AUTHORITY: &str = include_str!("tls/authority.pem");
/// A host that only a proxy finds.
pub(crate) const HOST: &str = "api.tenantry.test";

/// What becomes of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// It goes on to what lies behind.
    Pass,
    /// It goes on after TLS with this certificate and key.
    Tls(&'static str),
    /// Whatever is asked, this is answered.
    Says(&'static str),
    /// It goes on as a proxy's tunnel does, whatever host is asked for.
    Tunnel,
}

/// A gate, closed when it is dropped.
pub(crate) struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    behind: SocketAddr,
    manner: Mutex<Manner>,
    /// First lines of the requests that were answered here.
    heard: Mutex<Vec<String>>,
}

impl Gate {
    pub(crate) fn before(behind: SocketAddr, manner: Manner) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { behind, manner: Mutex::new(manner), heard: Mutex::new(Vec::new()) });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// From the next connection on.
    pub(crate) fn turn(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((connection, _)) = listener.accept().await {
        // What the other side breaks off is its own affair.
        tokio::spawn(serve(connection, Arc::clone(&shared)));
    }
}

async fn serve(mut connection: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let manner = *shared.manner.lock().unwrap();
    match manner {
        Manner::Pass => {}
        Manner::Tls(pem) => {
            let mut connection = acceptor(pem).accept(connection).await?;
            let mut onward = TcpStream::connect(shared.behind).await?;
            copy_bidirectional(&mut connection, &mut onward).await?;
            return Ok(());
        }
        Manner::Says(answer) => {
            hear(&mut connection, &shared).await?;
            connection.write_all(answer.as_bytes()).await?;
            return connection.shutdown().await;
        }
        Manner::Tunnel => {
            hear(&mut connection, &shared).await?;
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        }
    }
    let mut onward = TcpStream::connect(shared.behind).await?;
    copy_bidirectional(&mut connection, &mut onward).await?;
    Ok(())
}

/// Reads one whole request. Closing a connection with some of it unread could cost the answer.
async fn hear(connection: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body).await?;
    shared.heard.lock().unwrap().extend(head.lines().next().map(str::to_owned));
    Ok(())
}

fn acceptor(pem: &str) -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}
