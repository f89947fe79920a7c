//! Hyperion, a self-hosted control plane for AI agents: the binary.
fn main() {}
