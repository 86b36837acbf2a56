use proptest::prelude::*;
use wirescope_protocol::CloseCode;

use super::*;
use crate::socket::Initiator;

const START: Millis = 1_000_000;

fn close(code: u16) -> CloseEvent {
    CloseEvent {
        code: CloseCode::new(code),
        was_clean: code != 1006,
        ..CloseEvent::abandoned(Initiator::Nobody, Duration::ZERO, Duration::ZERO)
    }
}

/// A machine at a time, with a random number for all its waits.
struct Run {
    machine: Machine,
    now: Millis,
    random: f64,
}

impl Run {
    fn new(policy: RetryPolicy) -> Self {
        Self { machine: Machine::new(policy, START, true, true), now: START, random: 1.0 }
    }

    /// One that is connected.
    fn open(policy: RetryPolicy) -> Self {
        let mut run = Self::new(policy);
        assert_eq!(run.give(Input::Start), Action::Connect { generation: 1 });
        run.opened();
        run
    }

    fn give(&mut self, input: Input<'_>) -> Action {
        self.machine.step(self.now, input, || self.random)
    }

    fn opened(&mut self) {
        let generation = self.machine.generation();
        assert_eq!(self.give(Input::Opened { generation }), Action::Nothing);
        assert_eq!(*self.machine.phase(), Phase::Open);
    }

    fn closed(&mut self, code: u16) -> Action {
        let generation = self.machine.generation();
        let close = close(code);
        let terminal = (self.machine.policy.terminal)(&close);
        self.give(Input::Closed { generation, close: &close, terminal, retry_after: None })
    }

    /// Lets the wait pass, and gives how long it was.
    fn wait(&mut self) -> Millis {
        let at = self.machine.wake_at().expect("it waits");
        let wait = at - self.now;
        if wait > 0 {
            self.now = at - 1;
            assert_eq!(self.give(Input::Tick), Action::Nothing, "too early");
        }
        self.now = at;
        wait
    }
}

#[test]
fn the_first_try_is_at_once() {
    assert_eq!(Run::new(RetryPolicy::default()).give(Input::Start), Action::Connect { generation: 1 });
}

#[test]
fn waits_double_up_to_the_cap_and_are_random_below_it() {
    let mut run = Run::new(RetryPolicy::default());
    run.give(Input::Start);
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(run.closed(1006), Action::Drop);
        waits.push(run.wait());
        assert!(matches!(run.give(Input::Tick), Action::Connect { .. }));
    }
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
    run.random = 0.25;
    run.closed(1006);
    assert_eq!(run.wait(), 5_000);
}

#[test]
fn only_a_connection_that_lasted_makes_the_next_failure_the_first() {
    let mut run = Run::open(RetryPolicy::default());
    for wait in [500, 1_000, 2_000] {
        run.now += 4_999;
        run.closed(1006);
        assert_eq!(run.wait(), wait);
        run.give(Input::Tick);
        run.opened();
    }
    run.now += 5_000;
    run.closed(1006);
    assert_eq!(run.wait(), 500);
}

#[test]
fn terminal_codes_end_the_link_unless_the_caller_says_otherwise() {
    for code in [1000, 1002, 1003, 1007, 1008, 1009, 1010, 4400, 4499] {
        let mut run = Run::open(RetryPolicy::default());
        run.closed(code);
        assert_eq!(*run.machine.phase(), Phase::Ended(EndReason::Terminal(close(code))), "{code}");
        assert_eq!(run.machine.wake_at(), None);
    }
    for code in [1001, 1005, 1006, 1011, 1012, 1013, 3000, 4000, 4399, 4500] {
        let mut run = Run::open(RetryPolicy::default());
        run.closed(code);
        assert!(matches!(run.machine.phase(), Phase::Waiting { .. }), "{code}");
    }
    let mut run = Run::open(RetryPolicy { terminal: Rc::new(|_| false), ..RetryPolicy::default() });
    run.closed(1000);
    assert!(matches!(run.machine.phase(), Phase::Waiting { .. }));
}

#[test]
fn it_gives_up_after_the_last_try_and_can_be_told_to_begin_anew() {
    let mut run = Run::new(RetryPolicy { max_tries: Some(3), ..RetryPolicy::default() });
    run.give(Input::Start);
    for _ in 0..2 {
        run.closed(1006);
        run.wait();
        run.give(Input::Tick);
    }
    run.closed(1006);
    assert_eq!(*run.machine.phase(), Phase::Ended(EndReason::GaveUp { tries: 3 }));
    assert_eq!(run.give(Input::RetryNow), Action::Connect { generation: 4 });
    assert_eq!(*run.machine.phase(), Phase::Connecting { attempt: 1 });
}

#[test]
fn a_try_that_takes_too_long_is_dropped_and_counts_as_failed() {
    let mut run = Run::new(RetryPolicy::default());
    run.give(Input::Start);
    assert_eq!(run.wait(), 20_000);
    assert_eq!(run.give(Input::Tick), Action::Drop);
    assert_eq!(run.wait(), 500);
}

