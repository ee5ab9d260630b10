//! Which blocks an indexer wants.

use wildmatch::WildMatch;

use crate::chain::{Block, Outcome};

/// Which outcomes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusFilter {
    /// All.
    Any,
    /// Only successful ones.
    Success,
    /// Only those that are not successful.
    Fail,
}

impl StatusFilter {
    fn admits(self, success: bool) -> bool {
        match self {
            StatusFilter::Any => true,
            StatusFilter::Success => success,
            StatusFilter::Fail => !success,
        }
    }
}

/// What selects a block: one outcome that satisfies all conditions is enough.
///
/// `affected` is a list separated by commas; blanks around its items do not
/// matter. An item is compared with the receiver and with the predecessor; `*`
/// stands for any characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Any receipt of the accounts.
    ActionAny {
        /// The accounts, as a list.
        affected: String,
        /// Which outcomes count.
        status: StatusFilter,
    },
    /// A receipt of the accounts that calls a method.
    ActionFunctionCall {
        /// The accounts, as a list.
        affected: String,
        /// The method's name with wildcards. Not a list: a comma is an ordinary
        /// character here, and so are blanks.
        function: String,
        /// Which outcomes count.
        status: StatusFilter,
    },
}

impl Rule {
    /// The rule with its patterns prepared. Do this once per stream.
    pub fn compile(&self) -> CompiledRule {
        let (affected, function, status) = match self {
            Rule::ActionAny { affected, status } => (affected, None, *status),
            Rule::ActionFunctionCall {
                affected,
                function,
                status,
            } => (affected, Some(Pattern::new(function)), *status),
        };
        // Without a comma the item is taken as it is, blanks included.
        let accounts = if affected.contains(',') {
            affected
                .split(',')
                .map(|item| Pattern::new(item.trim()))
                .collect()
        } else {
            vec![Pattern::new(affected)]
        };
        CompiledRule {
            accounts,
            function,
            status,
        }
    }

    /// Whether the block is selected. Compiles anew at each call.
    pub fn matches(&self, block: &Block) -> bool {
        self.compile().matches(block)
    }

    /// Whether an index of blocks by receiver can answer this rule: it cannot for
    /// method names, nor for a list that holds a bare `*`.
    pub fn is_indexed(&self) -> bool {
        match self {
            Rule::ActionAny { affected, .. } => {
                !affected.split(',').any(|account| account.trim() == "*")
            }
            Rule::ActionFunctionCall { .. } => false,
        }
    }
}

/// A [`Rule`] that is quick to ask.
#[derive(Clone, Debug)]
pub struct CompiledRule {
    accounts: Vec<Pattern>,
    function: Option<Pattern>,
    status: StatusFilter,
}

impl CompiledRule {
    /// Whether the block is selected.
    pub fn matches(&self, block: &Block) -> bool {
        block.outcomes.iter().any(|outcome| self.selects(outcome))
    }

    /// Whether the block holds a receipt on one of the accounts, whatever its
    /// sender, outcome and method: all that an index by receiver knows.
    pub fn touches_receiver(&self, block: &Block) -> bool {
        block
            .outcomes
            .iter()
            .any(|outcome| self.names(&outcome.receiver))
    }

    fn selects(&self, outcome: &Outcome) -> bool {
        self.status.admits(outcome.success)
            && (self.names(&outcome.receiver) || self.names(&outcome.predecessor))
            && self.function.as_ref().is_none_or(|function| {
                outcome
                    .methods
                    .iter()
                    .any(|method| function.matches(method))
            })
    }

    fn names(&self, account: &str) -> bool {
        self.accounts.iter().any(|pattern| pattern.matches(account))
    }
}

/// Most patterns hold no wildcard: those are compared directly.
#[derive(Clone, Debug)]
enum Pattern {
    Exact(Box<str>),
    Wild(WildMatch),
}

