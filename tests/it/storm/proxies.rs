//! Proxies between the program and the service: how a variable names one, and what one does to those who come to it.

use std::thread;
use std::time::Duration;

use super::surroundings::Start;
use super::world::World;
use crate::harness::Call;
use crate::middlebox::{Gate, HOST, Manner};
use crate::outage::unused_address;

/// What the proxy of this life is, in place of that of its plan. A service on this machine is asked without any.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proxy {
    /// This variable alone names it.
    NamedBy(&'static str),
    /// It is named, and this variable excepts the service from it.
    Excepted(&'static str, &'static str),
    /// The same, but this excepts others.
    NotExcepted(&'static str, &'static str),
    /// It answers this itself.
    Says(&'static str),
    /// It takes every connection, and answers nothing.
    Silent,
    /// It ends, with all its connections, after so many milliseconds.
    Dies(u64),
    /// The variable names an address without a proxy.
    Missing,
}

const PAGE_407: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\
                        Connection: close\r\nContent-Length: 0\r\n\r\n";
const PAGE_502: &str = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

impl Proxy {
    /// Every kind but [`Proxy::Dies`].
    pub(super) const KINDS: [Self; 14] = [
        Self::NamedBy("HTTPS_PROXY"),
        Self::NamedBy("https_proxy"),
        Self::NamedBy("ALL_PROXY"),
        Self::NamedBy("all_proxy"),
        Self::Excepted("NO_PROXY", HOST),
        Self::Excepted("no_proxy", "localhost, .tenantry.test"),
        Self::Excepted("NO_PROXY", "*"),
        Self::NotExcepted("NO_PROXY", ""),
        Self::NotExcepted("no_proxy", "127.0.0.1,elsewhere.test,test.tenantry,10.0.0.0/8"),
        Self::Says(PAGE_407),
        Self::Says(PAGE_502),
        Self::Says("HTTP/1.1 200 OK\r\n\r\n"),
        Self::Silent,
        Self::Missing,
    ];

    pub(super) fn surround<'a>(self, call: Call<'a>, start: &mut Start, world: &World) -> Call<'a> {
        let manner = match self {
            Self::Says(page) => Manner::Says(page),
            Self::Silent => Manner::Says(""),
            _ => Manner::Tunnel,
        };
        let proxy = Gate::before(world.address(), manner);
        let call = call.env("HTTPS_PROXY", proxy.url("http")).env("HTTP_PROXY", proxy.url("http"));
        let call = match self {
            Self::NamedBy(variable) => {
                call.without("HTTPS_PROXY").without("HTTP_PROXY").env(variable, proxy.url("http"))
            }
            Self::Excepted(variable, hosts) | Self::NotExcepted(variable, hosts) => call.env(variable, hosts),
            Self::Missing => call.env("HTTPS_PROXY", unused_address()),
            Self::Says(_) | Self::Silent | Self::Dies(_) => call,
        };
        match self {
            Self::Dies(moment) => {
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(moment));
                    drop(proxy);
                });
            }
            Self::Excepted(..) => start.held.unused_proxies.push(proxy),
            _ if !world.is_behind_a_proxy() => start.held.unused_proxies.push(proxy),
            _ => start.held.proxies.push(proxy),
        }
        call
    }
}
