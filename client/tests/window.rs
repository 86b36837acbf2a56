//! The client's tests, in a browser's window.
#![cfg(target_arch = "wasm32")]

mod cases;
mod support;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
