//! The faults that can affect a request or its reply, and when they do.
//!
//! A [`Fault`] strikes either before or after the request takes effect; a client must handle both cases correctly.
//! Faults come from a script (exact: the next matching requests) or from the seed (each with a probability). The script
//! has priority. This module chooses faults, `strike.rs` carries them out, and `exchange.rs` defines when.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::operation::Operation;
use super::reply::ErrorShape;
use super::throttle::RetryAfter;

/// A kind of fault. "Before": the request has no effect. "After": the request takes effect, but its reply is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Before: the connection ends without a reply.
    RefuseBefore,
    /// After: the connection ends without a reply.
    DropAfter,
    /// Before: the service goes away. Every connection ends without a reply, and new ones are refused for this long.
    GoneBefore {
        /// In milliseconds.
        for_ms: u32,
    },
    /// After: the service goes away in the same way.
    GoneAfter {
        /// In milliseconds.
        for_ms: u32,
    },
    /// Before: this status, with an error body of the service.
    StatusBefore {
        /// A 5xx, 408 or any other.
        status: u16,
    },
    /// After: this status, with an error body of the service.
    StatusAfter {
        /// A 5xx, 408 or any other.
        status: u16,
    },
    /// After: half of the body, then the connection ends.
    Truncated,
    /// Before: a 502 page of HTML.
    HtmlBefore,
    /// After: a 502 page of HTML.
    HtmlAfter,
    /// After: the status of the success, with a body that ends in the middle of its JSON.
    InvalidJson,
    /// After: the success without its `id`.
    WithoutId,
    /// After: the success has the ids, administrator and password of the newest other customer, or of a stranger if
    /// there is none. For creates.
    AnotherCustomer {
        /// The domain in the reply.
        names: Named,
    },
    /// After: an empty 202 with a `Location`.
    Accepted,
    /// Before: no reply until the client gives up.
    StalledBefore,
    /// After: no reply until the client gives up.
    StalledAfter,
    /// After: the correct reply, with its body sent in small pieces over two seconds.
    SlowBody,
    /// After: the correct reply, with a byte order mark before its body (fact book 3.4).
    ByteOrderMark,
    /// Before: a 302 to another host.
    Redirect,
    /// Before: a 401; a token that the simulator issued expires at once.
    Unauthorized,
    /// Before: a 429, regardless of the rate limit.
    Throttled {
        /// The wait in the reply, in the form that the scenario sets.
        retry_after_s: u64,
    },
    /// Before: a 429 with the wait in this form.
    ThrottledAs {
        /// The form of its `Retry-After`.
        form: RetryAfter,
        /// The wait in the reply.
        retry_after_s: u64,
    },
    /// Before: a 503 with this wait in `Retry-After`.
    BusyBefore {
        /// The wait in the reply.
        retry_after_s: u64,
    },
    /// Before: this refusal, with the documented text of its code.
    RefusedBefore {
        /// The HTTP status; also 200, because one code is documented with it.
        status: u16,
        /// The code in the body.
        code: u32,
    },
    /// Before: MFA is required, in the form that the scenario sets. Enforcement for a share of the traffic does this.
    MfaRequired,
    /// After: if the reply is a refusal, its body in another shape.
    Reshaped {
        /// The shape.
        shape: ErrorShape,
    },
}

/// The domain in a success reply that has another customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// The domain of the other customer.
    Theirs,
    /// The domain of the request.
    Own,
    /// No domain.
    Nobody,
}

/// A fault for the next matching requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptedFault {
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// The requests that the fault strikes.
    pub operation: Operation,
    /// Only requests for this domain; for any domain if absent.
    pub domain: Option<String>,
    /// How many requests the fault strikes.
    #[serde(default = "once")]
    pub count: u32,
}

fn once() -> u32 {
    1
}

impl ScriptedFault {
    /// A fault for the next request of this kind, for any domain.
    pub fn next(operation: Operation, fault: Fault) -> ScriptedFault {
        ScriptedFault { fault, operation, domain: None, count: 1 }
    }

    /// The same fault, only for requests for this domain.
    #[must_use]
    pub fn for_domain(self, domain: &str) -> ScriptedFault {
        ScriptedFault { domain: Some(domain.to_owned()), ..self }
    }

    /// The same fault, for this many requests.
    #[must_use]
    pub fn times(self, count: u32) -> ScriptedFault {
        ScriptedFault { count, ..self }
    }
}

/// Does a setting for one domain, or for any domain, apply to a request for this domain?
pub(super) fn concerns(wanted: Option<&str>, domain: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| domain.is_some_and(|domain| wanted.eq_ignore_ascii_case(domain)))
}

