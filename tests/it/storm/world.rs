//! Where a plan is played: the folder with its lists, and the way to the service.

use std::net::SocketAddr;

#[cfg(unix)]
use super::disk::Disk;
use super::{LONGER, ROWS};
use crate::harness::{Bench, Call, customers};
use crate::middlebox::{AUTHORITY, Gate, HOST, Manner, SERVER};

pub(super) struct World {
    // Taken away before its folder is.
    #[cfg(unix)]
    disk: Option<Disk>,
    pub(super) bench: Bench,
    way: Option<Way>,
}

/// To a service that has a name only where the proxy is.
struct Way {
    service: Gate,
    proxy: Gate,
}

impl World {
    #[cfg_attr(not(unix), expect(unused_variables))]
    pub(super) fn new(is_behind_a_proxy: bool, has_disk: bool) -> Self {
        let bench = Bench::new();
        #[cfg(unix)]
        let disk = has_disk.then(|| Disk::mount(&bench)).flatten();
        bench.file("customers.csv", customers(ROWS));
        bench.file("longer.csv", customers(LONGER));
        let way = is_behind_a_proxy.then(|| {
            bench.file("authority.pem", AUTHORITY);
            let service = Gate::before(bench.simulator().address(), Manner::Tls(SERVER));
            let proxy = Gate::before(service.address(), Manner::Tunnel);
            Way { service, proxy }
        });
        Self {
            #[cfg(unix)]
            disk,
            bench,
            way,
        }
    }

    /// A command that works on rows.
    pub(super) fn working(&self, arguments: &[&str]) -> Call<'_> {
        let limits = ["--max-attempts", "2", "--timeout", "2s", "--max-outage", "5s"];
        let call = self.bench.tenantry(arguments.iter().chain(&limits)).with_app();
        let Some(way) = &self.way else { return call };
        call.args(["--ca-file", "authority.pem"])
            .env("TENANTRY_API_URL", format!("https://{HOST}"))
            .env("HTTPS_PROXY", way.proxy.url("http"))
    }

    #[cfg(unix)]
    pub(super) fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    pub(super) fn is_behind_a_proxy(&self) -> bool {
        self.way.is_some()
    }

    /// Where a proxy connects to.
    pub(super) fn address(&self) -> SocketAddr {
        self.way.as_ref().map_or_else(|| self.bench.simulator().address(), |way| way.service.address())
    }
}
