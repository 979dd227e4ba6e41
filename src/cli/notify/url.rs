//! `--notify-url`: notifies a monitoring service when a run begins and ends, in the way of healthchecks.io.
//!
//! A POST goes to URL/start, then to URL for exit code 0 or to URL/fail for any other. The body is the [`RunSummary`]
//! as JSON.

use std::path::Path;
use std::time::Duration;

use url::Url;

use super::run_summary::RunSummary;
use crate::cli::{ExitCode, settings};
use crate::transport::http_client_builder;

/// Limit for one notification with its retries. The end of a run waits no longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most sends of one notification; the network of a machine that has just woken up needs a moment.
const SENDS_MAX: u32 = 3;

const BETWEEN_SENDS: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct UrlNotifier {
    client: reqwest::Client,
    url: Url,
}

impl UrlNotifier {
    /// `None` if no client can be created: the run itself reports why, if it needs one.
    pub(super) fn new(url: &Url, ca_file: Option<&Path>) -> Option<Self> {
        let network = settings::network(ca_file).ok()?;
        let client = http_client_builder(url, &network);
        match client.and_then(|builder| Ok(builder.timeout(TIMEOUT).build()?)) {
            Ok(client) => Some(Self { client, url: url.clone() }),
            Err(error) => {
                tracing::warn!(%error, "could not set up the notification; no notification is sent");
                None
            }
        }
    }

    /// Notifies that a run of `command` begins.
    pub(super) async fn begun(&self, command: &str) {
        self.notify(Some("start"), serde_json::json!({ "command": command }).to_string()).await;
    }

    /// Notifies how the run ended.
    pub(super) async fn ended(&self, digest: &RunSummary) {
        let suffix = if digest.exit_code == ExitCode::Done.number() { None } else { Some("fail") };
        self.notify(suffix, digest.json()).await;
    }

    async fn notify(&self, suffix: Option<&'static str>, body: String) {
        let what = suffix.unwrap_or("success");
        let result = tokio::time::timeout(TIMEOUT, self.send(suffix, &body)).await;
        // Log the reason without the URL: its path is enough to send notifications.
        match result {
            Ok(Ok(())) => tracing::info!(what, "notified"),
            Ok(Err(reason)) => tracing::warn!(what, reason, "could not notify --notify-url"),
            Err(_) => tracing::warn!(what, reason = "no answer in time", "could not notify --notify-url"),
        }
    }

    async fn send(&self, suffix: Option<&str>, body: &str) -> Result<(), String> {
        let mut sends = 1;
        loop {
            let request = self.client.post(with_suffix(&self.url, suffix));
            let request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
            let answer = request.body(body.to_owned()).send().await;
            let (reason, is_final) = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => {
                    (format!("HTTP {}", answer.status().as_u16()), !answer.status().is_server_error())
                }
                Err(error) => (root_cause(error), false),
            };
            if is_final || sends == SENDS_MAX {
                return Err(reason);
            }
            sends += 1;
            tokio::time::sleep(BETWEEN_SENDS).await;
        }
    }
}

/// The innermost cause of a failed request.
fn root_cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn with_suffix(url: &Url, suffix: Option<&str>) -> Url {
    let mut url = url.clone();
    if let (Some(suffix), Ok(mut path)) = (suffix, url.path_segments_mut()) {
        path.pop_if_empty().push(suffix);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_goes_to_the_path() {
        let check = |url: &str, expected: &str| {
            let url: Url = url.parse().unwrap();
            assert_eq!(with_suffix(&url, Some("fail")).as_str(), expected);
            assert_eq!(with_suffix(&url, None), url);
        };
        check("https://hc.example/ping/abc", "https://hc.example/ping/abc/fail");
        check("https://hc.example/ping/abc/?team=1", "https://hc.example/ping/abc/fail?team=1");
        check("https://hc.example", "https://hc.example/fail");
    }
}
