//! `--notify-url`: notifies a monitoring service when a run begins and ends.
//!
//! In the way of healthchecks.io, a POST goes to URL/start, then to URL for success or to URL/fail. The body is the
//! [`RunSummary`] as JSON. If the URL is a pattern, in the way of Uptime Kuma, one GET at the end carries the result.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

use super::monitor::MonitorUrl;
use super::run_summary::RunSummary;
use crate::backoff::shortened;
use crate::cli::settings;
use crate::transport::http_client_builder;

/// Limit for one notification with its retries. The end of a run waits no longer, for all its notifications.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How much of this limit the start of a run may still use at its end.
const START_TIMEOUT: Duration = Duration::from_secs(2);

/// Limit for one send, so that a retry still has time.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The waits before the retries; the network of a machine that has just woken up needs a moment. A monitor may ask for a
/// longer wait.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

#[derive(Debug, Clone)]
pub(super) struct UrlNotifier {
    client: reqwest::Client,
    monitor: MonitorUrl,
}

/// What is sent: a POST with a JSON body, or a GET.
struct Notification {
    what: &'static str,
    url: Url,
    body: Option<String>,
}

impl UrlNotifier {
    /// `None` if no client can be created: the run itself reports why, if it needs one.
    pub(super) fn new(monitor: &MonitorUrl, ca_file: Option<&Path>) -> Option<Self> {
        let network = settings::network(ca_file).ok()?;
        if monitor.is_readable_by_others() {
            tracing::warn!(
                "--notify-url is http: others in your network can read it, and send notifications in its name"
            );
        }
        let client = http_client_builder(monitor.as_url(), &network);
        match client.and_then(|builder| Ok(builder.timeout(SEND_TIMEOUT).build()?)) {
            Ok(client) => Some(Self { client, monitor: monitor.clone() }),
            Err(error) => {
                tracing::warn!(%error, "could not set up the notification; no notification is sent");
                None
            }
        }
    }

    /// Notifies that a run of `command` begins.
    pub(super) async fn begun(&self, command: &str) {
        if self.monitor.is_pattern() {
            return;
        }
        let body = Some(serde_json::json!({ "command": command }).to_string());
        let notification = Notification { what: "start", url: self.monitor.with_suffix(Some("start")), body };
        self.notify(notification, Instant::now() + TIMEOUT).await;
    }

    /// Notifies how the run ended. `begun` notifies that it began: it comes first, otherwise the service believes that
    /// the run is still in progress. If it takes too long, it is dropped.
    pub(super) async fn ended(&self, digest: &RunSummary, mut begun: JoinHandle<()>) {
        let deadline = Instant::now() + TIMEOUT;
        // A panic of the task was reported elsewhere.
        if tokio::time::timeout(START_TIMEOUT, &mut begun).await.is_err() {
            begun.abort();
        }
        let (what, suffix) = if digest.success { ("success", None) } else { ("fail", Some("fail")) };
        let (url, body) = match self.monitor.is_pattern() {
            true => (self.monitor.filled(digest), None),
            false => (self.monitor.with_suffix(suffix), Some(digest.json())),
        };
        self.notify(Notification { what, url, body }, deadline).await;
    }

    async fn notify(&self, notification: Notification, deadline: Instant) {
        let what = notification.what;
        // Log the reason without the URL: its path is enough to send notifications.
        match tokio::time::timeout_at(deadline, self.send(&notification, deadline)).await {
            Ok(Ok(())) => tracing::info!(what, "notified"),
            Ok(Err(reason)) => tracing::warn!(what, reason, "could not notify --notify-url"),
            Err(_) => tracing::warn!(what, reason = "no answer in time", "could not notify --notify-url"),
        }
    }

    async fn send(&self, notification: &Notification, deadline: Instant) -> Result<(), String> {
        let mut waits = WAITS.into_iter();
        loop {
            let url = notification.url.clone();
            let request = match &notification.body {
                Some(body) => {
                    self.client.post(url).header(CONTENT_TYPE, "application/json").body(body.clone())
                }
                None => self.client.get(url),
            };
            let (reason, asked) = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) if !may_be_repeated(answer.status()) => return Err(http(answer.status())),
                Ok(answer) => (http(answer.status()), asked_wait(&answer)),
                Err(error) => (root_cause(error), None),
            };
            let Some(wait) = waits.next().map(|wait| asked.unwrap_or_default().max(shortened(wait))) else {
                return Err(reason);
            };
            // A wait that ends too late is useless.
            if Instant::now() + wait >= deadline {
                return Err(reason);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

fn http(status: StatusCode) -> String {
    format!("HTTP {}", status.as_u16())
}

/// Whether the same request may succeed a moment later.
fn may_be_repeated(status: StatusCode) -> bool {
    status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
}

/// How long the monitor asks to wait.
fn asked_wait(answer: &reqwest::Response) -> Option<Duration> {
    answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
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
