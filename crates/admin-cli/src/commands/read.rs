//! The commands that look once.

use proto::coordinator::{Indexer, ShadowReport};

use crate::args::{Format, Get, List, Name, Overview, Shadow};
use crate::client::Client;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::text;
use crate::view::explain::Explanation;
use crate::view::recalled::{notice, page_notice};
use crate::view::{card, json, name_line, table};

pub(crate) async fn list(args: List, console: &mut Console) -> Result<Exit, Failure> {
    let client = Client::connect(&args.common.connection).await?;
    let found = client.list(args.filter.message(), args.limit).await?;
    let now = console.now_ms();
    let indexers = &found.indexers;
    let shown = match args.common.output {
        format @ (Format::Table | Format::Wide) => {
            table::indexers(indexers.iter(), format == Format::Wide, now)
        }
        Format::Json => json::pretty(&json::IndexerList {
            indexers: indexers.iter().map(json::Indexer::of).collect(),
            has_more: found.has_more,
            recalled: found.recalled.as_ref().map(json::Recalled::of),
        })?,
        Format::Jsonl => lines(indexers.iter().map(json::Indexer::of))?,
        Format::Name => indexers.iter().map(name_of).collect(),
    };
    console.data(&shown)?;
    let of_page = || found.recalled.as_ref().map(page_notice);
    if let Some(notice) = notice(indexers).or_else(of_page) {
        console.talk(&notice);
    }
    if indexers.is_empty() {
        console.talk("no indexers match");
    } else if found.has_more {
        let count = text::count(indexers.len(), "indexer");
        console.talk(&format!(
            "only the first {count}; there are more, see --limit"
        ));
    }
    Ok(Exit::Done)
}

/// Says so if what was shown does not come from the store.
fn tell_of_recalled(indexers: &[Indexer], console: &mut Console) {
    if let Some(notice) = notice(indexers) {
        console.talk(&notice);
    }
}

/// One JSON object a line.
pub(crate) fn lines<T: serde::Serialize>(
    items: impl Iterator<Item = T>,
) -> Result<String, Failure> {
    let mut text = String::new();
    for item in items {
        text.push_str(&json::line(&item)?);
    }
    Ok(text)
}

fn name_of(indexer: &Indexer) -> String {
    name_line(&Name::of(indexer.name.as_ref()))
}

/// All that were found; those that were not are told of, and decide the exit.
struct Found {
    client: Client,
    indexers: Vec<Indexer>,
    exit: Exit,
}