#[test]
fn a_peer_can_widen_the_window_and_not_narrow_it() {
    for (asked, wait) in [(10_000, 10_000), (100, 500), (u64::MAX, 600_000)] {
        let mut run = Run::open(RetryPolicy::default());
        let retry_after = Some(Duration::from_millis(asked));
        run.give(Input::Closed { generation: 1, close: &close(1012), terminal: false, retry_after });
        assert_eq!(run.wait(), wait);
    }
}

#[test]
fn without_a_network_it_waits_for_one_and_then_tries_at_once() {
    let mut run = Run::new(RetryPolicy::default());
    run.give(Input::Start);
    assert_eq!(run.give(Input::Offline), Action::Drop, "a try without a network");
    assert_eq!((run.machine.phase(), run.machine.wake_at()), (&Phase::Offline, None));
    assert_eq!(run.give(Input::Online), Action::Connect { generation: 2 });
    run.opened();
    assert_eq!(run.give(Input::Offline), Action::Nothing, "an open connection may live on");
    run.closed(1006);
    assert_eq!(*run.machine.phase(), Phase::Offline);
    run.give(Input::Online);
    run.closed(1006);
    assert_eq!(run.give(Input::Online), Action::Connect { generation: 4 }, "while it waited");
}

#[test]
fn the_first_try_is_at_once_on_a_hidden_page_too() {
    let policy = RetryPolicy { wait_while_hidden: true, ..RetryPolicy::default() };
    let mut machine = Machine::new(policy.clone(), START, true, false);
    assert_eq!(machine.step(START, Input::Start, || 1.0), Action::Connect { generation: 1 });

    let mut machine = Machine::new(policy, START, false, false);
    assert_eq!(machine.step(START, Input::Start, || 1.0), Action::Nothing);
    assert_eq!(machine.step(START, Input::Online, || 1.0), Action::Connect { generation: 1 });
}

#[test]
fn the_longest_times_are_times() {
    for longest in [Duration::from_millis(u64::MAX), Duration::MAX] {
        let mut run = Run::new(RetryPolicy {
            base: longest,
            cap: longest,
            min_uptime: longest,
            connect_timeout: longest,
            ..RetryPolicy::default()
        });
        run.give(Input::Start);
        assert!(run.machine.wake_at().is_some_and(|at| at > START + 1_000_000));
        run.opened();
        run.closed(1006);
        assert!(run.machine.wake_at().is_some_and(|at| at > START + 1_000_000));
    }
}

#[test]
fn a_hidden_page_waits_to_be_seen_if_so_asked() {
    let mut run = Run::open(RetryPolicy { wait_while_hidden: true, ..RetryPolicy::default() });
    run.give(Input::Hidden);
    run.closed(1006);
    run.wait();
    assert_eq!(run.give(Input::Tick), Action::Nothing);
    assert_eq!(*run.machine.phase(), Phase::Hidden);
    assert_eq!(run.give(Input::Shown), Action::Connect { generation: 2 });

    let mut run = Run::open(RetryPolicy::default());
    run.give(Input::Hidden);
    run.closed(1006);
    run.wait();
    assert!(matches!(run.give(Input::Tick), Action::Connect { .. }), "not asked");
}

#[test]
fn a_page_that_is_left_closes_and_one_that_is_back_connects() {
    let mut run = Run::open(RetryPolicy::default());
    assert_eq!(run.give(Input::PageLeft), Action::Drop);
    assert_eq!(*run.machine.phase(), Phase::Suspended);
    assert_eq!(run.closed(1006), Action::Nothing);
    assert_eq!(run.give(Input::PageBack), Action::Connect { generation: 2 });
}

