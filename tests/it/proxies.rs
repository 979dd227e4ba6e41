//! Variables that name a proxy: what cannot be understood sends nothing, what the proxy itself says is told, and a
//! password in them is shown nowhere.

use crate::harness::{Bench, customers, each_at_once, states};
use crate::middlebox::{HOST, Manner};
use crate::network::{bench_behind_a_proxy, by_proxy};

const PASSWORD: &str = "hunter2";

/// Names of variables have no case on Windows.
const IN_SMALL_LETTERS: &str = if cfg!(windows) { "HTTPS_PROXY" } else { "https_proxy" };

#[test]
fn a_variable_that_cannot_be_understood_is_an_error_and_nothing_goes_out() {
    let (bench, _service, proxy) = bench_behind_a_proxy(Manner::Tunnel);
    let address = proxy.address();
    for (variable, value, why) in [
        ("HTTPS_PROXY", format!("http:\\\\{address}"), "it contains a backslash"),
        ("HTTPS_PROXY", format!("http://corp\\bob:{PASSWORD}@{address}"), "it contains a backslash"),
        ("HTTPS_PROXY", format!("\"http://{address}\""), "it contains a quotation mark"),
        ("HTTPS_PROXY", format!("http://{address} "), "it contains a space"),
        ("HTTPS_PROXY", format!("ftp://{address}"), "its scheme is not http:// or https://"),
        ("HTTPS_PROXY", format!("socks5://{address}"), "SOCKS proxies are not supported"),
        ("HTTPS_PROXY", format!("http://bob:{PASSWORD}@x@{address}"), "contains a raw `@`"),
        ("HTTPS_PROXY", format!("http://bob:{PASSWORD}/x@{address}"), "contains a raw `/`"),
        ("ALL_PROXY", format!("http://bob:{PASSWORD}#x@{address}"), "contains a raw `#`"),
        (IN_SMALL_LETTERS, format!("http://bob:{PASSWORD}%@{address}"), "contains a raw `%`"),
    ] {
        // With this one set, the HTTP client by itself would use no proxy at all.
        let only = |call: crate::harness::Call<'_>| {
            let call =
                by_proxy(call, &proxy).without("HTTPS_PROXY").without("ALL_PROXY").without("HTTP_PROXY");
            call.env("REQUEST_METHOD", "GET").env(variable, &value).exits(2)
        };
        for call in
            [bench.import("customers.csv"), bench.tenantry(["whoami"]), bench.tenantry(["config", "show"])]
        {
            // `config show` has no option of its own for certificates to look up.
            let done = only(call);
            done.says(&format!("cannot use the proxy in {variable}: ")).says(why).says("hint: write ");
            let said = format!("{done}");
            assert!(!said.contains(PASSWORD), "{said}");
        }
        assert!(!bench.has_ledger(), "{value}");
        assert!(proxy.heard().is_empty(), "{value}");
    }
}

#[test]
fn a_proxy_counts_also_where_the_variables_of_a_web_server_are_set() {
    let (bench, _service, proxy) = bench_behind_a_proxy(Manner::Tunnel);
    by_proxy(bench.import("customers.csv"), &proxy).env("REQUEST_METHOD", "GET").exits(0);
    assert!(!proxy.heard().is_empty());
    bench.agree();
}

#[test]
fn what_the_proxy_answers_is_said_with_what_to_do() {
    let cases = [
        (403, false, format!("the proxy refuses to connect to `{HOST}` (status 403)"), "to allow"),
        (
            407,
            false,
            "asks for a user name and password (status 407)".to_owned(),
            "http://USER:PASSWORD@HOST:PORT",
        ),
        (
            407,
            true,
            "does not accept the user name and password in HTTPS_PROXY (status 407)".to_owned(),
            "correct them in HTTPS_PROXY",
        ),
        (500, false, "the proxy could not connect".to_owned(), "try again later"),
        (502, true, format!("the proxy could not reach `{HOST}` (status 502)"), "whether it can reach"),
        (503, false, "(status 503)".to_owned(), "try again later: the proxy is overloaded"),
    ];
    each_at_once(cases, |(status, with_password, words, hint)| {
        let page: &str =
            format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").leak();
        let (bench, _service, proxy) = bench_behind_a_proxy(Manner::Says(page));
        let address = proxy.address();
        let user = if with_password { format!("bob:{PASSWORD}@") } else { String::new() };
        let import = by_proxy(bench.import("customers.csv"), &proxy);
        let done = import.env("HTTPS_PROXY", format!("http://{user}{address}")).exits(5);
        done.says(&words).says(hint);
        assert!(!format!("{done}").contains(PASSWORD), "{done}");
        assert_eq!(bench.ledger().states(), states([("pending", 2)]));
        proxy.turn(Manner::Tunnel);
        by_proxy(bench.resume(), &proxy).exits(0);
        bench.agree();
    });
}

/// It may be that of an account which is locked after a few wrong ones.
#[test]
fn a_wrong_password_of_a_proxy_is_not_repeated_for_long() {
    let page = "HTTP/1.1 407 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (bench, _service, proxy) = bench_behind_a_proxy(Manner::Says(page));
    let variable = format!("http://bob:{PASSWORD}@{}", proxy.address());
    let import = by_proxy(bench.import("customers.csv"), &proxy).args(["--max-outage", "10m"]);
    import.env("HTTPS_PROXY", variable).exits(5).says("does not accept the user name and password");
    let heard = proxy.heard().len();
    assert!(heard <= 8, "{heard} connections");
    let check = by_proxy(bench.tenantry(["check", "customers.csv", "--online"]), &proxy);
    let done = check.env("HTTPS_PROXY", format!("http://bob:{PASSWORD}@{}", proxy.address())).run();
    assert!(format!("{done}").contains("does not accept the user name and password"), "{done}");
    let more = proxy.heard().len() - heard;
    assert!((1..=2).contains(&more), "{more} connections");
}

#[test]
fn settings_name_the_proxy_in_force_and_hide_its_password() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let show = |json: bool| {
        let call = bench.tenantry(["config", "show"]).args(json.then_some("--json"));
        let call = call.env("TENANTRY_API_URL", "https://api.partnercenter.microsoft.com");
        call.env(IN_SMALL_LETTERS, format!("http://bob:{PASSWORD}@proxy.example:3128")).exits(0)
    };
    let text = show(false);
    assert!(text.stdout.contains("http://bob:…@proxy.example:3128"), "{text}");
    assert!(text.stdout.contains(IN_SMALL_LETTERS), "{text}");
    let json = show(true);
    let proxies = &json.json()["proxies"];
    assert_eq!(proxies[0]["to"], "api-url");
    assert_eq!(proxies[0]["proxy"], "http://bob:…@proxy.example:3128");
    assert_eq!(proxies[0]["source"], IN_SMALL_LETTERS);
    // The sign-in service of this bench is on this machine.
    assert_eq!(proxies[1]["to"], "authority-url");
    assert_eq!(proxies[1]["proxy"], serde_json::Value::Null);
    assert!(!format!("{text}{json}").contains(PASSWORD), "{text}{json}");
}
