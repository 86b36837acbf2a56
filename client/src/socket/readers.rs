//! Who waits for the next message: as a rule one task, with one handle.

use std::{cell::Cell, task::Waker};

/// The tasks that wait, at most one for each handle.
#[derive(Default)]
pub(super) struct Readers {
    handles: Cell<u64>,
    last: Cell<Option<Reader>>,
    /// Those that waited before the last and wait still.
    others: Cell<Vec<Reader>>,
}

struct Reader {
    handle: u64,
    waker: Waker,
}

impl Readers {
    /// A number for another handle.
    pub(super) fn number(&self) -> u64 {
        self.handles.set(self.handles.get() + 1);
        self.handles.get()
    }

    /// Has this task woken, in the place of the one that waited with this handle before.
    pub(super) fn wait(&self, handle: u64, waker: &Waker) {
        let before = self.last.replace(Some(Reader { handle, waker: waker.clone() }));
        if let Some(before) = before
            && before.handle != handle
        {
            let old = self.take_other(handle);
            let mut others = self.others.take();
            others.push(before);
            self.others.set(others);
            // Freeing a waker can free its task, which may hold a handle.
            drop(old);
        }
    }

    /// Wakes all that wait; the message is whose who comes first, and the others wait again.
    pub(super) fn wake(&self) {
        let (last, others) = (self.last.take(), self.others.take());
        for reader in last.into_iter().chain(others) {
            reader.waker.wake();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let last = self.last.take();
        let is_empty = last.is_none();
        self.last.set(last);
        is_empty
    }

    /// Forgets the task that waits with this handle.
    pub(super) fn leave(&self, handle: u64) {
        let mut last = self.last.take();
        let old = last.take_if(|reader| reader.handle == handle);
        let mut others = self.others.take();
        let at = others.iter().position(|reader| reader.handle == handle);
        let other = at.map(|at| others.swap_remove(at));
        // Another may take the place of the last.
        self.last.set(last.or_else(|| others.pop()));
        self.others.set(others);
        drop((old, other));
    }

    fn take_other(&self, handle: u64) -> Option<Reader> {
        let mut others = self.others.take();
        let at = others.iter().position(|reader| reader.handle == handle);
        let other = at.map(|at| others.swap_remove(at));
        self.others.set(others);
        other
    }
}

#[cfg(test)]
mod tests {
    use std::{
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

    fn count(count: &Arc<Count>) -> usize {
        count.0.load(Ordering::Relaxed)
    }

    #[test]
    fn every_handle_that_waits_is_woken_once() {
        let readers = Readers::default();
        let (one, two) = (readers.number(), readers.number());
        let [a, b, moved] = std::array::from_fn(|_| Arc::<Count>::default());
        readers.wait(one, &Waker::from(Arc::clone(&a)));
        readers.wait(two, &Waker::from(Arc::clone(&b)));
        // Polled again, in another task.
        readers.wait(one, &Waker::from(Arc::clone(&moved)));
        assert_eq!(Arc::strong_count(&a), 1, "no task is held on to");
        assert_eq!([count(&a), count(&b), count(&moved)], [0; 3], "waiting wakes nobody");
        readers.wake();
        assert_eq!([count(&a), count(&b), count(&moved)], [0, 1, 1]);
        assert!(readers.is_empty());
        readers.wake();
        assert_eq!([count(&b), count(&moved)], [1, 1]);
    }

    #[test]
    fn a_handle_that_is_dropped_waits_no_more_and_the_others_do() {
        let readers = Readers::default();
        let handles = [(); 3].map(|()| readers.number());
        let counts: [Arc<Count>; 3] = Default::default();
        for (handle, count) in handles.into_iter().zip(&counts) {
            readers.wait(handle, &Waker::from(Arc::clone(count)));
        }
        readers.leave(handles[2]);
        assert!(!readers.is_empty());
        readers.leave(handles[0]);
        readers.leave(handles[0]);
        assert!(!readers.is_empty());
        readers.wake();
        assert_eq!(counts.each_ref().map(count), [0, 1, 0]);
        assert!(counts.iter().all(|count| Arc::strong_count(count) == 1));
    }
}
