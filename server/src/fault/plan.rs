//! What a URL asks for: which faults, when they strike, and by which seed.

use std::{fmt, time::Duration};

use wirescope_protocol::check_reason;

use super::{ALL, Fault, Group, Made, MessageFault, PRESETS};
use crate::{
    chance::Chance,
    query::{Probability, Query, QueryError, Value},
};

/// A parameter that concerns all faults of a URL, or with a fault's name and a point before it, that one.
pub(crate) struct Common {
    pub(crate) name: &'static str,
    pub(crate) allowed: &'static str,
    pub(crate) text: &'static str,
    /// Whether `FAULT.NAME` says it of one fault.
    pub(crate) scoped: bool,
}

/// The parameters that are not faults.
pub(crate) const COMMON: &[Common] = &[
    Common {
        name: "seed",
        allowed: <u64 as Value>::ALLOWED,
        text: "What all chance depends on; 0 where it is not given.",
        scoped: false,
    },
    Common {
        name: "conn",
        allowed: <u64 as Value>::ALLOWED,
        text: "Mixed into all chance, so that connections with different numbers meet different fates.",
        scoped: false,
    },
    Common {
        name: "dir",
        allowed: DIRECTIONS,
        text: "Which messages are struck and counted: those that the server sends, those that it receives, or both.",
        scoped: true,
    },
    Common {
        name: "after",
        allowed: AFTERS,
        text: "Nothing is struck before so many messages went by, or so much time since the connection opened. What \
               strikes once does it then.",
        scoped: true,
    },
    Common {
        name: "every",
        allowed: EVERY,
        text: "Of the messages that could be struck, every so manyth is.",
        scoped: true,
    },
    Common {
        name: "chance",
        allowed: <Probability as Value>::ALLOWED,
        text: "Of the messages that could be struck, this share is.",
        scoped: true,
    },
    Common {
        name: "reason",
        allowed: "at most 123 bytes of text",
        text: "The reason in the Close frame of close.",
        scoped: false,
    },
    Common {
        name: "preset",
        allowed: "the name of a preset",
        text: "A set of faults by its name.",
        scoped: false,
    },
];

const DIRECTIONS: &str = "out, in or both";
const AFTERS: &str = "a number of messages or a time, such as 10 or 2s";
const EVERY: &str = "a whole number from 1, such as 10";

/// Which faults strike a connection, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) conn: u64,
    pub(crate) reason: String,
    pub(crate) settings: Vec<Setting>,
}

/// One fault as it was chosen.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) fault: &'static Fault,
    pub(crate) value: String,
    pub(crate) trigger: Trigger,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) out: bool,
    pub(crate) inward: bool,
    pub(crate) after: After,
    pub(crate) every: Option<u64>,
    pub(crate) chance: Option<Probability>,
}

/// What must have gone by first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Messages(u64),
    Time(Duration),
}

/// The way a message goes, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Out,
    In,
}

