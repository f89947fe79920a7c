#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_shim::fuzzed::run_socket(data));
