//! Hears what the server saw, by the library.

use futures_util::StreamExt as _;
use wirescope::{
    socket::{Message, Socket},
    spawn,
};

use super::Key;
use crate::app;

/// Reads a trace until its verdict, or until the server or its record is gone.
pub(super) fn begin(key: Key, url: String) {
    spawn(async move {
        if let Ok(mut socket) = Socket::connect(&url).await {
            while let Some(Ok(Message::Text(events))) = socket.next().await {
                let mut is_last = true;
                app::with(|app| is_last = app.watched.saw(app, key, events.clone()));
                if is_last {
                    break;
                }
            }
        }
        app::with(|app| app.watched.is_over(app, key));
    });
}
