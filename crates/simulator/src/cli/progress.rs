//! How far it is: a bar on a terminal, lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::out::Out;
use super::outcome::Outcome;
use super::summary::Summary;
use super::{figures, out};

/// Time between lines where there is no natural end of a line's subject.
const PAUSE: Duration = Duration::from_secs(30);

/// The progress of many runs.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Runs of one scenario, if that is known before.
    seeds: Option<u64>,
    began: Instant,
    spoke: Instant,
}

impl Progress {
    /// Progress towards `total` runs, `seeds` of each scenario; without an end
    /// if they are not known.
    pub fn new(total: Option<u64>, seeds: Option<u64>, out: &mut Out) -> Progress {
        let bar = out.talk_is_terminal.then(|| bar(total));
        out.share_with(bar.clone());
        let now = Instant::now();
        Progress {
            bar,
            seeds,
            began: now,
            spoke: now,
        }
    }

    /// One more run is over.
    pub fn advance(&mut self, outcome: &Outcome, summary: &Summary, out: &mut Out) {
        if let Some(bar) = &self.bar {
            bar.set_message(match summary.failures.count() {
                0 => outcome.report.scenario.clone(),
                failed => out::red(&format!("{failed} failed")),
            });
            bar.inc(1);
            return;
        }
        let (runs, failed) = summary.of(outcome.job.place);
        match self.seeds {
            Some(seeds) if runs == seeds => {
                let verdict = if failed == 0 {
                    out::green("passed")
                } else {
                    out::red(&format!("{failed} failed"))
                };
                let time = figures::time(self.began.elapsed());
                let name = &outcome.report.scenario;
                out.talk(&format!("{time:>8}  {name}  {runs} seeds  {verdict}"));
            }
            Some(_) => {}
            None if self.spoke.elapsed() >= PAUSE => {
                self.spoke = Instant::now();
                out.talk(&summary.totals(self.began.elapsed()));
            }
            None => {}
        }
    }

    /// Takes the bar away; returns how long it all took.
    pub fn finish(self, out: &mut Out) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        out.share_with(None);
        self.began.elapsed()
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{elapsed:>4} [{bar:32}] {pos}/{len} runs, {eta} left  {msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{elapsed:>4} {spinner} {pos} runs, {per_sec}  {msg}",
        ),
    };
    let style = ProgressStyle::with_template(template);
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
