//! Defines the clouds in which Partner Center runs (fact book 1).

use std::str::FromStr;

/// A cloud with its own partner accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    Global,
    China,
    UsGov,
}

/// Domains of Microsoft; each includes its subdomains.
const MICROSOFTS: [&str; 11] = [
    "microsoft.com",
    "microsoftonline.com",
    "microsoftonline-p.com",
    "microsoftonline.us",
    "microsoftonline.cn",
    "microsoftonline.de",
    "windows.net",
    "chinacloudapi.cn",
    "live.com",
    "b2clogin.com",
    "ciamlogin.com",
];

impl Cloud {
    pub(super) const ALL: [Cloud; 3] = [Cloud::Global, Cloud::China, Cloud::UsGov];

    pub(super) const fn api_url(self) -> &'static str {
        match self {
            Cloud::Global | Cloud::UsGov => "https://api.partnercenter.microsoft.com",
            Cloud::China => "https://partner.partnercenterapi.microsoftonline.cn",
        }
    }

    pub(super) const fn authority_url(self) -> &'static str {
        match self {
            Cloud::Global => "https://login.microsoftonline.com",
            Cloud::UsGov => "https://login.microsoftonline.us",
            Cloud::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// Whether this host belongs to Microsoft, under any name that its sign-in service has or had in any cloud. If the
    /// list has a name too many, the operator needs one more option; if a name is missing, a Microsoft token goes to
    /// the wrong host.
    pub(super) fn is_microsofts(host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_within = |domain: &&str| {
            host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        MICROSOFTS.iter().any(is_within)
    }

    /// The audience of tokens; in every cloud the base URL of the API.
    pub(super) const fn audience(self) -> &'static str {
        self.api_url()
    }

    /// Customer agreements are recorded only in the public cloud (fact book 10).
    pub(super) const fn takes_agreements(self) -> bool {
        matches!(self, Cloud::Global)
    }

    /// The suffix of initial domains.
    pub(super) const fn domain_suffix(self) -> &'static str {
        match self {
            Cloud::Global => "onmicrosoft.com",
            Cloud::UsGov => "onmicrosoft.us",
            Cloud::China => "partner.onmschina.cn",
        }
    }
}

impl FromStr for Cloud {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(cloud) = Cloud::ALL.into_iter().find(|cloud| cloud.to_string() == name) {
            return Ok(cloud);
        }
        match name {
            "germany" => Err("the German cloud was closed on 2021-10-29; use global".to_owned()),
            _ => Err("one of global, china, us-gov".to_owned()),
        }
    }
}

impl std::fmt::Display for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Cloud::Global => "global",
            Cloud::China => "china",
            Cloud::UsGov => "us-gov",
        })
    }
}
