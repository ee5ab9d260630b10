//! Where an indexer is, why, what happens next, and what an operator can do.

use proto::coordinator::Indexer;

use super::recalled::is_unread;
use super::table::{Tone, bold};
use crate::args::Name;
use crate::moment;
use crate::text;

/// What there is to say about one indexer, as sentences.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub place: String,
    /// At least one.
    pub why: Vec<String>,
    pub next: String,
    /// Commands, and what each would do.
    pub operator: Vec<(String, &'static str)>,
}

impl Explanation {
    /// What is told of `indexer` by a coordinator that may be a shadow, which takes no
    /// commands.
    pub fn of(indexer: &Indexer, is_shadow: bool, now: u64) -> Explanation {
        let is_shadow = is_shadow || indexer.state == "Observing";
        Explanation {
            place: place(indexer, now),
            why: why(indexer, now),
            next: next(indexer, now),
            operator: operator(indexer, is_shadow),
        }
    }

    pub fn render(&self, indexer: &Indexer) -> String {
        let name = Name::of(indexer.name.as_ref()).to_string();
        let mut shown = format!("{}\n", bold(&name));
        shown.push_str(&format!(
            "  Where    {}\n",
            Tone::of(indexer).paint(&self.place)
        ));
        for (number, sentence) in self.why.iter().enumerate() {
            let label = if number == 0 { "Why" } else { "" };
            shown.push_str(&format!("  {label:<9}{sentence}\n"));
        }
        shown.push_str(&format!("  Next     {}\n", self.next));
        let width = self
            .operator
            .iter()
            .map(|(command, _)| command.chars().count());
        let width = width.max().unwrap_or(0).min(80);
        for (number, (command, effect)) in self.operator.iter().enumerate() {
            let label = if number == 0 { "You can" } else { "" };
            shown.push_str(&format!("  {label:<9}{command:<width$}  {effect}\n"));
        }
        shown
    }
}

fn place(indexer: &Indexer, now: u64) -> String {
    let phase = match indexer.phase.as_str() {
        _ if is_unread(indexer) => "It is not known whether it has a record, and what is in it",
        _ if !indexer.unreadable.is_empty() => "Its record cannot be read",
        "" => "It has no record yet: nothing was decided about it",
        _ if indexer.kept_by_hold => {
            "It was deleted in the registry, and is held: it stays as it was until it is released"
        }
        "Initializing" => "It is being initialized: its data layer is created",
        "Running" => "It runs: stream and executor are kept on the wanted version",
        "Suspending" => "It is being suspended: stream and executor are stopped",
        "Suspended" => "It is suspended: nothing of it runs",
        "Repairing" => "It is under repair: something failed and is tried again",
        "Deleting" if is_registered_again(indexer) => {
            "It was deleted, and is registered again: what is left of its earlier life is stopped \
             first, then it begins anew"
        }
        "Deleting" => "It is being deleted: stream, executor and data are removed",
        "Deleted" => "It is deleted: everything of it is gone",
        _ => "It is in a phase that this program does not know",
    };
    let phase_word = match text::sentence(&indexer.phase) {
        word if word.is_empty() => String::new(),
        word => format!("phase {word}, "),
    };
    let state = match text::sentence(&indexer.state) {
        word if word.is_empty() => "state unknown".to_owned(),
        word => format!("state {word}"),
    };
    let since = match indexer.state_since_ms {
        0 => String::new(),
        since => format!(" {}", moment::lasting(now, since)),
    };
    format!("{phase}; {phase_word}{state}{since}.")
}

fn why(indexer: &Indexer, now: u64) -> Vec<String> {
    let mut sentences = Vec::new();
    if !indexer.unreadable.is_empty() {
        let what = stop(&text::sentence(&indexer.unreadable));
        sentences.push(format!("Its record cannot be read: {what}"));
    }
    let own = reason(&indexer.state);
    match text::sentence(&indexer.explanation) {
        said if said.is_empty() => sentences.push(own.to_owned()),
        said => sentences.push(stop(&said)),
    }
    if let Some(hold) = &indexer.hold {
        sentences.push(format!(
            "{} has held it {}: {}",
            text::sentence(&hold.by),
            moment::lasting(now, hold.since_ms),
            stop(&text::sentence(&hold.reason))
        ));
    }
    if !indexer.enabled && indexer.state != "Suspended" {
        sentences.push("An operator has disabled it.".to_owned());
    }
    if let Some(failure) = &indexer.failure {
        let what = match text::sentence(&failure.description) {
            said if said.is_empty() => text::sentence(&failure.cause),
            said => said,
        };
        sentences.push(format!(
            "It failed {}, first {}, last {}: {}",
            text::count(failure.attempts as usize, "time"),
            moment::both(now, failure.first_ms),
            moment::both(now, failure.last_ms),
            stop(&what)
        ));
        if !failure.detail.is_empty() {
            let detail = stop(&text::sentence(&failure.detail));
            sentences.push(format!("The last error was: {detail}"));
        }
    }
    if indexer.panics > 0 {
        sentences.push(format!(
            "Its control loop panicked {} and was started again; the log says more.",
            text::count(indexer.panics as usize, "time")
        ));
    }
    sentences
}