impl Pattern {
    fn new(text: &str) -> Pattern {
        if text.contains(['*', '?']) {
            Pattern::Wild(WildMatch::new(text))
        } else {
            Pattern::Exact(text.into())
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Exact(exact) => **exact == *text,
            Pattern::Wild(wild) => wild.matches(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    fn block(receiver: &str, predecessor: &str, success: bool, methods: &[&str]) -> Block {
        let outcome = Outcome {
            receiver: receiver.into(),
            predecessor: predecessor.into(),
            success,
            methods: methods.iter().map(|&method| method.into()).collect(),
        };
        Block {
            height: 1,
            available_at: Time(0),
            outcomes: vec![outcome],
        }
    }

    fn any(affected: &str, status: StatusFilter) -> Rule {
        Rule::ActionAny {
            affected: affected.into(),
            status,
        }
    }

    fn call(affected: &str, function: &str) -> Rule {
        Rule::ActionFunctionCall {
            affected: affected.into(),
            function: function.into(),
            status: StatusFilter::Any,
        }
    }

    #[test]
    fn accounts_are_a_list_with_wildcards_over_receiver_and_predecessor() {
        let block = block("app.nearcrowd.near", "bob.near", true, &[]);
        let table = [
            ("app.nearcrowd.near", true),
            ("bob.near", true),
            ("*.nearcrowd.near", true),
            ("*crowd.near", true),
            ("app.nea*owd.near", true),
            ("b?b.near", true),
            ("*", true),
            ("*.nearcrow.near", false),
            ("nearcrowd.near", false),
            ("app", false),
            ("x.near,bob.near", true),
            ("x.near ,\t bob.near ", true),
            ("x.near, *.nearcrowd.near", true),
            ("x.near, y.near", false),
            ("", false),
            (",", false),
            // Items are only trimmed if there is a comma.
            (" bob.near", false),
            (" bob.near,", true),
        ];
        for (affected, expected) in table {
            assert_eq!(
                any(affected, StatusFilter::Any).matches(&block),
                expected,
                "{affected:?}"
            );
        }
    }

    #[test]
    fn the_outcome_decides_the_status() {
        let table = [
            (StatusFilter::Any, true, true),
            (StatusFilter::Any, false, true),
            (StatusFilter::Success, true, true),
            (StatusFilter::Success, false, false),
            (StatusFilter::Fail, true, false),
            (StatusFilter::Fail, false, true),
        ];
        for (status, success, expected) in table {
            let block = block("a.near", "b.near", success, &[]);
            assert_eq!(
                any("a.near", status).matches(&block),
                expected,
                "{status:?} {success}"
            );
        }
    }

    #[test]
    fn the_function_is_one_pattern_over_the_methods() {
        let calls = block("a.near", "b.near", true, &["nft_mint", "ft_transfer"]);
        let table = [
            ("ft_transfer", true),
            ("ft_*", true),
            ("*", true),
            ("ft_", false),
            ("ft_transfer, set", false),
            ("", false),
        ];
        for (function, expected) in table {
            assert_eq!(
                call("a.near", function).matches(&calls),
                expected,
                "{function:?}"
            );
        }
        assert!(!call("x.near", "ft_*").matches(&calls));
        assert!(!call("a.near", "*").matches(&block("a.near", "b.near", true, &[])));
    }

    #[test]
    fn one_outcome_must_satisfy_all_conditions() {
        let mut both = block("a.near", "b.near", true, &["set"]);
        both.outcomes
            .extend(block("c.near", "b.near", false, &["get"]).outcomes);
        assert!(!call("a.near", "get").matches(&both));
        assert!(call("c.near", "get").matches(&both));
        assert!(!any("a.near", StatusFilter::Fail).matches(&both));
        assert!(any("b.near", StatusFilter::Fail).matches(&both));
        let empty = Block {
            height: 1,
            available_at: Time(0),
            outcomes: Vec::new(),
        };
        assert!(!any("*", StatusFilter::Any).matches(&empty));
    }

    #[test]
    fn only_account_lists_without_a_bare_star_are_indexed() {
        let table = [
            ("a.near", true),
            ("*.near", true),
            ("a.near, *", false),
            ("*", false),
        ];
        for (affected, expected) in table {
            assert_eq!(
                any(affected, StatusFilter::Any).is_indexed(),
                expected,
                "{affected}"
            );
        }
        assert!(!call("a.near", "set").is_indexed());
    }

    #[test]
    fn an_index_by_receiver_knows_neither_sender_nor_outcome() {
        let block = block("a.near", "b.near", false, &[]);
        assert!(
            any("a.near", StatusFilter::Success)
                .compile()
                .touches_receiver(&block)
        );
        assert!(
            !any("b.near", StatusFilter::Any)
                .compile()
                .touches_receiver(&block)
        );
    }
}
