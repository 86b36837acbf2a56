//! A folder's files over HTTP, for pages that tests and benchmarks make.

use std::{fs, path::Path};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use tokio::net::TcpListener;

/// Serves these routes on the loopback interface, and gives their origin.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves for ever") });
    format!("http://{address}")
}

/// A file of the folder, as what it is.
pub(crate) fn file(folder: &Path, name: &str) -> Response {
    let content_type = match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match fs::read(folder.join(name)) {
        Ok(content) => ([(CONTENT_TYPE, content_type)], content).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
