//! Loads the sample exchanges of the fact book, and builds answers for tests.

use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::partner_center::classify::{Answer, SIGNATURES};
use crate::transport::Peer;

/// The part after `### response` of a sample: status, headers, body.
pub(in crate::partner_center) fn response(sample: &str) -> Answer {
    let response = sample.split_once("### response").map_or(sample, |(_, response)| response);
    let response = response.replace("\r\n", "\n");
    let lines = response.lines().skip_while(|line| !line.starts_with("HTTP/1.1 "));
    let mut lines = lines.map(str::to_owned);
    let status = lines.next().expect("a status line").split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<String> = lines.by_ref().take_while(|line| !line.trim().is_empty()).collect();
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let body = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    Answer {
        peer: peer(),
        status,
        retry_after: header("Retry-After"),
        content_type: header("Content-Type").unwrap_or_default(),
        has_request_id: header("MS-RequestId").is_some(),
        is_signed: SIGNATURES.iter().any(|name| header(name).is_some()),
        location: header("Location"),
        challenge: header("WWW-Authenticate"),
        mfa_compliant: None,
        body: Ok(Zeroizing::new(body.into_bytes())),
        at: "2020-07-21T04:10:58Z".parse().unwrap(),
    }
}

fn peer() -> Peer {
    Peer::api(&"https://api.partnercenter.microsoft.com/".parse().expect("a well-formed address"))
}

/// The JSON body of a sample's request, if it is valid JSON.
pub(in crate::partner_center) fn request_body(sample: &str) -> Value {
    let request = sample.split_once("### response").unwrap().0;
    let start = request.find('{').expect("a body");
    serde_json::from_str(&request[start..]).expect("valid JSON")
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/wire/", $name))
    };
}
pub(in crate::partner_center) use sample;

/// An answer of the service itself.
pub(in crate::partner_center) fn answer(status: u16, content_type: &str, body: &[u8]) -> Answer {
    Answer {
        peer: peer(),
        status,
        retry_after: None,
        content_type: content_type.to_owned(),
        has_request_id: true,
        is_signed: true,
        location: None,
        challenge: None,
        mfa_compliant: None,
        body: Ok(Zeroizing::new(body.to_vec())),
        at: Timestamp::UNIX_EPOCH,
    }
}
