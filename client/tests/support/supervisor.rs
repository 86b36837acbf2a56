//! The supervisor's interface (`testkit/src/bin/supervisor`), reached with `fetch`, which a window and a Worker have
//! alike.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use super::within;

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, options: &JsValue) -> Promise;

    type Response;

    #[wasm_bindgen(method, getter)]
    fn ok(this: &Response) -> bool;

    #[wasm_bindgen(method)]
    fn text(this: &Response) -> Promise;
}

/// The URL at which the misbehaving peer does what the script says.
pub(crate) async fn peer(script: &str) -> String {
    format!("ws://{}{script}", request("GET", "/peer").await)
}

/// A URL at which connections are refused.
pub(crate) async fn refusing() -> String {
    format!("ws://{}/", request("GET", "/refusing").await)
}

/// How the connection to the peer ended whose script asked to be reported under this name.
pub(crate) async fn report(name: &str) -> String {
    request("GET", &format!("/reports/{name}")).await
}

/// A name that no other test has, nor this one in another run.
pub(crate) fn new_name() -> String {
    format!("{:x}", js_sys::Math::random().to_bits())
}

/// A server of the test's own.
pub(crate) struct Server {
    number: String,
    address: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let answer = request("POST", "/servers").await;
        let (number, address) = answer.split_once(' ').expect("a number and an address");
        Self { number: number.to_owned(), address: address.to_owned() }
    }

    pub(crate) fn echo(&self) -> String {
        format!("ws://{}/echo", self.address)
    }

    /// Puts a tap in front of it, which outlives it.
    pub(crate) async fn tap(&self) -> Tap {
        Tap { number: self.number.clone(), address: self.order("tap").await }
    }

    /// Ends it with SIGKILL.
    pub(crate) async fn kill(&self) -> String {
        self.order("kill").await
    }

    /// Ends it with SIGTERM, and tells its exit status.
    pub(crate) async fn stop(&self) -> String {
        self.order("stop").await
    }

    /// Starts it again on the port it had.
    pub(crate) async fn restart(&self) {
        assert_eq!(self.order("restart").await, self.address);
    }

    async fn order(&self, what: &str) -> String {
        request("POST", &format!("/servers/{}/{what}", self.number)).await
    }
}

/// What records what a server's clients say, on its way to the server.
pub(crate) struct Tap {
    number: String,
    address: String,
}

impl Tap {
    pub(crate) fn echo(&self) -> String {
        format!("ws://{}/echo", self.address)
    }

    /// The messages of each connection so far, all of which are numbers.
    pub(crate) async fn heard(&self) -> Vec<Vec<usize>> {
        let answer = request("GET", &format!("/servers/{}/heard", self.number)).await;
        let messages = |line: &str| {
            let (_ending, messages) = line.split_once(':').expect("an ending and messages");
            messages.split_whitespace().map(|number| number.parse().expect("a number")).collect()
        };
        answer.lines().map(messages).collect()
    }
}

async fn request(method: &str, path: &str) -> String {
    let Some(address) = option_env!("WIRESCOPE_SUPERVISOR") else {
        panic!("WIRESCOPE_SUPERVISOR was not set when the tests were compiled");
    };
    let url = format!("http://{address}{path}");
    let options = Object::new();
    Reflect::set(&options, &"method".into(), &method.into()).expect("a plain object takes any property");
    within(&format!("{method} {url}"), async {
        let response = JsFuture::from(fetch(&url, &options)).await.expect("the supervisor is reached");
        let response: Response = response.unchecked_into();
        let text = JsFuture::from(response.text()).await.expect("the supervisor's answer is read");
        let text = text.as_string().unwrap_or_default();
        assert!(response.ok(), "{method} {url}: {text}");
        text
    })
    .await
}