impl Direction {
    /// Its name in a trace.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

impl Plan {
    /// Takes what concerns faults out of a query.
    pub(crate) fn take(query: &mut Query) -> Result<Self, QueryError> {
        if let Some(name) = query.take_text("preset") {
            let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
                let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
                return Err(QueryError::invalid("preset", name, names.join(", ")));
            };
            query.add_missing(Query::parse(preset.query)?);
        }
        // The scenario may have a seed of its own, so the query keeps it for whoever comes next.
        let seed = query.take("seed")?.unwrap_or_default();
        let conn = query.take("conn")?.unwrap_or_default();
        let asked_before = query.keys().count();
        let general = Parts::take(query, "")?;
        let is_general = query.keys().count() < asked_before;
        let (mut settings, mut triggered) = (Vec::new(), false);
        for fault in ALL {
            let Some(value) = query.take_text(fault.name) else { continue };
            let Some(made) = (fault.make)(&value) else {
                return Err(QueryError::invalid(fault.name, value, fault.takes.allowed));
            };
            let own = Parts::take(query, fault.name)?;
            let trigger = own.or(general).trigger();
            let takes = Takes::of(&made);
            if takes != Takes::All && (own.after.is_some() || own.every.is_some() || own.dir.is_some()) {
                let why = "strikes no single messages, so after, every and dir mean nothing";
                return Err(QueryError::unfit(fault.name, why));
            }
            if takes == Takes::None && own.chance.is_some() {
                let why = "holds for the whole connection, so chance means nothing";
                return Err(QueryError::unfit(fault.name, why));
            }
            triggered |= takes == Takes::All || (takes == Takes::Chance && general.is_only_chance());
            settings.push(Setting { fault, value, trigger });
        }
        if is_general && !triggered {
            return Err(QueryError::unfit(
                "dir, after, every or chance",
                "means nothing without a fault that it fits",
            ));
        }
        let reason = query.take_text("reason");
        if let Some(reason) = &reason {
            if check_reason(reason).is_err() {
                return Err(QueryError::invalid("reason", reason, "at most 123 bytes of text"));
            }
            if !settings.iter().any(|setting| setting.fault.name == "close") {
                return Err(QueryError::unfit("reason", "means nothing without close"));
            }
        }
        Ok(Self { seed, conn, reason: reason.unwrap_or_default(), settings })
    }

    /// The keys that [`Plan::take`] knows, for an error that lists them.
    pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|fault| fault.name).chain(COMMON.iter().map(|common| common.name))
    }

    /// Whether anything strikes once the handshake is done.
    pub(crate) fn bends_the_connection(&self) -> bool {
        self.settings.iter().any(|setting| setting.fault.group != Group::Handshake)
    }

    /// Whether anything strikes the handshake.
    pub(crate) fn bends_the_handshake(&self) -> bool {
        self.settings.iter().any(|setting| setting.fault.group == Group::Handshake)
    }

    /// What each fault is made of, new for a connection.
    pub(crate) fn made(&self) -> impl Iterator<Item = (&Setting, Made)> {
        self.settings.iter().filter_map(|setting| Some((setting, (setting.fault.make)(&setting.value)?)))
    }

    /// The message faults of one direction, in the order in which they strike.
    pub(crate) fn message_faults(
        &self,
        direction: Direction,
    ) -> Vec<(&'static str, Trigger, Box<dyn MessageFault>)> {
        self.made()
            .filter(|(setting, _)| setting.trigger.concerns(direction))
            .filter_map(|(setting, made)| match made {
                Made::Message(share, fault) => {
                    let chance = setting.trigger.chance.map_or(share.0, |chance| chance.0 * share.0);
                    let trigger = Trigger { chance: Some(Probability(chance)), ..setting.trigger };
                    Some((setting.fault.name, trigger, fault))
                }
                _ => None,
            })
            .collect()
    }

    /// The chance of one fault at one message.
    pub(crate) fn chance(&self, fault: &str, direction: Direction, number: u64) -> Chance {
        let direction = match direction {
            Direction::Out => 0,
            Direction::In => 1,
        };
        Chance::new(self.seed, fault, &[self.conn, direction, number])
    }
}

