//! What becomes of each message that was sent, and how sending waits for room.

use std::task::Poll;

use futures_util::{StreamExt as _, future::join};
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    socket::{Delivery, Error, Initiator, Message, State, Transport, Watermarks},
};

use crate::support::{
    close, connect, echo, over::over_both, parts, poll_once, supervisor::peer, to, within, within_seconds,
};

over_both! {
    a_message_is_handed_over_and_then_drains,
    sending_waits_above_the_high_mark_until_below_the_low_one,
    ; with the supervisor:
    a_close_that_is_not_answered_resolves_as_unclean,
    a_receipt_outlives_its_socket,
    a_send_that_waits_for_room_fails_once_the_socket_is_closing,
    what_has_not_drained_when_a_close_is_given_up_is_lost,
}

const CHUNK: usize = 256 * 1024;

/// More than the browser and the system buffer for a peer that does not read.
const LARGE: usize = 8 * 1024 * 1024;

async fn a_message_is_handed_over_and_then_drains(over: Transport) -> Result<(), Error> {
    let socket = connect(over, &echo()).await;
    let receipt = within("there is room", socket.send(&vec![7; CHUNK])).await?;
    assert_eq!(receipt.delivery(), Delivery::HandedOver);
    within("it drains", receipt.drained()).await?;
    assert_eq!(receipt.delivery(), Delivery::Drained);
    assert_eq!(socket.buffered_amount(), 0);
    let ending = close(&socket, 1000, "").await;
    assert_eq!(ending.initiator, Initiator::Us);
    assert_eq!(receipt.delivery(), Delivery::Drained, "what has drained stays drained");
    Ok(())
}

async fn sending_waits_above_the_high_mark_until_below_the_low_one(over: Transport) -> Result<(), Error> {
    const MESSAGES: usize = 64;
    let marks = Watermarks::default().high(2 * CHUNK as u64).low(CHUNK as u64);
    let mut socket = within("it opens", to(over, echo()).watermarks(marks)).await?;
    // Three fill the browser's buffer beyond the mark, as nothing drains before this task pauses.
    for _ in 0..3 {
        socket.try_send(vec![0; CHUNK])?;
    }
    match socket.try_send("one more") {
        Err(Error::Full { buffered }) => assert_eq!(buffered, 3 * CHUNK as u64),
        other => panic!("there is no room, but {other:?}"),
    }
    let sender = socket.clone();
    let send = async {
        for _ in 3..MESSAGES {
            sender.send(&vec![0; CHUNK]).await?;
            assert!(sender.buffered_amount() as usize <= 3 * CHUNK, "one message above the mark at the most");
        }
        Ok::<_, Error>(())
    };
    let receive = async {
        for _ in 0..MESSAGES {
            assert_eq!(socket.next().await, Some(Ok(Message::Binary(vec![0; CHUNK]))));
        }
    };
    let (outcome, ()) = within("all go and come", join(send, receive)).await;
    outcome
}

async fn what_has_not_drained_when_a_close_is_given_up_is_lost(over: Transport) -> Result<(), Error> {
    // The peer reads nothing for long.
    let connecting = to(over, peer("/wait/3000").await).close_timeout(std::time::Duration::from_millis(200));
    let socket =
        within("it opens", connecting.watermarks(Watermarks::default().high(u64::MAX).low(0))).await?;
    let first = socket.try_send("a word")?;
    within("it drains", first.drained()).await?;
    let receipts = [socket.try_send(vec![0; LARGE])?, socket.try_send("behind all that")?];
    let ending = close(&socket, 4001, "enough").await;
    assert_eq!((parts(&ending), ending.initiator), ((1006, "", false), Initiator::Us));
    assert_eq!(first.delivery(), Delivery::Drained, "what has drained stays drained");
    for receipt in receipts {
        assert_eq!(receipt.delivery(), Delivery::Lost(ending.clone()));
        assert_eq!(within("its fate is known", receipt.drained()).await, Err(Error::Lost(ending.clone())));
    }
    Ok(())
}

// Not over streams: there Chromium 156 crashes the page.
#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn what_has_not_drained_when_the_connection_ends_is_lost() -> Result<(), Error> {
    // The peer reads nothing for a second and then resets the connection.
    let socket = connect(Transport::Events, &peer("/wait/1000/reset").await).await;
    let mut receipts = Vec::new();
    for _ in 0..64 {
        let Ok(receipt) = socket.try_send(vec![0; CHUNK]).or_else(|_| {
            // Above the mark: hand it over all the same, so that more is under way than any kernel buffers.
            let raw = socket.as_raw().expect("it is over events");
            raw.send_with_u8_array(&vec![0; CHUNK]).map_err(drop).and(Err(()))
        }) else {
            continue;
        };
        receipts.push(receipt);
    }
    let last = receipts.last().expect("some were taken");
    let fate = within("its fate is known", last.drained()).await;
    let Err(Error::Lost(ending)) = fate else { panic!("it cannot have drained: {fate:?}") };
    assert_eq!((ending.code.number(), ending.initiator), (1006, Initiator::Nobody));
    assert_eq!(last.delivery(), Delivery::Lost(ending));
    for receipt in &receipts {
        assert_ne!(
            receipt.delivery(),
            Delivery::HandedOver,
            "every fate is known once the connection has ended"
        );
    }
    Ok(())
}

async fn a_receipt_outlives_its_socket(over: Transport) -> Result<(), Error> {
    let connecting =
        to(over, peer("/wait/5000").await).watermarks(Watermarks::default().high(u64::MAX).low(0));
    let socket = within("it opens", connecting).await?;
    socket.try_send(vec![0; LARGE])?;
    let receipt = socket.try_send("behind all that")?;
    let mut waiting = Box::pin(receipt.drained());
    assert!(matches!(poll_once(waiting.as_mut()).await, Poll::Pending));
    drop(socket);
    assert!(matches!(within("it is settled", waiting).await, Err(Error::Lost(_))));
    Ok(())
}

async fn a_close_that_is_not_answered_resolves_as_unclean(over: Transport) -> Result<(), Error> {
    let connecting = to(over, peer("/mute").await).close_timeout(std::time::Duration::from_millis(200));
    let socket = within("it opens", connecting).await?;
    let ending = close(&socket, 4000, "bye").await;
    assert_eq!((ending.code.number(), ending.was_clean, ending.initiator), (1006, false, Initiator::Us));
    assert!(ending.lived.as_millis() >= 200 && ending.had_opened());
    Ok(())
}

async fn a_send_that_waits_for_room_fails_once_the_socket_is_closing(over: Transport) -> Result<(), Error> {
    let connecting = to(over, peer("/wait/5000").await).watermarks(Watermarks::default().high(0).low(0));
    let socket = within("it opens", connecting).await?;
    socket.try_send(vec![0; LARGE])?;
    let mut waiting = Box::pin(socket.send("no room"));
    assert!(matches!(poll_once(waiting.as_mut()).await, Poll::Pending));
    let mut closing = Box::pin(socket.close(CloseCode::NORMAL, ""));
    assert!(matches!(poll_once(closing.as_mut()).await, Poll::Pending));
    assert_eq!(
        within_seconds(2, "it fails", waiting).await.map(drop),
        Err(Error::NotOpen { state: State::Closing })
    );
    Ok(())
}
