//! The feeds that run: one for each distinct set of parameters, shared by all who read it.

use std::{
    collections::{HashMap, VecDeque},
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, SystemTime},
};

use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::{cost::Costs, walk::Walk};
use crate::{connection::Text, query::PerSecond, scenario::pace::Pace, shutdown::Shutdown};

/// How many feeds run at most.
const MAX_FEEDS: usize = 64;

/// How many updates a feed keeps for readers that come back.
const KEPT: usize = 512;

/// How long a feed goes on when nobody reads it: longer than who polls or reconnects is away.
const GRACE: Duration = Duration::from_secs(60);

/// What makes one feed another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Options {
    pub(super) seed: u64,
    /// Updates a second, in millionths.
    pub(super) rate: u64,
    pub(super) symbols: Vec<String>,
}

/// One update, as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) number: u64,
    pub(super) json: Text,
}

/// What a reader gets.
#[derive(Debug)]
pub(super) struct News {
    pub(super) updates: Vec<Update>,
    /// The number to ask for what comes after these.
    pub(super) last: u64,
    /// What is said first where some of what was asked for is not there.
    pub(super) lost: Option<Lost>,
}

/// Updates that a reader asked for are not there: they are no longer kept, or the feed began anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Lost {
    recovered: bool,
    /// What was asked for.
    after: u64,
    /// What is there.
    oldest: u64,
    latest: u64,
}

/// All feeds of a server.
#[derive(Debug)]
pub(crate) struct Feeds {
    running: Arc<Running>,
    pub(super) costs: Arc<Costs>,
    pub(super) shutdown: Shutdown,
    grace: Duration,
}

type Running = Mutex<HashMap<Options, Arc<Stream>>>;

/// One feed.
#[derive(Debug)]
pub(super) struct Stream {
    log: Mutex<Log>,
    latest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Log {
    updates: VecDeque<Update>,
    readers: usize,
    /// When there was a reader last.
    read: Instant,
}

/// Keeps a feed running until it is dropped.
#[derive(Debug)]
pub(super) struct Reader(Arc<Stream>);

impl Feeds {
    pub(crate) fn new(shutdown: Shutdown) -> Self {
        Self { running: Arc::default(), costs: Arc::default(), shutdown, grace: GRACE }
    }

    /// Reads a feed, which begins to run if it does not; `None` where too many others do.
    pub(super) fn read(&self, options: &Options) -> Option<Reader> {
        let mut running = lock(&self.running);
        if let Some(stream) = running.get(options) {
            return Some(Reader::new(stream));
        }
        if running.len() >= MAX_FEEDS {
            return None;
        }
        let stream = Arc::new(Stream {
            log: Mutex::new(Log { updates: VecDeque::new(), readers: 0, read: Instant::now() }),
            latest: watch::Sender::new(0),
        });
        running.insert(options.clone(), Arc::clone(&stream));
        let reader = Reader::new(&stream);
        let run =
            run(stream, options.clone(), Arc::downgrade(&self.running), Arc::clone(&self.costs), self.grace);
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move { shutdown.run_until(run).await });
        Some(reader)
    }
}

/// Makes updates until nobody has read for a while, or the server is gone.
async fn run(
    stream: Arc<Stream>,
    options: Options,
    running: Weak<Running>,
    costs: Arc<Costs>,
    grace: Duration,
) {
    debug!(?options, "feed begins");
    let mut walk = Walk::new(options.seed, &options.symbols);
    #[expect(clippy::cast_precision_loss, reason = "a rate is at most 1000 and has 6 decimal places")]
    let mut pace = Pace::new(PerSecond(options.rate as f64 / 1e6));
    loop {
        sleep_until(pace.due()).await;
        pace.advance();
        let Some(running) = running.upgrade() else { break };
        if stream.is_idle(grace) {
            let mut running = lock(&running);
            // Asked again under the lock that a new reader would hold.
            if stream.is_idle(grace) {
                running.remove(&options);
                break;
            }
        }
        costs.making.time(|| stream.push(&mut walk));
        costs.making.updates(1);
    }
    debug!(?options, "feed ends");
}