/// As a query, in the order of the table.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings.iter().map(ToString::to_string);
        let reason = (!self.reason.is_empty()).then(|| format!("reason={}", self.reason));
        let text = settings.chain(reason).chain((self.seed != 0).then(|| format!("seed={}", self.seed)));
        f.write_str(&text.collect::<Vec<_>>().join("&"))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.value, self.fault.name) {
            ("", name) => f.write_str(name),
            (_, name @ "basic-auth") => write!(f, "{name}=…"),
            (value, name) => write!(f, "{name}={value}"),
        }?;
        let (name, Trigger { out, inward, after, every, chance }) = (self.fault.name, self.trigger);
        match after {
            After::Messages(0) => {}
            After::Messages(count) => write!(f, "&{name}.after={count}")?,
            After::Time(time) => write!(f, "&{name}.after={time:?}")?,
        }
        if let Some(every) = every {
            write!(f, "&{name}.every={every}")?;
        }
        if let Some(Probability(share)) = chance {
            write!(f, "&{name}.chance={share}")?;
        }
        match (out, inward) {
            (_, false) => Ok(()),
            (true, true) => write!(f, "&{name}.dir=both"),
            (false, true) => write!(f, "&{name}.dir=in"),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Trigger {
    /// Whether it concerns what goes this way.
    pub(crate) fn concerns(&self, direction: Direction) -> bool {
        match direction {
            Direction::Out => self.out,
            Direction::In => self.inward,
        }
    }

    /// Whether the message with this number, from 1, is struck. `lived` is how long the connection has been open.
    pub(crate) fn strikes(&self, number: u64, lived: Duration, chance: &mut Chance) -> bool {
        let before = match self.after {
            After::Messages(count) => count,
            After::Time(time) if lived < time => return false,
            After::Time(_) => 0,
        };
        number > before
            && self.every.is_none_or(|every| (number - before).is_multiple_of(every))
            && self.chance.is_none_or(|share| chance.share() < share.0)
    }

    /// Whether a strike comes once, and not at each message that the trigger fits.
    pub(crate) fn is_single(&self) -> bool {
        self.every.is_none() && self.chance.is_none()
    }
}

/// Which triggers mean something for a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    All,
    Chance,
    None,
}

impl Takes {
    pub(super) fn of(made: &Made) -> Self {
        match made {
            Made::Message(..) | Made::Strike(_) | Made::Control(_) => Self::All,
            Made::Opening(_) => Self::Chance,
            Made::Bytes(_) | Made::IdleCutoff(_) => Self::None,
        }
    }

    /// Its name for programs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Chance => "chance",
            Self::None => "none",
        }
    }
}

/// What the query says of when faults strike, as far as it does.
#[derive(Clone, Copy, Default)]
struct Parts {
    dir: Option<(bool, bool)>,
    after: Option<After>,
    every: Option<u64>,
    chance: Option<Probability>,
}

impl Parts {
    /// Takes `after` and the others, or where a fault is named, `FAULT.after` and the others.
    fn take(query: &mut Query, fault: &str) -> Result<Self, QueryError> {
        let key = |name: &str| if fault.is_empty() { name.to_owned() } else { format!("{fault}.{name}") };
        let dir = match query.take_text(&key("dir")) {
            None => None,
            Some(text) => Some(match &*text {
                "out" => (true, false),
                "in" => (false, true),
                "both" => (true, true),
                _ => return Err(QueryError::invalid(&key("dir"), text, DIRECTIONS)),
            }),
        };
        let after = match query.take_text(&key("after")) {
            None => None,
            Some(text) => match (u64::parse(&text), Duration::parse(&text)) {
                (Some(count), _) => Some(After::Messages(count)),
                (None, Some(time)) => Some(After::Time(time)),
                (None, None) => return Err(QueryError::invalid(&key("after"), text, AFTERS)),
            },
        };
        let every = query.take_within(&key("every"), 1..=u64::MAX, EVERY)?;
        let chance = query.take(&key("chance"))?;
        Ok(Self { dir, after, every, chance })
    }

    fn is_only_chance(&self) -> bool {
        self.dir.is_none() && self.after.is_none() && self.every.is_none()
    }

    fn or(self, general: Self) -> Self {
        Self {
            dir: self.dir.or(general.dir),
            after: self.after.or(general.after),
            every: self.every.or(general.every),
            chance: self.chance.or(general.chance),
        }
    }

