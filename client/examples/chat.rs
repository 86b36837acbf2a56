//! A chat in one page: what is typed goes to everyone else on the server's `/chat`, and survives a restart of the server.
//! Build it for `wasm32-unknown-unknown`, run `wasm-bindgen --target web` on it, and load the result from any page.

use futures_util::{StreamExt as _, future::join};
use wasm_bindgen::{JsCast as _, closure::Closure};
use wirescope::{link::Link, socket::Message};

fn main() {
    let document = web_sys::window().and_then(|window| window.document()).expect("a page");
    let body = document.body().expect("a page has a body");
    let input: web_sys::HtmlInputElement =
        document.create_element("input").expect("an element").unchecked_into();
    let log = document.create_element("pre").expect("an element");
    body.append_with_node_2(&input, &log).expect("the elements are new");
    let say = move |line: String| log.append_with_str_1(&format!("{line}\n")).expect("text can be appended");

    let mut link = Link::to("ws://127.0.0.1:8080/chat").open().expect("the URL is valid");
    let (sender, field, tell) = (link.clone(), input.clone(), say.clone());
    let on_change = Closure::<dyn Fn()>::new(move || match sender.send(field.value()) {
        // Not connected? Then it goes out once the link is back.
        Ok(_receipt) => tell(format!("me: {}", field.value())),
        Err(error) => tell(error.to_string()),
    });
    input.set_onchange(Some(on_change.as_ref().unchecked_ref()));

    wirescope::spawn(async move {
        let (mut phases, tell) = (link.phases(), say.clone());
        let states = async move {
            while let Some(phase) = phases.next().await {
                tell(format!("— {phase:?} —"));
            }
        };
        let messages = async {
            while let Some(message) = link.next().await {
                if let Message::Text(text) = message {
                    say(text);
                }
            }
        };
        join(states, messages).await;
        drop(on_change); // the page's handler lives as long as the link
    });
}