/// A sentence ends with a full stop.
fn stop(sentence: &str) -> String {
    match sentence.chars().last() {
        Some('.' | '!' | '?' | '…') => sentence.to_owned(),
        _ => format!("{sentence}."),
    }
}

fn reason(state: &str) -> &'static str {
    match state {
        "Steady" => "Everything is as wanted.",
        "Suspended" => "It is disabled, and nothing of it runs.",
        "Held" => "An operator asked to leave it alone.",
        "Observing" => "The coordinator is in shadow mode: it only says what it would do.",
        "Idle" => "No control loop looks after it.",
        "Unreadable" => "Its record cannot be read.",
        "RegistryUnknown" => {
            "The registry has not answered yet, so it is not known what is wanted."
        }
        "NotInRegistry" => "The registry neither lists it nor says that it was deleted.",
        "StaleRegistry" => {
            "The registry's answer is older than what is registered, runs or was deleted."
        }
        "ServiceDown" => "A service that it needs does not answer.",
        "Unseen" => "A look at one of its parts failed.",
        "Provisioning" => "Its data layer is being created.",
        "ProvisioningUncertain" => {
            "A task that creates its data layer may have been started; it is given time to end."
        }
        "AccountBusy" => "Another indexer of its account, or of its database, goes first.",
        "ProvisioningFull" => "As many data layers as allowed are being created already.",
        "StartBudget" => "Many indexers start at once, so starts are spread over time.",
        "ExecutorStarting" => {
            "Its executor is still starting; to stop it now would leak its worker."
        }
        "Retry" => "Something failed and is tried again later.",
        "GaveUp" => "Something failed too often to be tried again soon.",
        "Working" => "Its control loop is at work on it.",
        "Trouble" => "Its control loop could not finish a round.",
        _ => "Its control loop is in a state that this program does not know.",
    }
}

fn next(indexer: &Indexer, now: u64) -> String {
    let look = match indexer.next_look_ms {
        0 => "when there is news".to_owned(),
        at => moment::both(now, at),
    };
    let retry = match indexer.failure.as_ref().map(|it| it.next_ms) {
        None | Some(0) => look.clone(),
        Some(at) => moment::both(now, at),
    };
    if !indexer.unreadable.is_empty() {
        return format!(
            "It is left alone until its record is mended or removed; looked at {look}."
        );
    }
    match indexer.state.as_str() {
        "Steady" => "Nothing, until something changes.".to_owned(),
        "Suspended" => "Nothing, until it is enabled.".to_owned(),
        "Held" if indexer.kept_by_hold => {
            "It is deleted, with its data, as soon as it is released.".to_owned()
        }
        "Held" => "Nothing, until it is released.".to_owned(),
        "Observing" => {
            "Nothing is done by this coordinator; `coordinator shadow` says more.".to_owned()
        }
        "Idle" => {
            "A loop begins as soon as the registry lists it or a record of it is found.".to_owned()
        }
        "RegistryUnknown" => {
            "It goes on as soon as the registry gives an answer that can be used.".to_owned()
        }
        "NotInRegistry" if is_set_aside(indexer) => {
            "Nothing is stopped and nothing new begins, until its entry in the registry can be \
             read; `coordinator overview` shows all such entries."
                .to_owned()
        }
        "NotInRegistry" => {
            "Nothing is stopped and nothing new begins, until the registry lists or deletes it."
                .to_owned()
        }
        "StaleRegistry" => "It goes on as soon as the registry has caught up.".to_owned(),
        "ServiceDown" => {
            "It goes on by itself as soon as the service answers; no try is counted.".to_owned()
        }
        "Unseen" => format!("It is looked at again {look}."),
        "Provisioning" if is_ending(indexer) => {
            format!("The task is looked at again {look}; when it is over, nothing is started.")
        }
        "ProvisioningUncertain" if is_ending(indexer) => {
            format!("A task that may be in flight is given time to end; it counts as over {look}.")
        }
        "Provisioning" => format!("The task is looked at again {look}; when it is done, it runs."),
        "ProvisioningUncertain" => format!("Provisioning is started anew {look}."),
        "AccountBusy" => "Its own turn comes when the other one is done.".to_owned(),
        "ProvisioningFull" => "Its turn comes when one of them is done or overdue.".to_owned(),
        "StartBudget" => format!("It is started {look}."),
        "ExecutorStarting" => format!("It is stopped once it has started; looked at {look}."),
        "Retry" => format!("It is tried again {retry}, or at once if what is wanted changes."),
        "GaveUp" => {
            format!(
                "It stays put, and is tried again {retry}; at once if what is wanted changes or an \
                 operator asks."
            )
        }
        "Working" => "It is told as soon as this step is done.".to_owned(),
        "Trouble" => format!("The round is repeated {look}."),
        _ => format!("It is looked at again {look}."),
    }
}

