use std::{
    fs,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    extract::{Path as UrlPath, RawQuery},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::net::TcpListener;
use url::form_urlencoded;

/// Serves a folder on the loopback interface, each file with the `policy` that its query asks for, and gives its address.
pub(super) async fn serve(folder: PathBuf) -> String {
    let answer = async move |UrlPath(name): UrlPath<String>, RawQuery(query): RawQuery| {
        let mut response = file(&folder, &name);
        let query = query.unwrap_or_default();
        let policy = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "policy");
        if let Some((_, policy)) = policy {
            let policy = HeaderValue::try_from(&*policy).expect("a policy is a header's value");
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let routes = Router::new().route("/{name}", get(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves for ever") });
    format!("http://{address}")
}

/// A file of the folder, as what it is.
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
