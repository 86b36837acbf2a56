use std::{
    fs,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    extract::Path as UrlPath,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

/// Serves the page on the loopback interface, and gives its address.
pub(super) async fn serve(bundle: PathBuf, against: Option<PathBuf>) -> String {
    let folder = |folder: PathBuf| get(async move |UrlPath(name): UrlPath<String>| file(&folder, &name));
    let mut routes =
        Router::new().route("/bundle/{name}", folder(bundle.clone())).route("/{name}", folder(bundle));
    if let Some(against) = against {
        routes = routes.route("/against/{name}", folder(against));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves for ever") });
    format!("http://{address}/index.html")
}

fn file(folder: &Path, name: &str) -> Response {
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
