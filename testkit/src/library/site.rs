use std::path::PathBuf;

use axum::{
    Router,
    extract::{Path as UrlPath, RawQuery},
    http::{HeaderValue, header::CONTENT_SECURITY_POLICY},
    routing::get,
};
use url::form_urlencoded;

use crate::files::{self, file};

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
    files::serve(Router::new().route("/{name}", get(answer))).await
}
