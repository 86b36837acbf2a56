use std::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Waker},
};

/// Ids are unique in the whole program, so that a place in one list is never taken for one in another.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Tasks that wait for a position to be reached, each until it is woken or its future is dropped.
#[derive(Default)]
pub(crate) struct Wakers {
    // Taken out while it is changed. Nothing that is called meanwhile can come back here: freeing or waking a waker, which
    // can, is left until the list is back.
    waiting: Cell<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    position: u64,
    waker: Waker,
}

/// A future's place among the [`Wakers`]. The future gives it back with [`Wakers::leave`] when it is dropped, so that no
/// dropped future holds on to its task.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

/// A future's place that is left when the future is dropped.
pub(crate) struct Watch<'a> {
    wakers: &'a Wakers,
    place: Place,
}

impl Watch<'_> {
    pub(crate) fn place(&mut self) -> &mut Place {
        &mut self.place
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.wakers.leave(&mut self.place);
    }
}

impl Wakers {
    /// A place for a future that lives no longer than this list.
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch { wakers: self, place: Place::default() }
    }

    /// Has the task woken once this position is reached, in the place of where it waited before.
    pub(crate) fn wait(&self, place: &mut Place, position: u64, cx: &Context<'_>) {
        let old = self.take(place);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        *place = Place(Some(id));
        let new = Waiting { id, position, waker: cx.waker().clone() };
        self.change(|waiting| waiting.push(new));
        // Freeing a waker can free its task, which may have a place in this very list.
        drop(old);
    }

    pub(crate) fn leave(&self, place: &mut Place) {
        drop(self.take(place));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.change(|waiting| waiting.is_empty())
    }

    /// Wakes all that wait for this position or an earlier one, which may wait again at once.
    pub(crate) fn wake_up_to(&self, position: u64) {
        let reached = self.change(|waiting| {
            let (reached, rest) =
                std::mem::take(waiting).into_iter().partition(|one| one.position <= position);
            *waiting = rest;
            reached
        });
        wake(reached);
    }

    pub(crate) fn wake_all(&self) {
        wake(self.waiting.take());
    }

    fn take(&self, place: &mut Place) -> Option<Waiting> {
        let id = place.0.take()?;
        self.change(|waiting| {
            let at = waiting.iter().position(|other| other.id == id)?;
            Some(waiting.swap_remove(at))
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Waiting>) -> T) -> T {
        let mut waiting = self.waiting.take();
        let result = change(&mut waiting);
        self.waiting.set(waiting);
        result
    }
}

impl fmt::Debug for Wakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakers").finish_non_exhaustive()
    }
}

fn wake(all: Vec<Waiting>) {
    for one in all {
        one.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_is_woken_once_at_its_position_and_not_after_it_left() {
        let wakers = Wakers::default();
        let counts: Vec<Arc<Count>> = (0..3).map(|_| Arc::default()).collect();
        let mut places: Vec<Place> = (0..3).map(|_| Place::default()).collect();
        for (position, (count, place)) in (1..).zip(counts.iter().zip(&mut places)) {
            let waker = Waker::from(Arc::clone(count));
            // Twice, as a future that is polled again does.
            wakers.wait(place, position * 10, &Context::from_waker(&waker));
            wakers.wait(place, position * 10, &Context::from_waker(&waker));
        }
        wakers.wake_up_to(9);
        wakers.wake_up_to(10);
        wakers.leave(&mut places[1]);
        wakers.wake_all();
        let woken: Vec<usize> = counts.iter().map(|count| count.0.load(Ordering::Relaxed)).collect();
        assert_eq!(woken, [1, 0, 1]);
        assert!(wakers.is_empty());
        assert!(counts.iter().all(|count| Arc::strong_count(count) == 1), "no task is held on to");
    }

    thread_local! {
        static LIST: (Wakers, RefCell<Place>) = const { (Wakers { waiting: Cell::new(Vec::new()) }, RefCell::new(Place(None))) };
    }

    /// A task that is freed with its last waker, and whose future waits in the list.
    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Task {
        fn drop(&mut self) {
            LIST.with(|(list, place)| list.leave(&mut place.borrow_mut()));
        }
    }

    #[test]
    fn a_waker_may_leave_the_list_when_it_is_freed() {
        LIST.with(|(list, other)| {
            let waker = Waker::from(Arc::new(Task));
            list.wait(&mut other.borrow_mut(), 0, &Context::from_waker(Waker::noop()));
            let mut place = Place::default();
            list.wait(&mut place, 0, &Context::from_waker(&waker));
            drop(waker);
            list.wait(&mut place, 0, &Context::from_waker(Waker::noop()));
            assert!(other.borrow().0.is_none());
        });
    }
}
