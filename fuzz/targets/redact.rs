#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_policy::redact::fuzzed::redact(data));
