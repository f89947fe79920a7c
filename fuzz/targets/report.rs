#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_analyze::report::fuzzed::any_report(data));
