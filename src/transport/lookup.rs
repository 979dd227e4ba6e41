//! Names to addresses, by the system's own resolver.
//!
//! It is what the HTTP client would do by itself, but for one thing: a failure has a type, so that it can be told from
//! every other way in which a connection does not come about.

use std::io;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("could not look up `{name}`")]
pub(super) struct LookupFailed {
    pub(super) name: String,
    #[source]
    source: io::Error,
}

/// Looks names up.
pub(super) struct Lookup;

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 stands for the one of the request.
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(source) => Err(LookupFailed { name: name.as_str().to_owned(), source }.into()),
            }
        })
    }
}
