#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirescope_server::fuzzing::frames(bytes));