async fn look(args: &Get, console: &mut Console) -> Result<Found, Failure> {
    let names = args.indexers.resolve()?;
    let client = Client::connect(&args.common.connection).await?;
    let mut found = Found {
        client,
        indexers: Vec::new(),
        exit: Exit::Done,
    };
    for name in names {
        match found.client.get(&name).await {
            Ok(indexer) => found.indexers.push(indexer),
            Err(failure) if failure.exit == Exit::NotFound => {
                console.talk(&format!("error: {failure}"));
                found.exit = Exit::NotFound;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(found)
}

pub(crate) async fn get(args: Get, console: &mut Console) -> Result<Exit, Failure> {
    let Found { indexers, exit, .. } = look(&args, console).await?;
    let now = console.now_ms();
    let shown = match args.common.output {
        format @ (Format::Table | Format::Wide) => {
            let is_wide = format == Format::Wide;
            let cards = indexers.iter().map(|it| card::indexer(it, is_wide, now));
            cards.collect::<Vec<_>>().join("\n")
        }
        Format::Json => json::pretty(&json::IndexersShown {
            indexers: indexers.iter().map(json::Indexer::of).collect(),
            has_more: false,
        })?,
        Format::Jsonl => lines(indexers.iter().map(json::Indexer::of))?,
        Format::Name => indexers.iter().map(name_of).collect(),
    };
    console.data(&shown)?;
    tell_of_recalled(&indexers, console);
    Ok(exit)
}

pub(crate) async fn explain(args: Get, console: &mut Console) -> Result<Exit, Failure> {
    let found = look(&args, console).await?;
    // Without the answer everything else can be told.
    let is_shadow = !found.indexers.is_empty()
        && (found.client.overview().await).is_ok_and(|overview| overview.shadow);
    let Found { indexers, exit, .. } = found;
    let now = console.now_ms();
    let said: Vec<Explanation> = indexers
        .iter()
        .map(|indexer| Explanation::of(indexer, is_shadow, now))
        .collect();
    let explained = || {
        indexers
            .iter()
            .zip(&said)
            .map(|(indexer, said)| json::Explained {
                indexer: json::Indexer::of(indexer),
                r#where: &said.place,
                why: &said.why,
                next: &said.next,
                operator: said
                    .operator
                    .iter()
                    .map(|(command, effect)| json::Advice { command, effect })
                    .collect(),
            })
    };
    let shown = match args.common.output {
        Format::Table => {
            let texts = indexers.iter().zip(&said).map(|(it, said)| said.render(it));
            texts.collect::<Vec<_>>().join("\n")
        }
        Format::Wide => {
            let texts = indexers
                .iter()
                .zip(&said)
                .map(|(it, said)| format!("{}\n{}", said.render(it), card::indexer(it, true, now)));
            texts.collect::<Vec<_>>().join("\n")
        }
        Format::Json => json::pretty(&json::ExplainedList {
            explanations: explained().collect(),
        })?,
        Format::Jsonl => lines(explained())?,
        Format::Name => indexers.iter().map(name_of).collect(),
    };
    console.data(&shown)?;
    tell_of_recalled(&indexers, console);
    Ok(exit)
}

pub(crate) async fn overview(args: Overview, console: &mut Console) -> Result<Exit, Failure> {
    let client = Client::connect(&args.common.connection).await?;
    let whole = client.overview().await?;
    let shown = match args.common.output {
        format @ (Format::Table | Format::Wide) => {
            card::overview(&whole, format == Format::Wide, console.now_ms())
        }
        Format::Json => json::pretty(&json::Overview::of(&whole))?,
        Format::Jsonl => json::line(&json::Overview::of(&whole))?,
        // What needs a look.
        Format::Name => whole
            .quarantined
            .iter()
            .chain(&whole.unreadable)
            .map(|aside| format!("{}\n", text::escape(&aside.name)))
            .collect(),
    };
    console.data(&shown)?;
    Ok(Exit::Done)
}

pub(crate) async fn shadow(args: Shadow, console: &mut Console) -> Result<Exit, Failure> {
    let client = Client::connect(&args.common.connection).await?;
    let report = client.shadow(args.disagreements).await?;
    let indexers = &report.indexers;
    let shown = match args.common.output {
        format @ (Format::Table | Format::Wide) => {
            let is_wide = format == Format::Wide;
            let table = table::shadow(indexers, is_wide, console.now_ms());
            format!(
                "{table}{} observed, {}, {} unknown, {} planned\n",
                text::count(report.observed as usize, "indexer"),
                text::count(report.disagreements as usize, "disagreement"),
                report.unknown,
                text::count(report.planned_actions as usize, "action"),
            )
        }
        Format::Json => json::pretty(&json::ShadowReport {
            observed: report.observed,
            disagreements: report.disagreements,
            unknown: report.unknown,
            planned_actions: report.planned_actions,
            indexers: indexers.iter().map(json::Shadow::of).collect(),
        })?,
        Format::Jsonl => lines(indexers.iter().map(json::Shadow::of))?,
        Format::Name => indexers
            .iter()
            .map(|it| name_line(&Name::of(it.name.as_ref())))
            .collect(),
    };
    console.data(&shown)?;
    match objection(&report).filter(|_| args.check) {
        Some(objection) => Err(Failure::new(Exit::Failed, objection)),
        None => Ok(Exit::Done),
    }
}

/// Why the shadow does not vouch for the world.
fn objection(report: &ShadowReport) -> Option<String> {
    let count = |number: u64| text::count(number as usize, "indexer");
    if report.disagreements > 0 {
        return Some(format!(
            "the shadow and the world disagree on {}; see `coordinator shadow --disagreements`.",
            count(report.disagreements)
        ));
    }
    if report.unknown > 0 {
        return Some(format!(
            "the shadow cannot say anything of {}, because something does not answer it or cannot \
             be read; see `coordinator shadow` and `coordinator overview`.",
            count(report.unknown)
        ));
    }
    (report.observed == 0).then(|| {
        "the shadow has not observed any indexer; `coordinator overview` says what it waits for."
            .to_owned()
    })
}
