//! Where the sign-in goes, and which tokens are taken: judged before anything is sent and before a ledger is made.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Bench, Call, TENANT, customers};

const AUDIENCE: &str = "https://api.partnercenter.microsoft.com";

/// Ends of tokens: in 2020 and in 2100.
const PAST: i64 = 1_577_836_800;
const FUTURE: i64 = 4_102_444_800;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench
}

/// As an app of the real cloud, at the API of somebody else.
fn at<'a>(call: Call<'a>, api_url: &str) -> Call<'a> {
    call.with_app().without("TENANTRY_AUTHORITY_URL").env("TENANTRY_API_URL", api_url)
}

#[test]
fn the_sign_in_goes_to_no_host_that_was_not_named_for_it() {
    let bench = bench();
    for host in
        ["api.example.invalid", "api.partnercenter.microsoft.com.example.invalid", "api.example.invalid:8443"]
    {
        let api_url = format!("https://{host}/");
        let name = host.split(':').next().unwrap();
        for command in
            [["import", "customers.csv"], ["check", "--online"], ["whoami", "-v"], ["config", "show"]]
        {
            let call = bench.tenantry(command.iter().filter(|word| **word != "--online"));
            let call = if command[0] == "check" { call.args(["--online", "customers.csv"]) } else { call };
            at(call, &api_url)
                .exits(2)
                .says(&format!("the sign-in is not sent to `{name}`"))
                .says(&format!("--allow-api-host {host}"));
        }
    }
    // Microsoft's own sign-in service vouches for nobody, whatever name it is called by.
    let show = || at(bench.tenantry(["config", "show"]), "https://api.example.invalid/");
    for authority in [
        "login.microsoftonline.com",
        "login.microsoftonline.com.",
        "LOGIN.Microsoft.com",
        "login.windows.net:443",
        "sts.windows.net",
        "westus2.login.microsoft.com",
    ] {
        show()
            .env("TENANTRY_AUTHORITY_URL", format!("https://{authority}"))
            .exits(2)
            .says("the sign-in is not sent to `api.example.invalid`");
    }
    // One of its own does; but not for a token that may be of another.
    let own = || show().env("TENANTRY_AUTHORITY_URL", "https://login.example.invalid");
    own().exits(0);
    own().env("TENANTRY_ACCESS_TOKEN", "opaque").exits(2).says("--allow-api-host api.example.invalid");
    own().env("TENANTRY_ACCESS_TOKEN", "opaque").args(["--allow-api-host", "api.example.invalid"]).exits(0);
    at(bench.import("customers.csv"), "https://partner.partnercenterapi.microsoftonline.cn")
        .exits(2)
        .says("--cloud china");
    assert!(!bench.has_ledger());
}

#[test]
fn a_host_that_is_named_exactly_is_let_pass() {
    let bench = bench();
    let api_url = "https://api.example.invalid:8443/";
    let show = || at(bench.tenantry(["config", "show"]), api_url);
    for named in [
        "api.example.invalid",
        "API.example.invalid:8443",
        "one.example, api.example.invalid".replace(' ', "").as_str(),
    ] {
        show().args(["--allow-api-host", named]).exits(0);
        show().env("TENANTRY_ALLOW_API_HOST", named).exits(0);
    }
    for other in [
        "example.invalid",
        "x.api.example.invalid",
        "api.example.invalid:443",
        "api.example.invalid:80",
        "api.example.invalid:080",
    ] {
        show().args(["--allow-api-host", other]).exits(2);
    }
    let usual_port = |named| {
        at(bench.tenantry(["config", "show"]), "https://api.example.invalid/")
            .args(["--allow-api-host", named])
    };
    usual_port("api.example.invalid:443").exits(0);
    usual_port("api.example.invalid:80").exits(2);
    for wrong in [
        "https://api.example.invalid",
        "api.example.invalid/x",
        "bob@api.example.invalid",
        "api.example.invalid:",
        "",
    ] {
        let whoami = at(bench.tenantry(["whoami"]), api_url);
        whoami.args([format!("--allow-api-host={wrong}")]).exits(2).says("HOST:PORT");
    }
    bench.file("settings.toml", "allow-api-host = [\"api.example.invalid\"]\n");
    show().args(["--config", "settings.toml"]).exits(0);
    // It is part of the next command.
    let import = at(bench.import("customers.csv"), api_url).env("TENANTRY_MAX_OUTAGE", "1s");
    let done = import.without("TENANTRY_CLIENT_SECRET").env("TENANTRY_ACCESS_TOKEN", "opaque");
    let done = done.args(["--allow-api-host", "api.example.invalid"]).exits(5);
    assert!(done.stdout.contains("--allow-api-host api.example.invalid"), "{done}");
}

