//! One case, two tests: over the browser's `WebSocket` and over its `WebSocketStream`.

use std::fmt;

/// Makes two tests of each case named, which takes the transport to use. Those over `WebSocketStream` are ignored, and
/// counted so, in a run whose browser has none; those that need the supervisor in a run without it.
macro_rules! over_both {
    ($($name:ident,)* $(; with the supervisor: $($supervised:ident,)*)?) => {
        mod over_events {
            use wasm_bindgen_test::wasm_bindgen_test;
            use wirescope::socket::Transport::Events;

            $(#[wasm_bindgen_test]
            async fn $name() {
                crate::support::over::passed(super::$name(Events).await);
            })*

            $($(#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
            #[wasm_bindgen_test]
            async fn $supervised() {
                crate::support::over::passed(super::$supervised(Events).await);
            })*)?
        }

        mod over_stream {
            use wasm_bindgen_test::wasm_bindgen_test;
            use wirescope::socket::Transport::Stream;

            $(#[cfg_attr(not(wirescope_stream), ignore = "needs a browser with WebSocketStream")]
            #[wasm_bindgen_test]
            async fn $name() {
                crate::support::over::passed(super::$name(Stream).await);
            })*

            $($(#[cfg_attr(
                not(all(wirescope_stream, wirescope_supervisor)),
                ignore = "needs a browser with WebSocketStream, and the supervisor: run cargo xtask test"
            )]
            #[wasm_bindgen_test]
            async fn $supervised() {
                crate::support::over::passed(super::$supervised(Stream).await);
            })*)?
        }
    };
}

pub(crate) use over_both;

/// What a case gives.
pub(crate) trait Outcome {
    fn check(self);
}

impl Outcome for () {
    fn check(self) {}
}

impl<E: fmt::Debug> Outcome for Result<(), E> {
    fn check(self) {
        self.expect("the case succeeds");
    }
}

/// Fails the test if its case gave an error.
pub(crate) fn passed(outcome: impl Outcome) {
    outcome.check();
}
