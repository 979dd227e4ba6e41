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
use tokio_rustls::server::TlsStream;

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
    /// The same once; the connections after it pass.
    SaysOnce(&'static str),
    /// It goes on as a proxy's tunnel does, whatever host is asked for.
    Tunnel,
    /// So many connections speak HTTP/2 and answer their first request with this frame; those after it are
    /// [`Manner::Tls`].
    Http2(&'static [u8], u32),
    /// So many requests go on, one after the other; the next one is read, and the connection closed.
    ClosesAfter(u32),
}

/// GOAWAY without an error: nothing from stream 1 on was taken.
pub(crate) const GOAWAY: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// RST_STREAM of stream 1 with REFUSED_STREAM; then GOAWAY, so that no other request comes on this connection.
pub(crate) const REFUSED_STREAM: &[u8] =
    b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0";

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
            let mut connection = acceptor(pem, &[]).accept(connection).await?;
            let mut onward = TcpStream::connect(shared.behind).await?;
            copy_bidirectional(&mut connection, &mut onward).await?;
            return Ok(());
        }
        Manner::Says(answer) => {
            hear(&mut connection, &shared).await?;
            connection.write_all(answer.as_bytes()).await?;
            return connection.shutdown().await;
        }
        Manner::SaysOnce(answer) => {
            *shared.manner.lock().unwrap() = Manner::Pass;
            hear(&mut connection, &shared).await?;
            connection.write_all(answer.as_bytes()).await?;
            return connection.shutdown().await;
        }
        Manner::Http2(frame, left) => {
            *shared.manner.lock().unwrap() = match left {
                0 | 1 => Manner::Tls(SERVER),
                left => Manner::Http2(frame, left - 1),
            };
            return answer_with_frame(acceptor(SERVER, &[b"h2"]).accept(connection).await?, frame).await;
        }
        Manner::ClosesAfter(requests) => return relay(connection, requests, &shared).await,
        Manner::Tunnel => {
            hear(&mut connection, &shared).await?;
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        }
    }
    let mut onward = TcpStream::connect(shared.behind).await?;
    copy_bidirectional(&mut connection, &mut onward).await?;
    Ok(())
}

/// Speaks as much HTTP/2 as it takes to hear of a request, and answers it with `frame`.
async fn answer_with_frame(mut connection: TlsStream<TcpStream>, frame: &[u8]) -> io::Result<()> {
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    connection.read_exact(&mut preface).await?;
    connection.write_all(b"\0\0\0\x04\0\0\0\0\0").await?;
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        connection.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await?;
        if head[3] == HEADERS {
            connection.write_all(frame).await?;
            connection.flush().await?;
            // The client closes it.
            return connection.read_to_end(&mut Vec::new()).await.map(drop);
        }
    }
}

/// Answers so many requests as what lies behind answers them, and closes the connection on the next one.
async fn relay(mut connection: TcpStream, requests: u32, shared: &Shared) -> io::Result<()> {
    let mut onward = TcpStream::connect(shared.behind).await?;
    for _ in 0..requests {
        let (head, body) = message(&mut connection).await?;
        onward.write_all(&[head, body].concat()).await?;
        let (head, body) = message(&mut onward).await?;
        connection.write_all(&[head, body].concat()).await?;
    }
    message(&mut connection).await?;
    connection.shutdown().await
}

/// The head of a message and its body.
async fn message(connection: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let text = String::from_utf8(head.clone()).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    connection.read_exact(&mut body).await?;
    Ok((head, body))
}

/// Reads one whole request. Closing a connection with some of it unread could cost the answer.
async fn hear(connection: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    let (head, _) = message(connection).await?;
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    shared.heard.lock().unwrap().extend(head.lines().next().map(str::to_owned));
    Ok(())
}

fn acceptor(pem: &str, protocols: &[&[u8]]) -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.unwrap().with_no_client_auth().with_single_cert(certificates, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}
