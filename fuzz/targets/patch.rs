#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hyperion_patch::fuzzed::patch(data);
    if let Ok(text) = std::str::from_utf8(data) {
        hyperion_engine::intake::fuzzed::mails(text);
    }
});
