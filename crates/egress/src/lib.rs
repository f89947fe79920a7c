//! The proxy through which a run reaches the hosts that the settings list, and no others.
//!
//! It speaks HTTP as clients speak it to any proxy: CONNECT for everything encrypted, whole addresses for plain HTTP. Each connection
//! is judged anew by a [`Judge`], by the name that was asked for; the proxy then resolves that name itself and connects to an address
//! that it has looked at, so a name that leads into the machine's own network leads nowhere, whatever a second look-up would say.
//!
//! Where the machine has a proxy itself ([`Upstream`]), that one is asked by name: it looks names up, and what it lets through is its affair.

mod address;
mod host;
mod hosts;
mod proxy;
mod tunnel;
mod upstream;

pub use address::is_public;
pub use host::{Host, HostError, Target};
pub use hosts::Hosts;
pub use proxy::{Judge, Proxy, Refusal, Resolving, Why};
pub use upstream::Upstream;
