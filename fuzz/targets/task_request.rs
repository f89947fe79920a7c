#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_intake::fuzzed::task_request(data));
