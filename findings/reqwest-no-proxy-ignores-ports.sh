#!/usr/bin/env bash
# reqwest 0.13.5 (Rust): an entry of NO_PROXY with a port is ignored without a word.
#
# Go's net/http, Node.js with undici and Python's urllib take `host:port` in NO_PROXY for this port of the host, and it is
# how people write an exception for a service on a port of its own. reqwest reads lists of exceptions too
# (`NoProxy::from_string`, the environment), takes names, addresses and networks, and documents no error. A good engineer
# expects that an entry with a port counts, or is refused. It is kept as a name that no host has: the request goes to the
# proxy, and nothing says so. The same list without the port is an exception.
#
# Needs: a Rust toolchain, and the crate registry. Prints what was seen, and fails if it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
reqwest = { version = "=0.13.5", default-features = false, features = ["blocking"] }
TOML
cat > src/main.rs <<'RUST'
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use reqwest::{NoProxy, Proxy};

/// A server that answers every request with its own name.
fn server(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]).unwrap();
            let length = name.len();
            write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}").unwrap();
        }
    });
    address
}

fn main() {
    let (service, proxy) = (server("the service"), server("the proxy"));
    for (shown, exceptions) in [
        ("127.0.0.1", "127.0.0.1".to_owned()),
        ("127.0.0.1:PORT", service.to_string()),
    ] {
        let no_proxy = NoProxy::from_string(&exceptions);
        let proxy = Proxy::http(format!("http://{proxy}")).unwrap().no_proxy(no_proxy);
        let client = reqwest::blocking::Client::builder().proxy(proxy).build().unwrap();
        let answer = client.get(format!("http://{service}/")).send().unwrap().text().unwrap();
        println!("NO_PROXY={shown}: answered by {answer}");
    }
}
RUST
cargo build --quiet
seen=$(./target/debug/finding)
printf '%s\n' "$seen"
# Seen on 2026-12-01, rustc 1.95.0:
expected="NO_PROXY=127.0.0.1: answered by the service
NO_PROXY=127.0.0.1:PORT: answered by the proxy"
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