impl Stream {
    /// What came after a number; without one, the latest.
    pub(super) fn news(&self, after: Option<u64>, most: usize) -> News {
        let log = lock(&self.log);
        let latest = log.updates.back().map_or(0, |update| update.number);
        let oldest = log.updates.front().map_or(1, |update| update.number);
        let is_known = |after: &u64| (oldest - 1..=latest).contains(after);
        let first = match after {
            Some(after) if is_known(&after) => after + 1,
            // Too old: all there is.
            Some(after) if after < oldest => oldest,
            _ => latest,
        };
        let skipped = usize::try_from(first.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let updates: Vec<Update> = log.updates.iter().skip(skipped).take(most).cloned().collect();
        News {
            last: updates.last().map_or(latest, |update| update.number),
            lost: after.filter(|after| !is_known(after)).map(|after| Lost {
                recovered: false,
                after,
                oldest,
                latest,
            }),
            updates,
        }
    }

    /// Waits until there is something after this number.
    pub(super) async fn after(&self, number: u64) {
        // The sender is in this very value, so it is not gone.
        let _ = self.latest.subscribe().wait_for(|latest| *latest > number).await;
    }

    fn push(&self, walk: &mut Walk) {
        let number = walk.step();
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let json = walk.json(time.as_millis()).into();
        {
            let mut log = lock(&self.log);
            if log.updates.len() == KEPT {
                log.updates.pop_front();
            }
            log.updates.push_back(Update { number, json });
        }
        self.latest.send_replace(number);
    }

    fn is_idle(&self, grace: Duration) -> bool {
        let log = lock(&self.log);
        log.readers == 0 && log.read.elapsed() >= grace
    }
}

impl Reader {
    fn new(stream: &Arc<Stream>) -> Self {
        lock(&stream.log).readers += 1;
        Self(Arc::clone(stream))
    }
}

impl Deref for Reader {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        &self.0
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut log = lock(&self.0.log);
        log.readers -= 1;
        log.read = Instant::now();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(seed: u64) -> Options {
        Options { seed, rate: 1_000_000_000, symbols: vec!["ACME".to_owned()] }
    }

    fn stream(updates: usize) -> Stream {
        let stream = Stream {
            log: Mutex::new(Log { updates: VecDeque::new(), readers: 0, read: Instant::now() }),
            latest: watch::Sender::new(0),
        };
        let mut walk = Walk::new(0, &["ACME".to_owned()]);
        (0..updates).for_each(|_| stream.push(&mut walk));
        stream
    }

    fn numbers(news: &News) -> Vec<u64> {
        news.updates.iter().map(|update| update.number).collect()
    }

    #[test]
    fn a_reader_gets_what_came_after_or_is_told_that_it_is_lost() {
        let empty = stream(0).news(None, 9);
        assert_eq!((numbers(&empty), empty.last, empty.lost), (vec![], 0, None));
        let stream = stream(KEPT + 10);
        let latest = KEPT as u64 + 10;
        let news = stream.news(None, 9);
        assert_eq!((numbers(&news), news.last, news.lost), (vec![latest], latest, None));
        let news = stream.news(Some(latest), 9);
        assert_eq!((numbers(&news), news.last, news.lost), (vec![], latest, None));
        let news = stream.news(Some(10), 2);
        assert_eq!((numbers(&news), news.last, news.lost), (vec![11, 12], 12, None));
        let lost = |after| Some(Lost { recovered: false, after, oldest: 11, latest });
        let news = stream.news(Some(9), 2);
        assert_eq!((numbers(&news), news.last, news.lost), (vec![11, 12], 12, lost(9)));
        let news = stream.news(Some(latest + 1), 2);
        assert_eq!((numbers(&news), news.last, news.lost), (vec![latest], latest, lost(latest + 1)));
    }

    proptest! {
        #[test]
        fn whoever_asks_on_gets_everything_once(
            made in 0_usize..40, after in prop::option::of(any::<u64>()), most in 1_usize..9,
        ) {
            let stream = stream(made);
            let mut after = after;
            let mut all = Vec::new();
            for _ in 0..=made {
                let news = stream.news(after, most);
                all.extend(numbers(&news));
                after = Some(news.last);
            }
            prop_assert!(all.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{:?}", all);
            prop_assert_eq!(after, Some(made as u64));
        }
    }

    #[tokio::test]
    async fn readers_of_the_same_share_a_feed_and_too_many_get_none() {
        let feeds = Feeds::new(Shutdown::default());
        let readers: Vec<Reader> = (0..MAX_FEEDS as u64).filter_map(|n| feeds.read(&options(n))).collect();
        assert_eq!(readers.len(), MAX_FEEDS);
        assert!(feeds.read(&options(u64::MAX)).is_none());
        assert!(Arc::ptr_eq(&feeds.read(&options(3)).unwrap().0, &readers[3].0));
    }

    #[tokio::test]
    async fn a_feed_ends_when_nobody_reads_it() {
        let mut feeds = Feeds::new(Shutdown::default());
        feeds.grace = Duration::ZERO;
        let reader = feeds.read(&options(1)).unwrap();
        reader.after(3).await;
        assert_eq!(lock(&feeds.running).len(), 1);
        drop(reader);
        while !lock(&feeds.running).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
