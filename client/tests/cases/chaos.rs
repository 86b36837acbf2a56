//! One link, a server that is killed and restarted at seeded moments, and numbered messages all the while. What the
//! other side received is told by a tap in front of the server, since a server that is killed takes its own record with it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::join};
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    link::{Delivery, Dropped, Error, Link, Phase, QueueLimits, Receipt, RetryPolicy, Stats, is_terminal},
    socket::Message,
};

use crate::support::{FULL, sleep, supervisor::Server, until, within_seconds};

/// How many messages go out while the server is killed how often.
const SCALE: (u32, u32) = if FULL { (100_000, 50) } else { (4_000, 6) };

/// How old a message may become that waits for a connection.
const AGE: Duration = Duration::from_secs(1);

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

/// Numbers the messages, and keeps what the link said to each: its receipt, or nothing if it did not take it.
struct Numbered<'a> {
    link: &'a Link,
    said: Vec<Option<Receipt>>,
}

impl Numbered<'_> {
    /// Sends the next number, waiting while the queue is full.
    async fn send(&mut self) {
        let receipt = loop {
            match self.link.send(self.said.len().to_string()) {
                Ok(receipt) => break receipt,
                Err(Error::QueueFull { .. }) => sleep(5).await,
                Err(error) => panic!("{}: {error}", self.said.len()),
            }
        };
        self.said.push(Some(receipt));
    }

    /// Sends the next number if it can go out now.
    fn try_send(&mut self) {
        let number = self.said.len().to_string();
        self.said.push(match self.link.try_send(&number) {
            Ok(receipt) => Some(receipt),
            Err(Error::NotReady) => None,
            Err(error) => panic!("{number}: {error}"),
        });
    }

    /// Sends until there were so many numbers and the blows are over, and one more.
    async fn send_all(&mut self, count: usize, over: &Cell<bool>, seed: &mut Seeded) {
        while self.said.len() < count || !over.get() {
            match seed.up_to(10) {
                0 => self.try_send(),
                _ => self.send().await,
            }
            // Slower once there were enough: a browser that delays connects makes the blows take their time.
            if seed.up_to(100) == 0 || self.said.len() >= count {
                sleep(seed.up_to(20)).await;
            }
        }
        self.send().await;
    }

    /// Sends some to a link whose server is away, waits until they are too old, and gives how many there were.
    async fn let_some_expire(&mut self) -> u64 {
        let first = self.said.len();
        for _ in 0..10 {
            self.send().await;
            self.try_send();
        }
        let mut expired = 0;
        for receipt in self.said[first..].iter().flatten() {
            assert_eq!(receipt.settled().await, Delivery::Dropped(Dropped::Expired));
            expired += 1;
        }
        assert_eq!(expired, 10, "what cannot go out now is not taken by `try_send`");
        expired
    }

    /// How each message ended, which all have by now or soon will.
    async fn fates(&self) -> Vec<Fate> {
        let mut fates = Vec::new();
        for receipt in &self.said {
            fates.push(match receipt {
                None => Fate::Refused,
                Some(receipt) => match receipt.settled().await {
                    Delivery::Drained => Fate::Drained,
                    Delivery::Lost(_) => Fate::Lost,
                    Delivery::Dropped(Dropped::Expired | Dropped::Ended) => Fate::Dropped,
                    other => panic!("{} ended as {other:?}", fates.len()),
                },
            });
        }
        fates
    }
}

/// How a message ended; it was handed to a socket if it drained or was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Drained,
    Lost,
    Dropped,
    Refused,
}

/// How many messages had been handed over when each socket ended.
#[derive(Clone, Default)]
struct Boundaries {
    link: Rc<RefCell<Option<Link>>>,
    sent: Rc<RefCell<Vec<usize>>>,
}

impl Boundaries {
    /// The usual policy with short waits. A link asks it about every ending, before it does anything else about that.
    fn policy(&self) -> RetryPolicy {
        let asked = self.clone();
        let policy = RetryPolicy::default().base(Duration::from_millis(10)).cap(Duration::from_millis(200));
        policy.terminal(move |ending| {
            if let Some(link) = &*asked.link.borrow() {
                asked.sent.borrow_mut().push(count(link.stats().sent));
            }
            is_terminal(ending)
        })
    }
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

fn number(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.parse().expect("a number comes back"),
        Message::Binary(bytes) => panic!("text comes back as text, and not as {bytes:?}"),
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).expect("there are few")
}

/// What one socket was handed, in order: the numbers between two boundaries.
fn handed<'a>(all: &'a [usize], boundaries: &[usize]) -> Vec<&'a [usize]> {
    let starts = [0].into_iter().chain(boundaries.iter().copied());
    let ends = boundaries.iter().copied().chain([all.len()]);
    starts.zip(ends).map(|(start, end)| &all[start..end]).filter(|numbers| !numbers.is_empty()).collect()
}

