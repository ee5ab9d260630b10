//! What can go wrong at a site.

use std::fmt;

use super::record::Recorded;
use super::site::Place;
use crate::history::{Method, NodeName};

/// What can go wrong at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The coordinator dies before the call takes effect, or before a wait ends.
    CrashBefore,
    /// The coordinator dies right after the call took effect, or in the round
    /// that begins when a wait has ended.
    CrashAfter,
    /// The call fails, and nothing was done.
    ErrorBefore,
    /// The call fails, although it was done.
    ErrorAfter,
    /// The call is done; the connection breaks before the answer is there.
    AnswerLost,
    /// The request is delivered once more some time later.
    Duplicate,
    /// The request arrives long after its sender has given up.
    Late,
    /// The request arrives nowhere, and nobody says so.
    Hang,
    /// A read is answered with what was true some time ago.
    Stale,
    /// An operator switches the indexer off and on again (or on and off) while
    /// the call is on its way.
    HiddenSwitch,
    /// The indexer is updated and changed back within one block while the call
    /// is on its way.
    HiddenUpdate,
    /// The indexer is deleted and registered again (or registered and deleted)
    /// within one block while the call is on its way.
    HiddenRebirth,
    /// The coordinator freezes and another one is started; the old one thaws
    /// later and goes on as if nothing had happened, for a while.
    Zombie,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 13] = [
        Kind::CrashBefore,
        Kind::CrashAfter,
        Kind::ErrorBefore,
        Kind::ErrorAfter,
        Kind::AnswerLost,
        Kind::Duplicate,
        Kind::Late,
        Kind::Hang,
        Kind::Stale,
        Kind::HiddenSwitch,
        Kind::HiddenUpdate,
        Kind::HiddenRebirth,
        Kind::Zombie,
    ];

    /// The name in plans and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::CrashBefore => "crash-before",
            Kind::CrashAfter => "crash-after",
            Kind::ErrorBefore => "error-before",
            Kind::ErrorAfter => "error-after",
            Kind::AnswerLost => "answer-lost",
            Kind::Duplicate => "duplicate",
            Kind::Late => "late",
            Kind::Hang => "hang",
            Kind::Stale => "stale",
            Kind::HiddenSwitch => "hidden-switch",
            Kind::HiddenUpdate => "hidden-update",
            Kind::HiddenRebirth => "hidden-rebirth",
            Kind::Zombie => "zombie",
        }
    }

    /// The kind of that name.
    ///
    /// # Errors
    /// There is none; names those that there are.
    pub fn by_name(name: &str) -> Result<Kind, String> {
        let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!(
                "`{name}` is no kind of fault; there are {}",
                names.join(", ")
            )
        })
    }

    /// Whether somebody changes what is wanted, and changes it back.
    pub fn is_hidden_change(self) -> bool {
        matches!(
            self,
            Kind::HiddenSwitch | Kind::HiddenUpdate | Kind::HiddenRebirth
        )
    }

    /// Whether it happens to the coordinator itself, not to a message.
    pub fn is_of_the_process(self) -> bool {
        matches!(self, Kind::CrashBefore | Kind::CrashAfter | Kind::Zombie)
    }

    /// Whether it can happen at a recorded site and make a difference there.
    ///
    /// # Errors
    /// It cannot; says why.
    pub fn fits(self, recorded: &Recorded) -> Result<(), LeftOut> {
        let site = &recorded.site;
        let Place::Call(method) = site.place else {
            return match self.is_of_the_process() || self.is_hidden_change() {
                true => Ok(()),
                false => Err(LeftOut::NoMessage),
            };
        };
        let of_the_store = method.server() == NodeName::Store;
        if method.is_effect() {
            return match self {
                Kind::Stale => Err(LeftOut::NoRead),
                Kind::Duplicate if of_the_store => Err(LeftOut::OnceOnly),
                Kind::AnswerLost if of_the_store => Err(LeftOut::SameAsError),
                _ if self.is_hidden_change() && site.indexer.is_none() => Err(LeftOut::NoIndexer),
                _ => Ok(()),
            };
        }
        match self {
            _ if recorded.repeated => Err(LeftOut::Repeated),
            Kind::ErrorBefore | Kind::Hang => Ok(()),
            Kind::Stale if of_the_store || method == Method::GetTaskStatus => {
                Err(LeftOut::NoReplica)
            }
            Kind::Stale if !recorded.news => Err(LeftOut::SameAnswer),
            Kind::Stale => Ok(()),
            _ => Err(LeftOut::ChangesNothing),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something is not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// `stale` at a call that is no read.
    NoRead,
    /// `stale` at a read that is answered from one memory.
    NoReplica,
    /// `stale` where the old answer is the true one.
    SameAnswer,
    /// At a read that repeats the one before and the one after it.
    Repeated,
    /// At a read: what differs from `error-before` and `hang` only for effects.
    ChangesNothing,
    /// `answer-lost` at the store.
    SameAsError,
    /// `duplicate` at the store.
    OnceOnly,
    /// At a wait: what only messages can meet.
    NoMessage,
    /// A hidden change where no indexer is named.
    NoIndexer,
    /// In a pair: two faults of one call.
    SameSite,
    /// In a pair: a read that fails.
    Alone,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeftOut::NoRead => "old answers exist for reads alone",
            LeftOut::NoReplica => "it is answered from one memory, which is never behind itself",
            LeftOut::SameAnswer => "the old answer is the same as the true one",
            LeftOut::Repeated => {
                "the read before it and the one after it, with no effect between, say the same"
            }
            LeftOut::ChangesNothing => {
                "a read changes nothing: its crash is that of the effects beside it, and any \
                 failure is `error-before` or `hang`"
            }
            LeftOut::SameAsError => {
                "a lost answer of the store is `error-after`: both may have happened"
            }
            LeftOut::OnceOnly => {
                "a connection to the store carries a command once, and nobody repeats one unasked"
            }
            LeftOut::NoMessage => "a wait has no message that could be lost",
            LeftOut::NoIndexer => "no indexer is named that could be changed",
            LeftOut::SameSite => "one call meets one fate",
            LeftOut::Alone => "a failed read only takes time; it is tried alone",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(text: &str) -> Recorded {
        Recorded {
            site: text.parse().expect("a site"),
            at_micros: 0,
            repeated: false,
            news: true,
        }
    }

    fn fitting(recorded: &Recorded) -> Vec<&'static str> {
        let fits = |kind: &Kind| kind.fits(recorded).is_ok();
        Kind::ALL.into_iter().filter(fits).map(Kind::name).collect()
    }

    #[test]
    fn names_lead_back_to_their_kinds() {
        for kind in Kind::ALL {
            assert_eq!(Kind::by_name(kind.name()), Ok(kind));
        }
        let error = Kind::by_name("crash").expect_err("there is no such kind");
        assert!(error.contains("crash-before, crash-after"), "{error}");
    }

    #[test]
    fn effects_meet_everything_but_old_answers() {
        let all = Kind::ALL.len();
        assert_eq!(fitting(&recorded("StartStream@a/b#1")).len(), all - 1);
        assert_eq!(
            fitting(&recorded("StoreCompareAndSet@a/b#1")).len(),
            all - 3
        );
        let nobody = recorded("StoreSetAdd@*#1");
        assert_eq!(Kind::HiddenSwitch.fits(&nobody), Err(LeftOut::NoIndexer));
    }

    #[test]
    fn reads_fail_hang_or_are_behind() {
        let read = recorded("GetStream@a/b#1");
        assert_eq!(fitting(&read), ["error-before", "hang", "stale"]);
        let same = Recorded {
            news: false,
            ..read.clone()
        };
        assert_eq!(Kind::Stale.fits(&same), Err(LeftOut::SameAnswer));
        let store = recorded("StoreGet@a/b#1");
        assert_eq!(fitting(&store), ["error-before", "hang"]);
        let repeated = Recorded {
            repeated: true,
            ..read
        };
        assert!(fitting(&repeated).is_empty());
    }

    #[test]
    fn waits_are_ended_by_what_needs_no_message() {
        let expected = [
            "crash-before",
            "crash-after",
            "hidden-switch",
            "hidden-update",
            "hidden-rebirth",
            "zombie",
        ];
        assert_eq!(fitting(&recorded("timer@a/b#1")), expected);
    }

    #[test]
    fn whatever_is_left_out_has_a_reason() {
        for text in ["StartStream@a/b#1", "GetStream@a/b#1", "timer@a/b#1"] {
            for kind in Kind::ALL {
                if let Err(reason) = kind.fits(&recorded(text)) {
                    assert!(!reason.to_string().is_empty());
                }
            }
        }
    }
}
