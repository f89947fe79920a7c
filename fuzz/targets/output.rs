#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_analyze::output::fuzzed::any_output(data));
