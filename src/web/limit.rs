//! Rate limits: requests for each caller, sign-ins and unknown tokens for each address.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use actix_web::HttpRequest;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::error::ApiError;
use crate::config::ServerConfig;

/// The limits of one server.
pub struct Limits {
    callers: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Limits {
    /// Limits as configured; a limit of 0 counts as 1.
    pub fn new(server: &ServerConfig) -> Self {
        let quota = |per_minute: u32| {
            Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN))
        };
        Self {
            callers: RateLimiter::keyed(quota(server.requests_per_minute)),
            addresses: RateLimiter::keyed(quota(server.requests_per_minute)),
            sign_ins: RateLimiter::keyed(quota(server.sign_ins_per_minute)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of a known caller.
    pub fn count_caller(&self, caller: &str) -> Result<(), ApiError> {
        self.verdict(self.callers.check_key(&caller.to_owned()))
    }

    /// Counts a request that shows no valid token.
    pub fn count_address(&self, request: &HttpRequest) -> Result<(), ApiError> {
        self.verdict(self.addresses.check_key(&address_of(request)))
    }

    /// Counts an attempt to sign in.
    pub fn count_sign_in(&self, request: &HttpRequest) -> Result<(), ApiError> {
        self.verdict(self.sign_ins.check_key(&address_of(request)))
    }

    /// Forgets callers that would start afresh anyway.
    pub fn forget_quiet(&self) {
        self.callers.retain_recent();
        self.addresses.retain_recent();
        self.sign_ins.retain_recent();
    }

    fn verdict(
        &self,
        answer: Result<(), governor::NotUntil<governor::clock::QuantaInstant>>,
    ) -> Result<(), ApiError> {
        answer.map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            metrics::counter!("billow_http_refused_by_limit_total").increment(1);
            ApiError::too_many(wait.as_secs() + 1)
        })
    }
}

/// The client's address. A proxy on this machine is believed about the address it names last;
/// what anybody else writes into that header is not read.
pub fn address_of(request: &HttpRequest) -> IpAddr {
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = request.peer_addr().map_or(unknown, |address| address.ip());
    if !peer.is_loopback() {
        return peer;
    }
    let forwarded = request.headers().get_all("x-forwarded-for").last();
    let named =
        forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    named.unwrap_or(peer)
}
