//! What a rehearsal, and a simulator as a server of its own, show to others on the machine and in the network.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::harness::{Bench, Running, customers, eventually};

/// The status and the rest of an answer, on a connection of its own.
fn get(address: &str, path: &str, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer any\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[cfg(unix)]
#[test]
fn the_state_of_a_rehearsal_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    let import = || bench.import("customers.csv").args(["--simulate", "--ledger", "rehearsal.db"]);
    import().exits(0);
    assert_eq!(mode("rehearsal.db.simulator"), 0o600);
    // One of an older version is narrowed.
    fs::set_permissions(bench.path("rehearsal.db.simulator"), fs::Permissions::from_mode(0o644)).unwrap();
    import().exits(0);
    assert_eq!(mode("rehearsal.db.simulator"), 0o600);
    let server = bench.tenantry(["simulator", "--listen", "127.0.0.1:0", "--state", "state.json"]).spawn();
    listening(&server);
    assert_eq!(mode("state.json"), 0o600);
}

/// The ports of this machine on which the process listens.
#[cfg(target_os = "linux")]
fn listens_on(pid: u32) -> Vec<u16> {
    const LISTENING: &str = "0A";
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .map(|entries| {
            let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            links
                .filter_map(|link| {
                    Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
                })
                .collect()
        })
        .unwrap_or_default();
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_its = columns[3] == LISTENING && sockets.iter().any(|socket| socket == columns[9]);
        is_its.then(|| u16::from_str_radix(columns[1].rsplit(':').next().unwrap(), 16).unwrap())
    };
    table.lines().skip(1).filter_map(port).collect()
}

/// While a rehearsal runs, any user of the machine can connect to its simulator.
#[cfg(target_os = "linux")]
#[test]
fn a_rehearsal_answers_nobody_but_itself() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(40));
    let slow = ["--simulate=smooth,latency_ms=300", "--ledger", "rehearsal.db", "--concurrency", "1"];
    let running = bench.import("customers.csv").args(slow).spawn();
    let created = || fs::metadata(bench.path("rehearsal.db.simulator")).is_ok_and(|file| file.len() > 0);
    eventually("a customer is created", created);
    let ports = listens_on(running.pid());
    let [port] = ports[..] else { panic!("one port, not {ports:?}") };
    let address = format!("127.0.0.1:{port}");
    for path in [
        "/_simulator/journal",
        "/_simulator/requests",
        "/_simulator/agreements",
        "/v1/customers",
        "/v1/domains/harborline00001.onmicrosoft.com",
    ] {
        let (status, answer) = get(&address, path, &address);
        assert_eq!(status, 404, "{path}: {answer}");
        assert!(!answer.to_lowercase().contains("harborline"), "{path}: {answer}");
    }
    running.kill();
}

/// The address that a server says it listens on.
fn listening(server: &Running) -> String {
    eventually("it says where it listens", || server.stdout().ends_with('\n'));
    server.stdout().trim().strip_prefix("http://").unwrap().to_owned()
}

/// A page in a browser can have its own name resolve to this machine, and would read the answers (DNS rebinding).
#[test]
fn a_server_answers_those_alone_who_name_it() {
    let bench = Bench::new();
    let server = bench.tenantry(["simulator", "--listen", "127.0.0.1:0"]).spawn();
    let address = listening(&server);
    let port = address.rsplit(':').next().unwrap();
    for path in ["/_simulator/journal", "/v1/customers"] {
        let status = |host: &str| get(&address, path, host).0;
        assert_eq!(status(&address), 200);
        assert_eq!(status(&format!("localhost:{port}")), 200);
        assert_eq!(status(&format!("attacker.example:{port}")), 421);
        assert_eq!(status("attacker.example"), 421);
        assert_eq!(status(""), 421);
        // Its port may be forwarded from another one.
        assert_eq!(status("127.0.0.1:1"), 200);
        assert_eq!(status("localhost"), 200);
    }
    let (_, answer) = get(&address, "/_simulator/journal", "attacker.example");
    assert!(answer.contains(&format!("Use http://{address}")), "{answer}");
}

#[test]
fn a_server_behind_a_proxy_answers_those_who_name_its_public_url() {
    let bench = Bench::new();
    let public = ["--public-url", "https://partner.test:8443"];
    let server = bench.tenantry(["simulator", "--listen", "127.0.0.1:0"]).args(public).spawn();
    let address = listening(&server);
    let path = "/contoso/v2.0/.well-known/openid-configuration";
    for host in ["partner.test:8443", address.as_str()] {
        let (status, answer) = get(&address, path, host);
        assert_eq!(status, 200, "{host}");
        assert!(answer.contains("https://partner.test:8443/contoso/oauth2/v2.0/token"), "{answer}");
    }
    for host in ["partner.test", "attacker.example:8443"] {
        assert_eq!(get(&address, path, host).0, 421, "{host}");
    }
}

#[test]
fn a_server_that_others_can_reach_says_so() {
    let bench = Bench::new();
    let others = bench.tenantry(["simulator", "--listen", "0.0.0.0:0"]).spawn();
    let address = listening(&others);
    eventually("it warns", || others.stderr().contains("can be reached from other machines"));
    // It is named by the address that the connection came to.
    let port = address.rsplit(':').next().unwrap();
    let local = format!("127.0.0.1:{port}");
    assert_eq!(get(&local, "/v1/customers", &local).0, 200);
    let alone = bench.tenantry(["simulator", "--listen", "127.0.0.1:0"]).spawn();
    listening(&alone);
    eventually("it says how to use it", || alone.stderr().contains("ends it"));
    assert!(!alone.stderr().contains("other machines"), "{}", alone.stderr());
}
