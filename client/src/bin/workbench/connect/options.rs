//! How a connection is to be: a link or a socket, what carries it, and when a link tries again.

use web_sys::{Element, HtmlInputElement};
use wirescope::socket::Transport;

use crate::{
    dom::{self, elements, on},
    model::{Retry, Setup, milliseconds, tries},
};

elements! {
    Elements {
        once: HtmlInputElement = "once",
        lasts: HtmlInputElement = "lasts",
        kind: Element = "kind",
        options: Element = "link-options",
        base: HtmlInputElement = "retry-base",
        cap: HtmlInputElement = "retry-cap",
        max_tries: HtmlInputElement = "retry-max-tries",
        min_uptime: HtmlInputElement = "retry-min-uptime",
        connect_timeout: HtmlInputElement = "retry-connect-timeout",
        hidden: HtmlInputElement = "retry-hidden",
        beat: HtmlInputElement = "beat-text",
        answer: HtmlInputElement = "beat-answer",
        interval: HtmlInputElement = "beat-interval",
        deadline: HtmlInputElement = "beat-deadline",
        defaults: Element = "retry-defaults",
        problem: Element = "retry-error",
        stream: HtmlInputElement = "stream",
        stream_place: Element = "stream-place",
    }
}

pub(super) struct Options {
    elements: Elements,
}

impl Options {
    pub(super) fn new() -> Self {
        let elements = Elements::find();
        on(&elements.kind, "change", |app, _| app.connect.form.options.show_kind());
        on(&elements.defaults, "click", |app, _| app.connect.form.options.show_retry(&Retry::default()));
        on(&elements.options, "input", |app, _| {
            // A field that is being mended is looked at again when it counts.
            app.connect.form.options.problem(None);
        });
        dom::set_flag(&elements.stream_place, "hidden", !Transport::Stream.is_available());
        Self { elements }
    }

    /// Shows a setup in the form.
    pub(super) fn show(&self, setup: &Setup) {
        let elements = &self.elements;
        elements.once.set_checked(!setup.lasts);
        elements.lasts.set_checked(setup.lasts);
        elements.stream.set_checked(setup.stream);
        self.show_retry(&setup.retry);
        self.show_kind();
    }

    /// Takes what the form says into a setup; a field that says no number keeps what there was.
    pub(super) fn keep(&self, setup: &mut Setup) {
        let elements = &self.elements;
        setup.lasts = elements.lasts.checked();
        setup.stream = elements.stream.checked();
        let retry = &mut setup.retry;
        for (field, value) in [
            (&elements.base, &mut retry.base),
            (&elements.cap, &mut retry.cap),
            (&elements.min_uptime, &mut retry.min_uptime),
            (&elements.connect_timeout, &mut retry.connect_timeout),
            (&elements.interval, &mut retry.heartbeat.interval),
            (&elements.deadline, &mut retry.heartbeat.deadline),
        ] {
            if let Some(ms) = milliseconds(&field.value()) {
                *value = ms;
            }
        }
        if let Ok(tries) = tries(&elements.max_tries.value()) {
            retry.max_tries = tries;
        }
        retry.wait_while_hidden = elements.hidden.checked();
        retry.heartbeat.text = elements.beat.value();
        retry.heartbeat.answer = elements.answer.value();
    }

    /// Whether all fields say what they can; the first that does not is shown.
    pub(super) fn check(&self) -> bool {
        let elements = &self.elements;
        self.problem(None);
        if !elements.lasts.checked() {
            return true;
        }
        let times = [
            &elements.base,
            &elements.cap,
            &elements.min_uptime,
            &elements.connect_timeout,
            &elements.interval,
            &elements.deadline,
        ];
        if let Some(field) = times.into_iter().find(|field| milliseconds(&field.value()).is_none()) {
            self.problem(Some((field, "a time is a number of milliseconds, up to a day")));
            return false;
        }
        if tries(&elements.max_tries.value()).is_err() {
            self.problem(Some((
                &elements.max_tries,
                "how often is a number from 1, or nothing: without end",
            )));
            return false;
        }
        true
    }

    fn problem(&self, problem: Option<(&HtmlInputElement, &str)>) {
        let elements = &self.elements;
        for field in [
            &elements.base,
            &elements.cap,
            &elements.max_tries,
            &elements.min_uptime,
            &elements.connect_timeout,
            &elements.interval,
            &elements.deadline,
        ] {
            let says = problem.filter(|(bad, _)| bad.id() == field.id()).map(|(_, says)| says);
            dom::set_problem(field, &elements.problem, says);
            if says.is_some() {
                dom::set_flag(&elements.options, "open", true);
                let _ = field.focus();
                return;
            }
        }
    }

    fn show_kind(&self) {
        dom::set_flag(&self.elements.options, "hidden", !self.elements.lasts.checked());
    }

    fn show_retry(&self, retry: &Retry) {
        let elements = &self.elements;
        for (field, value) in [
            (&elements.base, retry.base),
            (&elements.cap, retry.cap),
            (&elements.min_uptime, retry.min_uptime),
            (&elements.connect_timeout, retry.connect_timeout),
            (&elements.interval, retry.heartbeat.interval),
            (&elements.deadline, retry.heartbeat.deadline),
        ] {
            field.set_value(&value.to_string());
        }
        elements.max_tries.set_value(&retry.max_tries.map_or(String::new(), |tries| tries.to_string()));
        elements.hidden.set_checked(retry.wait_while_hidden);
        elements.beat.set_value(&retry.heartbeat.text);
        elements.answer.set_value(&retry.heartbeat.answer);
        self.problem(None);
    }
}
