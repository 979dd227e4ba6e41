//! The clouds in which Partner Center runs (fact book 1).

use std::str::FromStr;

/// A cloud with partner accounts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    Global,
    China,
    UsGov,
}

/// Each with all names below it.
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

    /// Is this host Microsoft's, under any of the names that its sign-in service has or had, in whatever cloud? A name
    /// too many asks the operator for one more option; a name too few sends a token of Microsoft's elsewhere.
    pub(super) fn is_microsofts(host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_within = |domain: &&str| {
            host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        MICROSOFTS.iter().any(is_within)
    }

    /// What tokens are asked for; the API's own base in every cloud.
    pub(super) const fn audience(self) -> &'static str {
        self.api_url()
    }

    /// Agreements of customers are recorded in the public cloud alone (fact book 10).
    pub(super) const fn takes_agreements(self) -> bool {
        matches!(self, Cloud::Global)
    }

    /// What every initial domain ends in.
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
        match name {
            "global" => Ok(Cloud::Global),
            "china" => Ok(Cloud::China),
            "us-gov" => Ok(Cloud::UsGov),
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
