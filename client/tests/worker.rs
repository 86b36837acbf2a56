//! The same tests, in a dedicated Worker.
#![cfg(target_arch = "wasm32")]

mod cases;
mod support;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
