//! Subprotocols are offered as a list, and the server's choice is told.

use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::socket::{Error, Socket};

use crate::support::{connect, echo, within};

#[wasm_bindgen_test]
async fn of_two_offers_the_first_is_selected() -> Result<(), Error> {
    // Joined to one string, as some wrappers do, they would be refused by the browser.
    let connecting = Socket::connect(echo()).subprotocols(["wirescope.v2", "wirescope.v1"]);
    let socket = within("it opens", connecting).await?;
    assert_eq!(socket.subprotocol(), "wirescope.v2");
    Ok(())
}

#[wasm_bindgen_test]
async fn one_offer_is_selected() -> Result<(), Error> {
    let socket = within("it opens", Socket::connect(echo()).subprotocols(["only"])).await?;
    assert_eq!(socket.subprotocol(), "only");
    Ok(())
}

#[wasm_bindgen_test]
async fn without_offers_none_is_selected() {
    assert_eq!(connect(&echo()).await.subprotocol(), "");
}
