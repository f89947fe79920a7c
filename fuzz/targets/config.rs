#![no_main]

/// The binary's sources: a binary cannot be linked to, so the module is compiled in.
#[path = "../../crates/hyperion/src"]
mod hyperion {
    #[allow(dead_code, unused_imports, reason = "the module serves a whole program, of which this is a part")]
    pub(crate) mod settings;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        hyperion::settings::fuzzed::settings(text);
        hyperion_engine::intake::fuzzed::repo_file(text);
    }
});
