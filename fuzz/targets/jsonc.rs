#![no_main]

/// The binary's sources: a binary cannot be linked to, so the module is compiled in.
#[path = "../../crates/hyperion/src/commands/mcp"]
mod mcp {
    #[allow(dead_code, reason = "the module serves a whole program, of which this is a part")]
    pub(crate) mod jsonc;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        mcp::jsonc::fuzzed::edit(text);
    }
});