#[test]
fn a_dead_peer_is_dropped_and_a_closed_link_stays_closed() {
    let mut run = Run::open(RetryPolicy::default());
    assert_eq!(run.give(Input::Dead { generation: 1 }), Action::Drop);
    run.wait();
    run.give(Input::Tick);
    assert_eq!(run.give(Input::Close), Action::Drop);
    for input in [Input::RetryNow, Input::Online, Input::Shown, Input::PageBack, Input::Tick, Input::PageLeft]
    {
        assert_eq!(run.give(input), Action::Nothing, "{input:?}");
        assert_eq!(*run.machine.phase(), Phase::Ended(EndReason::Closed));
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_prolong_the_wait() {
    let mut run = Run::open(RetryPolicy::default());
    run.closed(1006);
    run.now -= 900_000;
    assert_eq!(run.give(Input::Tick), Action::Nothing);
    assert_eq!(run.wait(), 500);
}

/// An input, with the generation it reports on as a distance from the newest.
#[derive(Clone, Copy, Debug)]
enum Any {
    Opened(u64),
    Closed(u64, u16),
    Failed(u64),
    Dead(u64),
    Plain(Input<'static>),
}

fn any_input() -> impl Strategy<Value = Any> {
    let plain = [
        Input::Tick,
        Input::Online,
        Input::Offline,
        Input::Shown,
        Input::Hidden,
        Input::PageLeft,
        Input::PageBack,
        Input::RetryNow,
    ];
    prop_oneof![
        3 => (0_u64..3).prop_map(Any::Opened),
        3 => ((0_u64..3), prop_oneof![Just(1006), Just(1001), Just(1000), Just(4001)])
            .prop_map(|(age, code)| Any::Closed(age, code)),
        1 => (0_u64..3).prop_map(Any::Failed),
        1 => (0_u64..3).prop_map(Any::Dead),
        8 => prop::sample::select(plain.to_vec()).prop_map(Any::Plain),
        1 => Just(Any::Plain(Input::Close)),
    ]
}

#[test]
fn closing_is_final_also_after_giving_up() {
    let mut run = Run::new(RetryPolicy { max_tries: Some(1), ..RetryPolicy::default() });
    run.give(Input::Start);
    run.closed(1006);
    assert_eq!(*run.machine.phase(), Phase::Ended(EndReason::GaveUp { tries: 1 }));
    run.give(Input::Close);
    assert_eq!(run.give(Input::RetryNow), Action::Nothing);
}

#[test]
fn the_loss_of_a_connection_that_lasted_is_no_failed_try() {
    let mut run = Run::open(RetryPolicy { max_tries: Some(1), ..RetryPolicy::default() });
    run.now += 3_600_000;
    run.closed(1006);
    assert_eq!(run.wait(), 500);
    run.give(Input::Tick);
    assert_eq!(*run.machine.phase(), Phase::Connecting { attempt: 1 });
}

#[test]
fn what_failed_before_a_connection_that_lasted_is_forgotten_however_it_is_left() {
    let mut run = Run::new(RetryPolicy::default());
    run.give(Input::Start);
    for _ in 0..6 {
        run.closed(1006);
        run.wait();
        run.give(Input::Tick);
    }
    run.opened();
    run.now += 3_600_000;
    run.give(Input::PageLeft);
    run.give(Input::PageBack);
    assert_eq!(*run.machine.phase(), Phase::Connecting { attempt: 1 });
}

#[test]
fn what_the_browser_refuses_is_not_tried_again() {
    let mut run = Run::new(RetryPolicy::default());
    run.give(Input::Start);
    let error = Error::Blocked { url: "ws://x/".to_owned(), detail: "a port".to_owned() };
    assert_eq!(run.give(Input::Refused { generation: 1, error: &error }), Action::Drop);
    assert_eq!(*run.machine.phase(), Phase::Ended(EndReason::Refused(error)));
}

proptest! {
    #[test]
    fn whatever_happens_there_is_one_socket_and_it_is_the_newest(
        steps in prop::collection::vec((any_input(), 0_u64..30_000, 0.0..1.0), 1..200),
        max_tries in prop::option::of(1_u32..5),
        wait_while_hidden: bool,
    ) {
        let policy = RetryPolicy { max_tries, wait_while_hidden, ..RetryPolicy::default() };
        let mut machine = Machine::new(policy.clone(), START, true, true);
        let mut now = START;
        let Action::Connect { generation } = machine.step(now, Input::Start, || 0.0) else { panic!("not begun") };
        let mut socket = Some(generation);
        for (any, later, random) in steps {
            now += later;
            let newest = machine.generation();
            let event;
            let (age, input) = match any {
                Any::Opened(age) => (age, Input::Opened { generation: newest.wrapping_sub(age) }),
                Any::Closed(age, code) => {
                    event = close(code);
                    let generation = newest.wrapping_sub(age);
                    (age, Input::Closed { generation, close: &event, terminal: is_terminal(&event), retry_after: None })
                }
                Any::Failed(age) => (age, Input::Failed { generation: newest.wrapping_sub(age) }),
                Any::Dead(age) => (age, Input::Dead { generation: newest.wrapping_sub(age) }),
                Any::Plain(input) => (0, input),
            };
            let before = machine.phase().clone();
            let action = machine.step(now, input, || random);
            if age > 0 {
                prop_assert_eq!(action, Action::Nothing, "an older socket moved it");
                prop_assert_eq!(machine.phase(), &before);
            }
            match action {
                Action::Connect { generation } => {
                    prop_assert_eq!(socket, None, "a second socket");
                    prop_assert!(generation > newest);
                    socket = Some(generation);
                }
                Action::Drop => socket = None,
                Action::Nothing => {}
            }
            let has_socket = matches!(machine.phase(), Phase::Connecting { .. } | Phase::Open);
            prop_assert_eq!(socket.is_some(), has_socket, "{:?} {:?}", any, machine.phase());
            if let Phase::Waiting { until } = machine.phase() {
                prop_assert!(*until <= now + 20_000);
            }
            if let (Some(most), Phase::Connecting { attempt }) = (max_tries, machine.phase()) {
                prop_assert!(*attempt <= most);
            }
            if before == Phase::Ended(EndReason::Closed) {
                prop_assert_eq!(machine.phase(), &before, "a closed link came back");
            }
        }
    }
}