/// Each connection received a prefix of what one socket was handed, each socket's at most once, and in their order.
fn are_prefixes(received: &[Vec<usize>], handed: &[&[usize]]) {
    let mut sockets = handed.iter();
    for numbers in received.iter().filter(|numbers| !numbers.is_empty()) {
        let whole = sockets.find(|whole| whole.first() == numbers.first()).unwrap_or_else(|| {
            panic!("no socket begins with {}, or an earlier connection's did", numbers[0])
        });
        assert!(whole.starts_with(numbers), "{numbers:?} is no prefix of {whole:?}");
    }
}

fn sums_agree(fates: &[Fate], stats: &Stats) {
    let of = |fate| fates.iter().filter(|one| **one == fate).count() as u64;
    let (drained, lost, dropped, refused) =
        (of(Fate::Drained), of(Fate::Lost), of(Fate::Dropped), of(Fate::Refused));
    assert_eq!(drained + lost + dropped + refused, fates.len() as u64);
    assert_eq!((stats.accepted, stats.sent), (drained + lost + dropped, drained + lost), "{stats:?}");
    assert_eq!((stats.drained, stats.lost), (drained, lost), "{stats:?}");
    assert_eq!((stats.dropped, stats.queued), (dropped, 0), "{stats:?}");
}

#[cfg_attr(not(wirescope_supervisor), ignore = "needs the supervisor: run cargo xtask test")]
#[wasm_bindgen_test]
async fn every_message_has_one_fate_and_none_is_doubled() {
    let (at_least, kills) = SCALE;
    let server = Server::start().await;
    let tap = server.tap().await;
    let boundaries = Boundaries::default();
    let queue = QueueLimits::default().messages(500).age(AGE);
    let mut link =
        Link::to(tap.echo()).retry(boundaries.policy()).queue(queue).open().expect("the URL is valid");
    *boundaries.link.borrow_mut() = Some(link.clone());
    let sender = link.clone();
    let over = Cell::new(false);

    let echoed = RefCell::new(Vec::new());
    let work = async {
        let mut numbered = Numbered { link: &sender, said: Vec::new() };
        let (mut sends, mut blows) = (Seeded(0x5eed), Seeded(0xb10b));
        join(numbered.send_all(count(at_least.into()), &over, &mut sends), async {
            kill_and_restart(&sender, &server, kills, &mut blows).await;
            over.set(true);
        })
        .await;
        let last = numbered.said.len() - 1;
        until("the last number comes back", || echoed.borrow().last() == Some(&last)).await;
        let reconnects = sender.stats().reconnects;

        // Some that wait in vain, and some that wait when the link is closed.
        server.kill().await;
        until("the loss is noticed", || sender.phase() != Phase::Open).await;
        numbered.let_some_expire().await;
        for _ in 0..10 {
            numbered.send().await;
        }
        let _ = sender.close(CloseCode::NORMAL, "").await;
        (numbered.fates().await, reconnects)
    };
    let read = async {
        while let Some(message) = link.next().await {
            echoed.borrow_mut().push(number(&message));
        }
    };
    let (fates, reconnects) =
        within_seconds(if FULL { 1_800 } else { 120 }, "all is sent, and settled", async {
            // The reader ends with the link.
            join(work, read).await.0
        })
        .await;
    boundaries.link.borrow_mut().take();

    let stats = sender.stats();
    sums_agree(&fates, &stats);
    assert!(fates.len() > count(at_least.into()));
    assert_eq!(reconnects, u64::from(kills), "each blow hit an open connection: {stats:?}");
    assert_eq!(fates[fates.len() - 10..], [Fate::Dropped; 10], "they waited when the link was closed");

    // What the other side received is what was handed over, and of each socket's the first part.
    let all: Vec<usize> =
        (0..fates.len()).filter(|n| matches!(fates[*n], Fate::Drained | Fate::Lost)).collect();
    let handed = handed(&all, &boundaries.sent.borrow());
    let received = tap.heard().await;
    are_prefixes(&received, &handed);
    let received = received.concat();
    for number in &received {
        assert!(matches!(fates[*number], Fate::Drained | Fate::Lost), "{number} was {:?}", fates[*number]);
    }
    assert!(received.is_sorted_by(|one, next| one < next), "each once, in order");

    // What came back is among it, also once and in order.
    let echoed = echoed.into_inner();
    assert!(echoed.is_sorted_by(|one, next| one < next), "each once, in order");
    assert!(echoed.iter().all(|number| received.binary_search(number).is_ok()), "nothing else comes back");
    assert_eq!(stats.received, echoed.len() as u64);
}
