//! Tests which proxy follows from the values of the variables.

use super::*;

fn environment<'a>(variables: &'a [(&'a str, &'a str)]) -> Proxies {
    let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    Proxies { asks_system: false, ..Proxies::of_environment(get) }
}

fn shown(variables: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
    let proxy = environment(variables).on_the_way_to(&url.parse().unwrap());
    let proxy = proxy.map_err(|bad| bad.to_string())?;
    Ok(proxy.map(|proxy| format!("{proxy} {}", proxy.named_by)))
}

const API: &str = "https://api.partnercenter.microsoft.com/";

#[test]
fn a_value_has_one_meaning_or_none() {
    #[track_caller]
    fn check(value: &str, expected: Result<&str, &str>) {
        let found = shown(&[("HTTPS_PROXY", value)], API);
        let expected = expected.map(|proxy| Some(format!("{proxy} HTTPS_PROXY")));
        let expected = expected.map_err(|why| format!("cannot use the proxy in HTTPS_PROXY: {why}"));
        assert_eq!(found, expected, "{value}");
    }
    check("http://proxy.corp:8080", Ok("http://proxy.corp:8080"));
    check("HTTP://proxy.corp:8080/", Ok("http://proxy.corp:8080"));
    check("proxy.corp:8080", Ok("http://proxy.corp:8080"));
    check("proxy.corp", Ok("http://proxy.corp:80"));
    check("https://proxy.corp", Ok("https://proxy.corp:443"));
    check("http://10.0.0.1:3128", Ok("http://10.0.0.1:3128"));
    check("http://[fd00::1]:3128", Ok("http://[fd00::1]:3128"));
    check("http://user:secret@proxy:8080", Ok("http://user:…@proxy:8080"));
    check("user:secret@proxy:8080", Ok("http://user:…@proxy:8080"));
    check("http://user@proxy:8080", Ok("http://user:…@proxy:8080"));
    check("http://user:p%40ss:w!rd@proxy:8080", Ok("http://user:…@proxy:8080"));
    check("http://domain%5Cuser:secret@proxy:8080", Ok("http://domain\\user:…@proxy:8080"));
    let raw = |character: &str| format!("its user name or password contains a raw `{character}`");
    for (value, why) in [
        ("http:\\\\proxy:8080", "it contains a backslash".to_owned()),
        ("http://domain\\user:secret@proxy:8080", "it contains a backslash".to_owned()),
        ("\"http://proxy:8080\"", "it contains a quotation mark".to_owned()),
        ("'http://proxy:8080'", "it contains a quotation mark".to_owned()),
        (" ", "it contains a space".to_owned()),
        ("http://proxy:8080 ", "it contains a space".to_owned()),
        ("http://proxy :8080", "it contains a space".to_owned()),
        ("http://proxy:8080\n", "it contains a space".to_owned()),
        ("ftp://proxy:8080", "its scheme is not http:// or https://".to_owned()),
        ("htp://user:secret@proxy", "its scheme is not http:// or https://".to_owned()),
        ("socks5://proxy:1080", "SOCKS proxies are not supported, only http:// and https://".to_owned()),
        ("http://user:p@ss@proxy:8080", raw("@")),
        ("http://user:p/ss@proxy:8080", raw("/")),
        ("http://user:p#ss@proxy:8080", raw("#")),
        ("http://user:p?ss@proxy:8080", raw("?")),
        ("http://user:p[ss@proxy:8080", raw("[")),
        ("http://user:p^ss@proxy:8080", raw("^")),
        ("http://user:100%@proxy:8080", raw("%")),
        ("http://user:%zz@proxy:8080", raw("%")),
        (
            "http://user:pässword@proxy",
            "its user name or password contains a character that is not \
          ASCII"
                .to_owned(),
        ),
        ("http://user:%ff@proxy", "its user name or password is not UTF-8".to_owned()),
        ("http://proxy:8080/proxy.pac", "its address has a raw `/` after the port".to_owned()),
        ("http://proxy:8080?x", "its address has a raw `?` after the port".to_owned()),
    ] {
        check(value, Err(&why));
    }
    for value in [
        "http://",
        "http:///",
        "http://:8080",
        "http:proxy:8080",
        "http://proxy:",
        "http://proxy:http",
        "http://proxy:0",
        "http://proxy:99999",
        "http://fd00::1:3128",
        "http://user:secret@",
        "http://[fd00::1",
        "http://pro%zzxy",
        "http://%27proxy",
        "http://pro%78y",
        "http://pro|xy",
    ] {
        check(value, Err("its host or port is not valid"));
    }
}

