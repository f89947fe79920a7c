#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyperion_mcp::fuzzed::jsonrpc(data));