    fn trigger(self) -> Trigger {
        let (out, inward) = self.dir.unwrap_or((true, false));
        let after = self.after.unwrap_or(After::Messages(0));
        Trigger { out, inward, after, every: self.every, chance: self.chance }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(query: &str) -> Result<Plan, String> {
        let mut query = Query::parse(query).map_err(|error| error.to_string())?;
        let plan = Plan::take(&mut query).map_err(|error| error.to_string())?;
        query.finish(Vec::new).map_err(|error| error.to_string())?;
        Ok(plan)
    }

    #[test]
    fn a_fault_has_the_general_trigger_unless_it_has_its_own() {
        let plan = plan("drop=2%&rst&after=3&rst.after=10s&dir=both&drop.every=2").unwrap();
        let [drop, rst] = &*plan.settings else { panic!("{plan:?}") };
        assert_eq!((drop.trigger.after, drop.trigger.every), (After::Messages(3), Some(2)));
        assert_eq!((rst.trigger.after, rst.trigger.every), (After::Time(Duration::from_secs(10)), None));
        assert!(rst.trigger.out && rst.trigger.inward);
    }

    #[test]
    fn a_preset_gives_way_to_what_is_said() {
        let with = plan("preset=mobile&delay=1ms").unwrap();
        let delay = with.settings.iter().find(|setting| setting.fault.name == "delay").unwrap();
        assert_eq!(delay.value, "1ms");
        for preset in PRESETS {
            let plan = plan(&format!("preset={}", preset.name)).unwrap();
            assert!(!plan.settings.is_empty(), "{}", preset.name);
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (query, error) in [
            ("drop=lots", "parameter drop is \"lots\"; allowed is a probability"),
            ("delay=5", "parameter delay is \"5\"; allowed is a time"),
            ("every=0&drop", "parameter every is \"0\""),
            ("after=soon&drop", "parameter after is \"soon\""),
            ("dir=up&drop", "parameter dir is \"up\"; allowed is out, in or both"),
            ("after=3", "means nothing without a fault"),
            ("chunk=1&after=3", "means nothing without a fault that it fits"),
            ("chunk=1&chunk.after=3", "parameter chunk strikes no single messages"),
            ("chunk=1&chunk.chance=3%", "parameter chunk holds for the whole connection"),
            ("status=503&every=2", "means nothing without a fault that it fits"),
            ("reason=x", "parameter reason means nothing without close"),
            ("preset=moon", "parameter preset is \"moon\"; allowed is"),
            ("delay.after=3", "there is no parameter \"delay.after\" here"),
            ("status=503&status.after=3", "parameter status strikes no single messages"),
            ("seed=-1&drop", "parameter seed is \"-1\""),
        ] {
            let refused = plan(query).expect_err(query);
            assert!(refused.contains(error), "{query}: {refused}");
        }
    }

    #[test]
    fn triggers_count_from_the_message_after_which_they_begin() {
        let trigger =
            Trigger { out: true, inward: false, after: After::Messages(2), every: Some(3), chance: None };
        let mut chance = Chance::new(0, "", &[]);
        let struck: Vec<_> =
            (1..=12).filter(|number| trigger.strikes(*number, Duration::ZERO, &mut chance)).collect();
        assert_eq!(struck, [5, 8, 11]);
    }

    #[test]
    fn the_same_seed_strikes_the_same_messages() {
        let struck = |query: &str| {
            let plan = plan(query).unwrap();
            let (name, trigger, _) = plan.message_faults(Direction::Out).remove(0);
            (1..=1000_u64)
                .filter(|number| {
                    let mut chance = plan.chance(name, Direction::Out, *number);
                    trigger.strikes(*number, Duration::ZERO, &mut chance)
                })
                .collect::<Vec<_>>()
        };
        let one = struck("drop=5%&seed=42");
        assert_eq!(one, struck("seed=42&drop=0.05"));
        assert_ne!(one, struck("drop=5%&seed=43"));
        assert_ne!(one, struck("drop=5%&seed=42&conn=1"));
        assert!((25..=80).contains(&one.len()), "{} of 1000 at 5 %", one.len());
    }

    proptest! {
        #[test]
        fn any_parameters_are_read_or_refused(
            keys in prop::collection::vec("(drop|delay|rate|close|inject|after|every|chunk|status|rst.after|[a-z.]{1,9})", 0..5),
            values in prop::collection::vec("([0-9]{1,20}|[0-9.]{1,6}(%|ms|s|KiB)|\\PC{0,8})", 5),
        ) {
            let pairs: Vec<_> = keys.iter().zip(&values).map(|(key, value)| format!("{key}={value}")).collect();
            if let Ok(plan) = plan(&pairs.join("&")) {
                prop_assert_eq!(plan.made().count(), plan.settings.len());
            }
        }
    }
}
