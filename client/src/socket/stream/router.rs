//! Tells connections what became of the browser's promises.
//!
//! What a promise was told to call cannot be taken back, so a closure of the connection's own could be freed no sooner than
//! the promise is settled, which a peer that says nothing can put off for ever. All promises of a thread call one closure
//! that is never freed, each with the number of its connection; a number that is gone is nobody's.

use std::{
    cell::{Cell, RefCell},
    rc::Weak,
};

use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};

use super::{Connection, browser::Function};

/// What was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Opened,
    Closed,
    ClosedUncleanly,
    Read,
    ReadFailed,
    Written,
    /// It needs no answer.
    Other,
}

impl Settled {
    const ALL: [Self; 7] = [
        Self::Opened,
        Self::Closed,
        Self::ClosedUncleanly,
        Self::Read,
        Self::ReadFailed,
        Self::Written,
        Self::Other,
    ];
}

thread_local! {
    static ROUTER: Router = Router::new();
}

struct Router {
    /// By number, rising.
    connections: RefCell<Vec<(u32, Weak<Connection>)>>,
    next: Cell<u32>,
    function: Function,
}

/// The number of a connection that is about to be made.
pub(super) fn reserve() -> u32 {
    ROUTER.with(|router| router.next.replace(router.next.get().wrapping_add(1)))
}

/// Has the connection be told what its functions are called with, until [`remove`].
pub(super) fn add(number: u32, connection: Weak<Connection>) {
    ROUTER.with(|router| router.connections.borrow_mut().push((number, connection)));
}

pub(super) fn remove(number: u32) {
    ROUTER.with(|router| router.connections.borrow_mut().retain(|(other, _)| *other != number));
}

/// A function to be called when this was settled for the connection of this number.
pub(super) fn function(number: u32, settled: Settled) -> Function {
    ROUTER.with(|router| router.function.bind_numbers(&JsValue::NULL, number, settled as u32))
}

impl Router {
    fn new() -> Self {
        let route = Closure::<dyn Fn(u32, u32, JsValue)>::new(|number: u32, settled: u32, value: JsValue| {
            let found = ROUTER.with(|router| {
                let connections = router.connections.borrow();
                let one = connections.iter().find(|(other, _)| *other == number);
                one.and_then(|(_, connection)| connection.upgrade())
            });
            let settled = Settled::ALL.get(settled as usize);
            if let (Some(connection), Some(settled)) = (found, settled) {
                connection.settle(*settled, value);
            }
        });
        let function = route.into_js_value().unchecked_into();
        Self { connections: RefCell::default(), next: Cell::new(1), function }
    }
}
