//! Shows what there is, then every change.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::coordinator::{Indexer, WatchIndexersResponse, watch_indexers_response::Event};
use tokio::time::sleep;
use tonic::Streaming;

use crate::args::{Format, Name, Watch};
use crate::client::Client;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::view::recalled::notice;
use crate::view::{json, name_line, table};

const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Beyond this many the server makes no sense.
const INDEXERS_MAX: usize = 1_000_000;

pub(crate) async fn watch(args: Watch, console: &mut Console) -> Result<Exit, Failure> {
    let mut view = View {
        format: args.common.output,
        changes_only: args.changes_only,
        known: BTreeMap::new(),
        fresh: None,
        has_synced: false,
        is_recalled: false,
    };
    let mut pause = PAUSE_MIN;
    let mut has_begun = false;
    let mut client = Client::connect(&args.common.connection).await?;
    loop {
        view.fresh = Some(BTreeMap::new());
        // After a gap everything is wanted: only so is seen what was missed.
        let lost = match client.watch(args.filter.message(), false).await {
            Ok(changes) => {
                has_begun = true;
                follow(changes, &client, &mut view, console).await?
            }
            Err(failure) if has_begun => failure,
            Err(failure) => return Err(failure),
        };
        if view.fresh.is_none() {
            pause = PAUSE_MIN;
        }
        if !may_come_back(&lost) {
            return Err(lost);
        }
        console.talk(&lost.message);
        loop {
            let wait = humantime::format_duration(pause);
            console.talk(&format!("trying again in {wait}"));
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            match Client::connect(&args.common.connection).await {
                Ok(connected) => {
                    client = connected;
                    break;
                }
                Err(failure) if may_come_back(&failure) => {}
                Err(failure) => return Err(failure),
            }
        }
    }
}

/// Whether the server may be there again later: it went away, or says nothing.
fn may_come_back(failure: &Failure) -> bool {
    failure.exit == Exit::Unavailable || failure.is_late
}

/// Shows changes until the server leaves; why it did.
async fn follow(
    mut changes: Streaming<WatchIndexersResponse>,
    client: &Client,
    view: &mut View,
    console: &mut Console,
) -> Result<Failure, Failure> {
    loop {
        match changes.message().await {
            Ok(Some(change)) => view.take(change, console)?,
            Ok(None) => {
                let server = client.server();
                return Ok(Failure::new(
                    Exit::Unavailable,
                    format!("the watch: {server} ended it."),
                ));
            }
            Err(status) => return Ok(client.failure("the watch", &status)),
        }
    }
}

/// What the reader has been told.
struct View {
    format: Format,
    changes_only: bool,
    known: BTreeMap<Name, Indexer>,
    /// What came since the connection was opened, until all has come.
    fresh: Option<BTreeMap<Name, Indexer>>,
    has_synced: bool,
    /// What was told last does not come from the store.
    is_recalled: bool,
}

impl View {
    fn take(
        &mut self,
        change: WatchIndexersResponse,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match change.event {
            Some(Event::Indexer(indexer)) => {
                let name = Name::of(indexer.name.as_ref());
                self.tell_of_recalled(&indexer, console);
                if let Some(fresh) = &mut self.fresh {
                    fresh.insert(name, indexer);
                    return within_bounds(fresh.len());
                }
                self.tell(name, indexer, console)?;
                within_bounds(self.known.len())
            }
            Some(Event::Removed(name)) => {
                let name = Name::of(Some(&name));
                match &mut self.fresh {
                    Some(fresh) => {
                        fresh.remove(&name);
                        Ok(())
                    }
                    None => self.tell_removed(&name, console),
                }
            }
            Some(Event::Synced(_)) => self.sync(console),
            // A kind of event that is newer than this program.
            None => Ok(()),
        }
    }

    /// Says when what is told begins and ends to be from memory.
    fn tell_of_recalled(&mut self, indexer: &Indexer, console: &mut Console) {
        let is_recalled = indexer.recalled.is_some();
        if std::mem::replace(&mut self.is_recalled, is_recalled) == is_recalled {
            return;
        }
        match notice([indexer]) {
            Some(notice) => console.talk(&notice),
            None => console.talk("the store can be read again"),
        }
    }

    /// What there was has come: at first it is shown as a whole, after a gap only
    /// what has changed meanwhile.
    fn sync(&mut self, console: &mut Console) -> Result<(), Failure> {
        let Some(fresh) = self.fresh.take() else {
            return Ok(());
        };
        if self.has_synced {
            console.talk("connected again");
            let gone = self.known.keys().filter(|name| !fresh.contains_key(name));
            let gone: Vec<Name> = gone.cloned().collect();
            for name in gone {
                self.tell_removed(&name, console)?;
            }
            for (name, indexer) in fresh {
                if self.known.get(&name) != Some(&indexer) {
                    self.tell(name, indexer, console)?;
                }
            }
            return Ok(());
        }
        self.has_synced = true;
        self.known = fresh;
        if self.changes_only {
            return Ok(());
        }
        self.show_all(console)
    }

    fn show_all(&self, console: &mut Console) -> Result<(), Failure> {
        let is_wide = self.format == Format::Wide;
        let mut shown = match self.format {
            Format::Table | Format::Wide => {
                table::indexers(self.known.values(), is_wide, console.now_ms())
            }
            Format::Json | Format::Jsonl => {
                let mut events = String::new();
                for indexer in self.known.values() {
                    events.push_str(&self.event(&event_of(indexer))?);
                }
                events
            }
            Format::Name => self.known.keys().map(name_line).collect(),
        };
        if matches!(self.format, Format::Json | Format::Jsonl) {
            shown.push_str(&self.event(&json::Event::Synced)?);
        }
        console.data(&shown)
    }

    fn event(&self, event: &json::Event<'_>) -> Result<String, Failure> {
        if self.format == Format::Json {
            json::pretty(event)
        } else {
            json::line(event)
        }
    }

    fn tell(&mut self, name: Name, indexer: Indexer, console: &mut Console) -> Result<(), Failure> {
        let shown = match self.format {
            Format::Table | Format::Wide => {
                let is_wide = self.format == Format::Wide;
                table::change(&indexer, is_wide, console.now_ms())
            }
            Format::Json | Format::Jsonl => self.event(&event_of(&indexer))?,
            Format::Name => name_line(&name),
        };
        self.known.insert(name, indexer);
        console.data(&shown)
    }

    fn tell_removed(&mut self, name: &Name, console: &mut Console) -> Result<(), Failure> {
        if self.known.remove(name).is_none() && !self.changes_only {
            return Ok(());
        }
        let shown = match self.format {
            Format::Table | Format::Wide => table::removal(name, console.now_ms()),
            Format::Json | Format::Jsonl => self.event(&json::Event::removed(name))?,
            Format::Name => name_line(name),
        };
        console.data(&shown)
    }
}

fn event_of(indexer: &Indexer) -> json::Event<'_> {
    json::Event::Indexer {
        indexer: Box::new(json::Indexer::of(indexer)),
    }
}

fn within_bounds(count: usize) -> Result<(), Failure> {
    if count <= INDEXERS_MAX {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        format!("the watch: the server sends more than {INDEXERS_MAX} indexers."),
    ))
}
