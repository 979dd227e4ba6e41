//! The clouds in which Partner Center runs (fact book 1).

use std::str::FromStr;

/// A cloud with partner accounts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    Global,
    China,
    UsGov,
}

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

    /// Does Microsoft run the sign-in service at this host, in whatever cloud? The second row has older names.
    pub(super) fn is_microsofts_authority(host: &str) -> bool {
        let known = [Cloud::Global, Cloud::UsGov, Cloud::China].map(Cloud::authority_url);
        let older =
            ["https://login.windows.net", "https://sts.windows.net", "https://login.chinacloudapi.cn"];
        known.iter().chain(&older).any(|url| url.strip_prefix("https://") == Some(host))
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
