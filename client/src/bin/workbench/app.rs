//! The app: the page's state, its parts, and what each event does to them.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
};

use js_sys::Date;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Performance, Window};
use wirescope::{
    CloseCode, link,
    socket::{Error, Message},
};

use crate::{
    composer, connect, dom, faults, frames,
