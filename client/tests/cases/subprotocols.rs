//! Subprotocols are offered as a list, and the server's choice is told.

use wirescope::socket::{Error, Transport};

use crate::support::{connect, echo, over::over_both, to, within};

over_both! {
    of_two_offers_the_first_is_selected,
    one_offer_is_selected,
    without_offers_none_is_selected,
}

async fn of_two_offers_the_first_is_selected(over: Transport) -> Result<(), Error> {
    // Joined to one string, as some wrappers do, they would be refused by the browser.
    let connecting = to(over, echo()).subprotocols(["wirescope.v2", "wirescope.v1"]);
    let socket = within("it opens", connecting).await?;
    assert_eq!(socket.subprotocol(), "wirescope.v2");
    Ok(())
}

async fn one_offer_is_selected(over: Transport) -> Result<(), Error> {
    let socket = within("it opens", to(over, echo()).subprotocols(["only"])).await?;
    assert_eq!(socket.subprotocol(), "only");
    Ok(())
}

async fn without_offers_none_is_selected(over: Transport) {
    assert_eq!(connect(over, &echo()).await.subprotocol(), "");
}
