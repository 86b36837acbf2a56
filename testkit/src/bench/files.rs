use std::path::PathBuf;

use axum::{Router, extract::Path as UrlPath, routing::get};

use crate::files::{self, file};

/// Serves the page on the loopback interface, and gives its address.
pub(super) async fn serve(bundle: PathBuf, against: Option<PathBuf>) -> String {
    let folder = |folder: PathBuf| get(async move |UrlPath(name): UrlPath<String>| file(&folder, &name));
    let mut routes =
        Router::new().route("/bundle/{name}", folder(bundle.clone())).route("/{name}", folder(bundle));
    if let Some(against) = against {
        routes = routes.route("/against/{name}", folder(against));
    }
    files::serve(routes).await + "/index.html"
}
