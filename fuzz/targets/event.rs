#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_model::fuzzed::event(data));