#[test]
fn a_password_is_sent_as_it_is_meant_and_never_shown() {
    let variables = [("HTTPS_PROXY", "http://us%65r:p%40ss%25@proxy:8080")];
    let proxy = environment(&variables).on_the_way_to(&API.parse().unwrap()).unwrap().unwrap();
    let header = proxy.authorization_header().unwrap();
    assert_eq!(header, format!("Basic {}", BASE64_STANDARD.encode("user:p@ss%")).as_str());
    let printed = format!("{proxy} {proxy:?} {header:?} {:?}", environment(&variables));
    assert!(!printed.contains("ss%") && !printed.contains("p%40"), "{printed}");
}

#[test]
fn the_variable_that_counts_is_the_nearest_one() {
    let all = [
        ("HTTPS_PROXY", "http://a"),
        ("https_proxy", "http://b"),
        ("HTTP_PROXY", "http://c"),
        ("ALL_PROXY", "http://d"),
        ("NO_PROXY", "example.com, 10.0.0.0/8"),
    ];
    let check = |without: &[&str], url: &str, expected: Option<&str>| {
        let variables: Vec<_> = all.iter().filter(|(name, _)| !without.contains(name)).copied().collect();
        assert_eq!(shown(&variables, url).unwrap().as_deref(), expected, "{without:?} {url}");
    };
    check(&[], API, Some("http://a:80 HTTPS_PROXY"));
    check(&["HTTPS_PROXY"], API, Some("http://b:80 https_proxy"));
    check(&["HTTPS_PROXY", "https_proxy"], API, Some("http://d:80 ALL_PROXY"));
    for direct in [
        "https://example.com/",
        "https://a.example.com/",
        "https://10.1.2.3/",
        "https://127.0.0.1/",
        "http://monitor.internal/",
        "http://192.168.1.5/",
    ] {
        check(&[], direct, None);
    }
    check(&["NO_PROXY"], "https://localhost/", None);
    check(&["NO_PROXY"], "https://[::1]/", None);
    let empty = [("HTTPS_PROXY", ""), ("https_proxy", "http://b")];
    assert_eq!(shown(&empty, API).unwrap().as_deref(), Some("http://b:80 https_proxy"));
    assert_eq!(shown(&[("HTTPS_PROXY", "")], API), Ok(None));
    for (exceptions, url, is_direct) in [
        ("x, *.microsoft.com", API, true),
        ("*", API, true),
        ("api.test:8443", "https://api.test:8443/", true),
        ("api.test:443", "https://api.test/", true),
        ("api.test:443", "https://api.test:8443/", false),
        ("foo api.test", "https://api.test/", true),
        ("https://api.test/", "https://api.test/", true),
        ("\"api.test\"", "https://api.test/", true),
        ("api.test.", "https://api.test/", true),
        ("10.9.9.1:8443", "https://10.9.9.1:8443/", true),
        ("[fd00:9::1]:8443", "https://[fd00:9::1]:8443/", true),
        ("[fd00:9::1]", "https://[fd00:9::1]/", true),
        ("fd00:9::/32", "https://[fd00:9::1]/", true),
        ("[fd00:9::]/32", "https://[fd00:9::1]/", true),
        ("api.test.", "https://api.test.:8443/", true),
        ("api.test", "https://api.test.:8443/", true),
        ("http://api.test", "https://api.test/", false),
        ("https://*", "https://api.test/", false),
        ("*/", "https://api.test/", false),
        ("[fd00:9::1]x", "https://[fd00:9::1]/", false),
    ] {
        let found = shown(&[("HTTPS_PROXY", "http://a"), ("NO_PROXY", exceptions)], url);
        assert_eq!(found.map(|proxy| proxy.is_none()), Ok(is_direct), "{exceptions} {url}");
    }
    let empty = [("HTTPS_PROXY", "http://a"), ("NO_PROXY", ""), ("no_proxy", "example.com")];
    assert_eq!(shown(&empty, "https://example.com/"), Ok(None));
    assert_eq!(shown(&empty, API).unwrap().as_deref(), Some("http://a:80 HTTPS_PROXY"));
}