/// A fault that strikes at random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeededFault {
    /// The fault.
    pub fault: Fault,
    /// The requests that the fault can strike; if `None`, all except sign-in requests.
    pub operation: Option<Operation>,
    /// The probability for each request, from 0 to 1. The faults that can strike one request should add up to at most
    /// 1.
    pub probability: f64,
}

/// The scripted and seeded faults.
#[derive(Debug)]
pub(super) struct FaultPlan {
    script: VecDeque<ScriptedFault>,
    seeded: Vec<SeededFault>,
    rng: StdRng,
}

impl FaultPlan {
    pub(super) fn new(seeded: Vec<SeededFault>, seed: u64) -> FaultPlan {
        FaultPlan { script: VecDeque::new(), seeded, rng: StdRng::seed_from_u64(seed) }
    }

    pub(super) fn script(&mut self, fault: ScriptedFault) {
        self.script.push_back(fault);
    }

    pub(super) fn replace_script(&mut self, script: Vec<ScriptedFault>) {
        self.script = script.into();
    }

    /// Chooses the fault for a new request; a scripted fault is used up.
    pub(super) fn draw(&mut self, operation: Operation, domain: Option<&str>) -> Option<Fault> {
        self.draw_scripted(operation, domain).or_else(|| self.draw_seeded(operation))
    }

    fn draw_scripted(&mut self, operation: Operation, domain: Option<&str>) -> Option<Fault> {
        self.script.retain(|entry| entry.count > 0);
        let entry = self
            .script
            .iter_mut()
            .find(|entry| entry.operation == operation && concerns(entry.domain.as_deref(), domain))?;
        entry.count -= 1;
        Some(entry.fault)
    }

    fn draw_seeded(&mut self, operation: Operation) -> Option<Fault> {
        if self.seeded.is_empty() {
            return None;
        }
        // Draw once for each request, even if no fault can strike it: then the sequence depends only on the seed.
        let mut roll = self.rng.random::<f64>();
        let candidates = self.seeded.iter().filter(|it| match it.operation {
            Some(only) => only == operation,
            None => !operation.is_sign_in(),
        });
        for candidate in candidates {
            if roll < candidate.probability {
                return Some(candidate.fault);
            }
            roll -= candidate.probability;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_exact() {
        let mut plan = FaultPlan::new(Vec::new(), 0);
        plan.script(
            ScriptedFault::next(Operation::Create, Fault::DropAfter).for_domain("A.example").times(2),
        );
        plan.script(ScriptedFault::next(Operation::Create, Fault::Truncated));
        assert_eq!(plan.draw(Operation::Search, Some("a.example")), None);
        assert_eq!(plan.draw(Operation::Create, Some("b.example")), Some(Fault::Truncated));
        assert_eq!(plan.draw(Operation::Create, Some("b.example")), None);
        for _ in 0..2 {
            assert_eq!(plan.draw(Operation::Create, Some("a.EXAMPLE")), Some(Fault::DropAfter));
        }
        assert_eq!(plan.draw(Operation::Create, Some("a.example")), None);
    }

    #[test]
    fn a_seed_repeats_itself_and_respects_its_probabilities() {
        let seeded = vec![
            SeededFault { fault: Fault::DropAfter, operation: Some(Operation::Create), probability: 0.2 },
            SeededFault { fault: Fault::Redirect, operation: None, probability: 0.1 },
        ];
        let run = |seed| {
            let mut plan = FaultPlan::new(seeded.clone(), seed);
            (0..2000).map(|_| plan.draw(Operation::Create, None)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let struck = |fault| run(7).iter().filter(|drawn| **drawn == Some(fault)).count();
        assert!((300..500).contains(&struck(Fault::DropAfter)));
        assert!((120..290).contains(&struck(Fault::Redirect)));
    }

    #[test]
    fn the_script_reads_as_documented() {
        let text =
            r#"{"kind":"status_before","status":503,"operation":"create","domain":"a.example","count":2}"#;
        let expected = ScriptedFault::next(Operation::Create, Fault::StatusBefore { status: 503 })
            .for_domain("a.example")
            .times(2);
        assert_eq!(serde_json::from_str::<ScriptedFault>(text).unwrap(), expected);
        let short: ScriptedFault =
            serde_json::from_str(r#"{"kind":"redirect","operation":"token"}"#).unwrap();
        assert_eq!(short, ScriptedFault::next(Operation::Token, Fault::Redirect));
    }
}
