//! One link, a server that is killed and restarted at seeded moments, and numbered messages all the while.

use std::{cell::Cell, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{Either, join, select},
};
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    link::{Delivery, Error, Link, Phase, QueueLimits, Receipt, RetryPolicy},
    socket::Message,
};

use crate::support::{FULL, sleep, supervisor::Server, until, within_seconds};

/// How many messages go out while the server is killed how often.
const SCALE: (u32, u32) = if FULL { (100_000, 50) } else { (4_000, 6) };

/// A small generator of numbers that look random, the same in each run (Marsaglia's xorshift).
struct Seeded(u32);

impl Seeded {
    fn up_to(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % limit
    }
}

/// Sends numbers until there were so many and one after the blows are over, waiting while the queue is full.
async fn send_all(link: &Link, count: u32, over: &Cell<bool>, seed: &mut Seeded) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for number in 0_u32.. {
        let last = number >= count && over.get();
        let receipt = loop {
            match link.send(number.to_string()) {
                Ok(receipt) => break receipt,
                Err(Error::QueueFull { .. }) => sleep(5).await,
                Err(error) => panic!("{number}: {error}"),
            }
        };
        receipts.push(receipt);
        if last {
            break;
        }
        // Slower once there were enough: a browser that delays connects makes the blows take their time.
        if seed.up_to(100) == 0 || number >= count {
            sleep(seed.up_to(20)).await;
        }
    }
    receipts
}

/// Kills the server at a random moment of each connection.
async fn kill_and_restart(link: &Link, server: &Server, times: u32, seed: &mut Seeded) {
    for _ in 0..times {
        until("the link is open", || link.phase() == Phase::Open).await;
        sleep(seed.up_to(200)).await;
        server.kill().await;
        sleep(seed.up_to(100)).await;
        server.restart().await;
    }
    until("the link is open again", || link.phase() == Phase::Open).await;
}

fn number(message: &Message) -> u32 {
    match message {
        Message::Text(text) => text.parse().expect("a number comes back"),
        Message::Binary(bytes) => panic!("text comes back as text, and not as {bytes:?}"),
    }
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn every_message_has_one_fate_and_none_is_doubled() {
    let (at_least, kills) = SCALE;
    let server = Server::start().await;
    let mut policy = RetryPolicy::default();
    policy.base = Duration::from_millis(10);
    policy.cap = Duration::from_millis(200);
    let queue = QueueLimits::default().messages(500);
    let mut link = Link::to(server.echo()).retry(policy).queue(queue).open().expect("the URL is valid");
    let sender = link.clone();
    let over = Cell::new(false);

    let mut echoed = Vec::new();
    let work = async {
        let (mut sends, mut blows) = (Seeded(0x5eed), Seeded(0xb10b));
        let (receipts, ()) = join(send_all(&sender, at_least, &over, &mut sends), async {
            kill_and_restart(&sender, &server, kills, &mut blows).await;
            over.set(true);
        })
        .await;
        let mut fates = Vec::new();
        for receipt in &receipts {
            fates.push(receipt.settled().await);
        }
        // What the server still sends back.
        sleep(200).await;
        fates
    };
    let read = async {
        while let Some(message) = link.next().await {
            echoed.push(number(&message));
        }
    };
    let fates = within_seconds(if FULL { 1_200 } else { 120 }, "all is sent, and settled", async {
        match select(Box::pin(work), Box::pin(read)).await {
            Either::Left((fates, _)) => fates,
            Either::Right(_) => panic!("the link ended"),
        }
    })
    .await;

    // Every fate is one of three, and the sums agree.
    let stats = sender.stats();
    let (mut drained, mut lost) = (0, 0);
    for (number, fate) in fates.iter().enumerate() {
        match fate {
            Delivery::Drained => drained += 1,
            Delivery::Lost(_) => lost += 1,
            other => panic!("{number} ended as {other:?}"),
        }
    }
    let count = fates.len() as u64;
    assert!(count >= at_least.into());
    assert_eq!((stats.accepted, stats.sent), (count, count));
    assert_eq!((stats.drained, stats.lost, stats.dropped, stats.queued), (drained, lost, 0, 0));
    assert_eq!(stats.received, echoed.len() as u64);
    assert_eq!(stats.reconnects, u64::from(kills), "each blow hit an open connection: {stats:?}");

    // None came twice or out of order, and what is missing between two is what one ending swallowed: on one connection
    // the server receives a prefix of what was handed over, and the next begins after it.
    assert!(echoed.is_sorted_by(|one, next| one < next), "each once, in order");
    let gaps = echoed.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() as u64;
    assert!(gaps <= stats.reconnects, "{gaps} gaps with {} reconnects", stats.reconnects);
    assert_eq!(echoed.last().map(|last| u64::from(*last)), Some(count - 1), "it works at the end");

    let ending = within_seconds(15, "it closes", sender.close(CloseCode::NORMAL, "")).await;
    assert!(matches!(ending, Ok(Some(ending)) if ending.was_clean));
    server.kill().await;
}
