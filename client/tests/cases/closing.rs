//! Closing a connection oneself: `close` resolves with what the browser's close event says.

use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    task::{Context, Wake, Waker},
};

use futures_util::{SinkExt, StreamExt as _, future::join};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;
use wirescope::{
    CloseCode,
    socket::{Error, State, Transport},
};

use crate::support::{close, connect, echo, over::over_both, parts, read, receive, sleep, until, within};

over_both! {
    it_resolves_with_the_echoed_code_and_reason,
    a_second_close_resolves_with_the_first_ones_ending,
    two_at_once_both_resolve,
    the_stream_ends_and_stays_ended,
    the_sink_closes_with_1000,
    every_handle_that_reads_sees_the_end,
    every_task_that_waits_for_the_end_is_woken,
    a_dropped_wait_for_the_end_holds_on_to_no_task,
}

async fn it_resolves_with_the_echoed_code_and_reason(over: Transport) {
    let socket = connect(over, &echo()).await;
    assert_eq!(parts(&close(&socket, 4321, "done, fertig, 終").await), (4321, "done, fertig, 終", true));
    assert_eq!(socket.state(), State::Closed);
}

async fn a_second_close_resolves_with_the_first_ones_ending(over: Transport) {
    let socket = connect(over, &echo()).await;
    let first = close(&socket, 4001, "first").await;
    assert_eq!(close(&socket, 4002, "second").await, first);
    assert_eq!(within("closed resolves", socket.closed()).await, first);
}

async fn two_at_once_both_resolve(over: Transport) {
    let socket = connect(over, &echo()).await;
    let both =
        join(socket.close(CloseCode::new(4001), "first"), socket.close(CloseCode::new(4002), "second"));
    let (first, second) = within("both resolve", both).await;
    assert_eq!(first, second);
    assert!(first.is_ok_and(|ending| parts(&ending) == (4001, "first", true)));
}

async fn the_stream_ends_and_stays_ended(over: Transport) {
    let mut socket = connect(over, &echo()).await;
    assert_eq!(socket.try_send("hello").map(drop), Ok(()));
    receive(&mut socket).await;
    close(&socket, 1000, "").await;
    for _ in 0..3 {
        assert_eq!(read(&mut socket).await, None);
    }
}

#[wasm_bindgen_test]
async fn a_reader_that_waits_sees_the_end() {
    let mut socket = connect(Transport::Events, &echo()).await;
    let raw = socket.as_raw().expect("it is over events").clone();
    let closed_meanwhile = async {
        raw.close().expect("a close without arguments never throws");
    };
    assert_eq!(join(read(&mut socket), closed_meanwhile).await.0, None);
    assert_eq!(within("closed resolves", socket.closed()).await.code, CloseCode::NO_STATUS);
}

async fn the_sink_closes_with_1000(over: Transport) -> Result<(), Error> {
    let mut socket = connect(over, &echo()).await;
    within("the sink closes", SinkExt::close(&mut socket)).await?;
    assert_eq!(parts(&socket.closed().await), (1000, "", true));
    within("it is closed already", SinkExt::close(&mut socket)).await
}

async fn every_task_that_waits_for_the_end_is_woken(over: Transport) {
    let socket = Rc::new(connect(over, &echo()).await);
    let woken = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (socket, woken) = (Rc::clone(&socket), Rc::clone(&woken));
        spawn_local(async move {
            socket.closed().await;
            woken.set(woken.get() + 1);
        });
    }
    sleep(50).await;
    close(&socket, 1000, "").await;
    until("all three are woken", || woken.get() == 3).await;
}

async fn every_handle_that_reads_sees_the_end(over: Transport) {
    let socket = connect(over, &echo()).await;
    let ended = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (mut reader, ended) = (socket.clone(), Rc::clone(&ended));
        spawn_local(async move {
            assert_eq!(reader.next().await, None);
            ended.set(ended.get() + 1);
        });
    }
    sleep(50).await;
    close(&socket, 1000, "").await;
    until("all three have seen it", || ended.get() == 3).await;
}

/// A task that only counts who could wake it.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

async fn a_dropped_wait_for_the_end_holds_on_to_no_task(over: Transport) {
    let socket = connect(over, &echo()).await;
    let task = Arc::new(Task);
    let waker = Waker::from(Arc::clone(&task));
    let mut closed = Box::pin(socket.closed());
    assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop((closed, waker));
    assert_eq!(Arc::strong_count(&task), 1, "nobody else can wake the task");
}
