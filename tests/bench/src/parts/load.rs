//! A plain load generator with the same HTTP client as the program's.
//!
//! It sends a fixed number of requests at once, reads each answer to its end and discards it. It has no ledger, rate
//! limit or passwords.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::rows::Samples;

pub(super) fn run(url: &str, first: u64, requests: u64, concurrency: usize) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .pool_max_idle_per_host(concurrency)
            .build()?;
        let load = Arc::new(Load {
            samples: Samples::read()?,
            client,
            url: format!("{url}/v1/customers"),
            next: AtomicU64::new(first),
            end: first + requests,
        });
        let mut posting: JoinSet<Result<()>> = (0..concurrency)
            .map(|_| Arc::clone(&load))
            .map(|load| async move { load.post().await })
            .collect();
        while let Some(ended) = posting.join_next().await {
            ended??;
        }
        Ok(())
    })
}

struct Load {
    samples: Samples,
    client: reqwest::Client,
    url: String,
    next: AtomicU64,
    end: u64,
}

impl Load {
    /// Posts one row after another until none is left.
    async fn post(&self) -> Result<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.end {
                return Ok(());
            }
            let answer = self
                .client
                .post(&self.url)
                .header("Content-Type", "application/json")
                .header("Authorization", "Bearer opaque-access-token-of-the-benchmarks")
                .header("MS-RequestId", format!("00000000-0000-4000-8000-{number:012x}"))
                .header("MS-CorrelationId", format!("00000000-0000-4000-9000-{number:012x}"))
                .body(serde_json::to_vec(&self.samples.body(number))?)
                .send()
                .await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            ensure!(status == 201, "{status}: {}", String::from_utf8_lossy(&body));
        }
    }
}
