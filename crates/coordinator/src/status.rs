//! What the loops are doing, for operators and reports.

use lifecycle::{IndexerId, Phase, Timestamp, Wait};

/// The last word of one loop.
#[derive(Clone, Debug)]
pub struct LoopStatus {
    /// Whose loop.
    pub id: IndexerId,
    /// The phase in the record, if there is one.
    pub phase: Option<Phase>,
    /// What the loop waits for; `None` while it works.
    pub waiting: Option<Wait>,
    /// When it began to do so.
    pub since: Timestamp,
    /// The last error that is not part of the record (a store failure, an
    /// unreadable record, a panic), if the last round had one.
    pub trouble: Option<String>,
    /// How often the loop panicked and was started again.
    pub panics: u32,
}

impl LoopStatus {
    /// Whether both say the same, whenever it began.
    pub(crate) fn says_the_same_as(&self, other: &LoopStatus) -> bool {
        let reason = |status: &LoopStatus| status.waiting.as_ref().map(|wait| wait.reason.clone());
        self.phase == other.phase
            && self.trouble == other.trouble
            && self.panics == other.panics
            && reason(self) == reason(other)
    }

    /// A word for programs: what the loop waits for (see
    /// [`lifecycle::Reason::name`]), or `Working`, or `Trouble`.
    pub fn state(&self) -> &'static str {
        match (&self.trouble, &self.waiting) {
            (Some(_), _) => "Trouble",
            (None, Some(wait)) => wait.reason.name(),
            (None, None) => "Working",
        }
    }

    /// One sentence for people.
    pub fn sentence(&self) -> String {
        let phase = self
            .phase
            .map_or("no record".to_owned(), |phase| phase.to_string());
        let doing = match (&self.trouble, &self.waiting) {
            (Some(trouble), _) => trouble.clone(),
            (None, Some(wait)) => wait.reason.to_string(),
            (None, None) => "working".to_owned(),
        };
        format!("{}: {phase}: {doing}", self.id)
    }
}
