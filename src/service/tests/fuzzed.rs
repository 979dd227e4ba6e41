//! Runs the fuzz targets for answers on the saved inputs and on random bytes.
//!
//! This finds far less than a fuzzer does, but takes only a second of every test run.

#![cfg(test)]

#[path = "../../../tests/fuzz/targets/input.rs"]
mod input;
#[path = "../../../tests/fuzz/targets/proxies.rs"]
pub mod proxies;
#[path = "../../../tests/fuzz/replay.rs"]
mod replay;
#[path = "../../../tests/fuzz/targets/service.rs"]
pub mod service;

use proptest::collection::vec;
use proptest::prelude::*;
use replay::{bytes, replay};

/// A status, and a body that may be JSON.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let status =
        prop::sample::select(vec![200u16, 201, 202, 204, 302, 400, 401, 403, 404, 409, 412, 429, 500, 503]);
    let name = prop::sample::select(vec![
        "id",
        "code",
        "description",
        "items",
        "status",
        "error",
        "iso2Code",
        "data",
    ]);
    let value =
        prop_oneof!["[a-zA-Z ]{0,9}", Just("7".repeat(30)), "\\PC{0,9}"].prop_map(|text| format!("{text:?}"));
    let value =
        prop_oneof![value, any::<f64>().prop_map(|number| number.to_string()), Just("[{}]".to_owned())];
    let object = vec((name, value), 0..5).prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    (status, prop_oneof![object, bytes()])
        .prop_map(|(status, body)| [format!("{status}\n").as_bytes(), body.as_slice()].concat())
}

#[test]
fn answers_are_understood_as_before() {
    replay("answers", service::answers);
}

#[test]
fn waits_are_understood_as_before() {
    replay("retry_after", service::retry_after);
}

#[test]
fn sign_ins_are_understood_as_before() {
    replay("sign_in", service::sign_in);
}

#[test]
fn proxies_are_found_as_before() {
    replay("proxies", proxies::proxies);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_wait_is_bounded(input in bytes()) {
        service::retry_after(&input);
    }

    #[test]
    fn any_answer_has_its_meaning(input in answer()) {
        service::answers(&input);
        service::sign_in(&input);
    }

    #[test]
    fn any_proxy_is_what_another_parser_finds(user in "[a-z:%4@]{0,6}", host in "[a-z.0-9:/@\\[\\]]{1,12}") {
        let value = format!("https://a.example\nHTTPS_PROXY=http://{user}@{host}\nALL_PROXY={host}");
        proxies::proxies(value.as_bytes());
        proxies::proxies(format!("https://a.example\nALL_PROXY={host}").as_bytes());
    }
}