/// A claim that is read by nobody, or has another type than usual, switches off no check of the others.
#[test]
fn an_unusual_claim_hides_no_other() {
    let bench = bench();
    let foreign = "11111111-2222-4333-8444-555555555555";
    let refused = |claims: &Value, exit_code: i32, words: &str| {
        let import = bench.import("customers.csv").env("TENANTRY_TENANT_ID", TENANT);
        import.env("TENANTRY_ACCESS_TOKEN", token(claims)).exits(exit_code).says(words);
        assert!(!bench.has_ledger() && bench.simulator().requests().is_empty(), "{claims}");
    };
    for (claim, value) in
        [("scp", json!(["x"])), ("amr", json!("pwd")), ("upn", json!(7)), ("exp", json!("4102444800"))]
    {
        refused(&json!({ claim: value, "tid": foreign }), 2, "it is of the tenant 11111111");
        refused(&json!({ claim: value, "aud": "https://graph.windows.net" }), 4, "for another service");
    }
    for exp in [json!(1.5), json!("1"), json!(1)] {
        refused(&json!({ "exp": exp }), 4, "it was valid until 1970-01-01");
    }
    for unreadable in [json!([]), json!("x"), json!(null)] {
        refused(&unreadable, 4, "its claims cannot be read");
    }
}

/// A ledger is of one partner tenant, whatever else the token says of itself.
#[test]
fn an_unusual_claim_keeps_no_ledger_from_its_tenant() {
    let bench = bench();
    let import = |claims: &Value| {
        bench
            .import("customers.csv")
            .without("TENANTRY_TENANT_ID")
            .env("TENANTRY_ACCESS_TOKEN", token(claims))
    };
    import(&json!({ "tid": TENANT, "exp": FUTURE })).exits(0);
    let other = json!({ "tid": "11111111-2222-4333-8444-555555555555", "scp": ["x"], "exp": FUTURE });
    let done = import(&other).exits(2);
    assert!(done.stderr.contains("11111111-2222-4333-8444-555555555555"), "{done}");
}

/// A token that says this of itself.
pub(crate) fn token(claims: &Value) -> String {
    format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn a_token_that_does_not_fit_is_refused_before_there_is_a_ledger() {
    let bench = bench();
    for (claims, exit_code, words) in [
        (json!({ "exp": PAST, "aud": AUDIENCE, "tid": TENANT }), 4, "it was valid until "),
        (
            json!({ "exp": FUTURE, "aud": "https://graph.microsoft.com" }),
            4,
            "it is for another service, `https://graph",
        ),
        (json!({ "aud": "https://graph.windows.net", "tid": TENANT }), 4, "for another service"),
        (
            json!({ "exp": FUTURE, "aud": AUDIENCE, "tid": "11111111-2222-4333-8444-555555555555" }),
            2,
            "it is of the tenant 11111111-2222-4333-8444-555555555555, and --tenant-id is ",
        ),
    ] {
        let import = bench.import("customers.csv").env("TENANTRY_TENANT_ID", TENANT);
        let done = import.env("TENANTRY_ACCESS_TOKEN", token(&claims)).exits(exit_code);
        done.says("cannot use TENANTRY_ACCESS_TOKEN: ").says(words).says("hint: ");
        assert!(!bench.has_ledger(), "{words}");
        assert!(bench.simulator().requests().is_empty(), "{words}");
    }
}

#[test]
fn a_token_that_fits_or_says_nothing_is_taken() {
    for token in [
        token(&json!({ "exp": FUTURE, "aud": AUDIENCE, "tid": TENANT })),
        token(&json!({ "exp": FUTURE, "aud": ["x", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"] })),
        token(&json!({ "scp": "user_impersonation" })),
        "opaque".to_owned(),
    ] {
        let bench = bench();
        let import = bench.import("customers.csv").env("TENANTRY_TENANT_ID", TENANT);
        import.env("TENANTRY_ACCESS_TOKEN", &token).exits(0);
        bench.agree();
    }
}