/// Whether its entry in the registry cannot be read.
fn is_set_aside(indexer: &Indexer) -> bool {
    let wanted = indexer.wanted.as_ref();
    wanted.is_some_and(|wanted| wanted.kind == "SetAside")
}

/// Whether it comes to an end, with a task in flight that leads to nothing.
fn is_ending(indexer: &Indexer) -> bool {
    let phase = indexer.phase.as_str();
    matches!(phase, "Suspending" | "Suspended" | "Deleting" | "Deleted")
}

/// Whether it is wanted again since the deletion that is being carried out.
fn is_registered_again(indexer: &Indexer) -> bool {
    let wanted = indexer.wanted.as_ref();
    indexer.phase == "Deleting"
        && wanted.is_some_and(|wanted| wanted.kind == "Present")
        // Else the answer may be older than the deletion.
        && !matches!(indexer.state.as_str(), "StaleRegistry" | "Held")
}

fn operator(indexer: &Indexer, is_shadow: bool) -> Vec<(String, &'static str)> {
    if !indexer.unreadable.is_empty() {
        // Every change needs the record.
        let overview = "coordinator overview".to_owned();
        return vec![(overview, "shows all records that cannot be read")];
    }
    let name = Name::of(indexer.name.as_ref()).typed();
    let command = |verb: &str| format!("coordinator {verb} {name}");
    let mut can = Vec::new();
    let is_kept = indexer.kept_by_hold;
    let is_doomed = is_kept
        || matches!(indexer.phase.as_str(), "Deleting" | "Deleted")
            && !is_registered_again(indexer);
    let is_held = indexer.hold.is_some() || indexer.state == "Held";
    if is_shadow {
        let effect = "shows what would be done; commands are for the active coordinator";
        can.push(("coordinator shadow".to_owned(), effect));
    }
    if is_held && !is_shadow {
        let effect = if is_kept {
            "ends the hold; then it is deleted"
        } else {
            "ends the hold"
        };
        can.push((command("release"), effect));
    }
    let failed = indexer.failure.is_some() || matches!(indexer.state.as_str(), "Retry" | "GaveUp");
    if failed && !is_shadow {
        can.push((
            command("retry"),
            "forgets the failures and tries again at once",
        ));
    }
    if !indexer.enabled && !is_doomed && !is_shadow {
        can.push((command("enable"), "lets it run again"));
    }
    if matches!(
        indexer.state.as_str(),
        "ServiceDown" | "RegistryUnknown" | "StaleRegistry" | "NotInRegistry" | "Trouble"
    ) {
        can.push((
            "coordinator overview".to_owned(),
            "shows who does not answer",
        ));
    }
    let starts = matches!(
        indexer.state.as_str(),
        "Provisioning"
            | "ProvisioningUncertain"
            | "AccountBusy"
            | "ProvisioningFull"
            | "StartBudget"
    );
    if starts && !is_ending(indexer) {
        let wait = format!("coordinator wait {name} --for running");
        can.push((wait, "waits until it runs"));
    }
    if indexer.enabled && !is_doomed && !is_shadow {
        can.push((command("disable"), "keeps it from running"));
    }
    if !is_held && !is_shadow && indexer.phase != "Deleted" {
        let hold = format!("coordinator hold {name} --reason TEXT");
        can.push((hold, "leaves it exactly as it is"));
    }
    can
}
