//! The fuzzer: libFuzzer hands over bytes, and asks for the next ones.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        firedrill_fuzz::examine(text);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mutated = std::str::from_utf8(&data[..size])
        .ok()
        .and_then(|text| firedrill_fuzz::mutate(text, max_size, seed));
    match mutated {
        Some(text) => {
            data[..text.len()].copy_from_slice(text.as_bytes());
            text.len()
        }
        // Bytes are changed now and then, so that what no line-wise change makes comes about too.
        None => fuzzer_mutate(data, size, max_size),
    }
});
