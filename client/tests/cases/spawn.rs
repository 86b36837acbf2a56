//! Tasks that a message wakes within its own event.

use std::{cell::Cell, future::poll_fn, rc::Rc, task::Poll};

use futures_util::StreamExt as _;
use wasm_bindgen::{JsCast as _, closure::Closure, throw_str};
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Event, EventTarget};
use wirescope::{
    socket::Transport,
    socket::{Message, State},
    spawn,
};

use crate::support::{connect, echo, sleep, until};

#[wasm_bindgen_test]
async fn a_task_is_woken_by_messages_and_by_everything_else() {
    let (mut socket, done) = (connect(Transport::Events, &echo()).await, Rc::new(Cell::new(false)));
    let (other, end) = (socket.clone(), Rc::clone(&done));
    spawn(async move {
        for number in 0..100 {
            socket.send(&number.to_string()).await.expect("it is open");
            assert_eq!(socket.next().await, Some(Ok(Message::from(number.to_string()))));
            if number % 25 == 0 {
                sleep(5).await;
            }
        }
        end.set(true);
        // It is dropped within the event of its last message.
    });
    until("the task is done", || done.get()).await;
    assert_eq!(Rc::strong_count(&done), 1, "the task is gone");
    assert_eq!(other.state(), State::Open, "another handle keeps the connection");
}

#[wasm_bindgen_test]
async fn the_last_handle_may_go_within_its_own_event() {
    let (mut socket, done) = (connect(Transport::Events, &echo()).await, Rc::new(Cell::new(false)));
    let end = Rc::clone(&done);
    spawn(async move {
        socket.send("last").await.expect("it is open");
        assert_eq!(socket.next().await, Some(Ok(Message::from("last"))));
        drop(socket);
        end.set(true);
    });
    until("the task is done", || done.get()).await;
}

#[wasm_bindgen_test]
async fn a_task_that_throws_leaves_the_others_running() {
    let _quiet = Quiet::begin();
    let (mut thrower, mut reader) =
        (connect(Transport::Events, &echo()).await, connect(Transport::Events, &echo()).await);
    let (thrown, read, done) = <(Rc<Cell<bool>>, Rc<Cell<u32>>, Rc<Cell<bool>>)>::default();
    let (before, reads, ends) = (Rc::clone(&thrown), Rc::clone(&read), Rc::clone(&done));
    let (to_thrower, to_reader) = (thrower.clone(), reader.clone());
    spawn(async move {
        thrower.next().await;
        before.set(true);
        throw_str("thrown by a task");
    });
    spawn(async move {
        while let Some(Ok(_)) = reader.next().await {
            reads.set(reads.get() + 1);
        }
    });
    to_thrower.send("throw").await.expect("it is open");
    until("one has thrown", || thrown.get()).await;
    for count in 1..=3 {
        to_reader.send("read").await.expect("it is open");
        until("the other reads on", || read.get() == count).await;
    }
    spawn(async move { ends.set(true) });
    until("a new one runs", || done.get()).await;
}

/// Keeps what a task throws from the page's own handler of errors, which would have the tests fail.
struct Quiet(Closure<dyn Fn(Event)>);

impl Quiet {
    fn begin() -> Self {
        let quiet = Closure::new(|event: Event| event.prevent_default());
        scope().add_event_listener_with_callback("error", quiet_function(&quiet)).expect("a known event");
        Self(quiet)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        scope().remove_event_listener_with_callback("error", quiet_function(&self.0)).expect("a known event");
    }
}

fn quiet_function(quiet: &Closure<dyn Fn(Event)>) -> &js_sys::Function {
    quiet.as_ref().unchecked_ref()
}

fn scope() -> EventTarget {
    js_sys::global().unchecked_into()
}

#[wasm_bindgen_test]
async fn tasks_that_wake_themselves_let_others_run() {
    let running = Rc::new(Cell::new(true));
    let (spinning, stopping) = (Rc::clone(&running), Rc::clone(&running));
    spawn(poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        if spinning.get() { Poll::Pending } else { Poll::Ready(()) }
    }));
    spawn(async move {
        spawn(async move { stopping.set(false) });
    });
    until("both have ended", || Rc::strong_count(&running) == 1).await;
}
