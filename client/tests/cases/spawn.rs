//! Tasks that a message wakes within its own event.

use std::{cell::Cell, future::poll_fn, rc::Rc, task::Poll};

use futures_util::StreamExt as _;
use wasm_bindgen_test::wasm_bindgen_test;
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
