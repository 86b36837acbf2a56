//! Runs futures, and those that a message wakes within the message's own event.
//!
//! The usual executor, that of `wasm-bindgen-futures`, polls a woken task in a microtask. A message wakes one task as a rule,
//! and Chromium runs microtasks after each message, so each message pays for a microtask: more than all the rest that an
//! async reader costs. Here the event that woke a task polls it before it returns.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

type RunEvent = fn(&mut dyn FnMut());

thread_local! {
    static TASKS: Tasks = const { Tasks::new() };

    /// Runs an event and what it woke; set by the first [`spawn`], so that who spawns nothing here loads none of it.
    static RUN: Cell<Option<RunEvent>> = const { Cell::new(None) };
}

/// Runs a future to its end, as `wasm_bindgen_futures::spawn_local` does, but cheaper for one that reads a
/// [`Socket`](crate::socket::Socket): a message that it waits for runs it at once, not in a microtask of its own. It runs
/// for the first time when the code that is running now has returned to the browser.
///
/// A task that panics or throws ends there, as under any executor of the browser; the others go on.
///
/// Each thread runs its own tasks; a task must not be woken from another thread.
///
/// ```no_run
/// # use futures_util::StreamExt;
/// # use wirescope::socket::Socket;
/// # fn example(mut socket: Socket) {
/// wirescope::spawn(async move {
///     while let Some(Ok(message)) = socket.next().await {
///         let _ = socket.send(&message).await;
///     }
/// });
/// # }
/// ```
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    RUN.set(Some(|event| TASKS.with(|tasks| tasks.run(event))));
    TASKS.with(|tasks| tasks.add(Box::pin(future)));
}

/// Runs what an event of the browser does, then all tasks of [`spawn`] that it woke.
pub(crate) fn in_event(event: impl FnOnce()) {
    let mut event = Some(event);
    let mut event = || event.take().map_or((), |event| event());
    match RUN.get() {
        Some(run) => run(&mut event),
        None => event(),
    }
}

/// The tasks of this thread.
struct Tasks {
    /// A finished task's place is the next one's.
    all: RefCell<Vec<Option<Task>>>,
    woken: RefCell<VecDeque<usize>>,
    /// Somebody up the stack runs what is woken; or did until a task threw, which leaves this set until the next microtask,
    /// since nothing of Rust's is run then.
    running: Cell<bool>,
    /// Within the event whose tasks are run next, so that waking them needs no microtask.
    gathering: Cell<bool>,
    /// The task that is polled.
    polled: Cell<Option<usize>>,
    /// A microtask will.
    scheduled: Cell<bool>,
}

struct Task {
    /// `None` while it is polled.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Waker,
    alarm: Arc<Alarm>,
}

/// What wakers of one task share. A place that has been taken by another task since is polled once for nothing.
struct Alarm {
    place: usize,
    rung: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            TASKS.with(|tasks| tasks.wake(self.place));
        }
    }
}

impl Tasks {
    const fn new() -> Self {
        Self {
            all: RefCell::new(Vec::new()),
            woken: RefCell::new(VecDeque::new()),
            running: Cell::new(false),
            gathering: Cell::new(false),
            polled: Cell::new(None),
            scheduled: Cell::new(false),
        }
    }

    fn add(&self, future: Pin<Box<dyn Future<Output = ()>>>) {
        let mut all = self.all.borrow_mut();
        let place = all.iter().position(Option::is_none).unwrap_or_else(|| {
            all.push(None);
            all.len() - 1
        });
        let alarm = Arc::new(Alarm { place, rung: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&alarm));
        all[place] = Some(Task { future: Some(future), waker: waker.clone(), alarm });
        drop(all);
        waker.wake();
        self.schedule();
    }

    fn wake(&self, place: usize) {
        self.woken.borrow_mut().push_back(place);
        if !self.gathering.get() {
            self.schedule();
        }
    }

    fn schedule(&self) {
        if !self.scheduled.replace(true) {
            wasm_bindgen_futures::spawn_local(async {
                TASKS.with(|tasks| {
                    tasks.scheduled.set(false);
                    tasks.recover();
                    tasks.run(&mut || ());
                });
            });
        }
    }

    /// Forgets the run that a task's panic or exception cut short, and that task. A microtask has nobody up the stack, so
    /// there what looks like a run is such a one.
    fn recover(&self) {
        self.running.set(false);
        self.gathering.set(false);
        if let Some(place) = self.polled.take() {
            let task = self.all.borrow_mut()[place].take();
            drop(task);
        }
    }

    fn run(&self, event: &mut dyn FnMut()) {
        if self.running.replace(true) {
            self.gathering.set(false);
            event();
            // Nobody may be there to run them.
            if !self.woken.borrow().is_empty() {
                self.schedule();
            }
            return;
        }
        self.gathering.set(true);
        event();
        self.gathering.set(false);
        // What wakes itself again and again must let the browser have its turn, so later ones wait for a microtask.
        let woken = self.woken.borrow().len();
        if woken > 1 {
            // For the others, should one throw.
            self.schedule();
        }
        for _ in 0..woken {
            let Some(place) = self.woken.borrow_mut().pop_front() else { break };
            self.poll(place);
        }
        self.running.set(false);
    }

    fn poll(&self, place: usize) {
        let taken = self.all.borrow_mut()[place].as_mut().and_then(|task| {
            task.alarm.rung.store(false, Ordering::Relaxed);
            Some((task.future.take()?, task.waker.clone()))
        });
        let Some((mut future, waker)) = taken else { return };
        self.polled.set(Some(place));
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        self.polled.set(None);
        let mut all = self.all.borrow_mut();
        if !done && let Some(task) = all[place].as_mut() {
            task.future = Some(future);
            return;
        }
        all[place] = None;
        drop(all);
        // A future may spawn or wake others when it is dropped.
        drop(future);
    }
}
