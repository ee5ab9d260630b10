//! What users and operators do: register, update, delete, enable, disable, hold,
//! release, retry.

use sim_node::IndexerKey;
use sim_node::chain::{Rule, StatusFilter};
use sim_registry::{ActionStatus, Registration, RegistryRule, StartBlock};

use super::stage::Stage;
use super::timeline::Operation;
use crate::history::{AdminCommand, Event};
use crate::scenario::{ConfigChange, Indexer, RuleSpec, RuleStatus, Selector, StartSpec};

/// The rule as the chain matches it; `None` if no block streamer can serve it.
pub(super) fn chain_rule(rule: &RegistryRule) -> Option<Rule> {
    let filter = |status: &ActionStatus| match status {
        ActionStatus::Any => StatusFilter::Any,
        ActionStatus::Success => StatusFilter::Success,
        ActionStatus::Fail => StatusFilter::Fail,
    };
    match rule {
        RegistryRule::ActionAny {
            affected_account_id,
            status,
        } => Some(Rule::ActionAny {
            affected: affected_account_id.clone(),
            status: filter(status),
        }),
        RegistryRule::ActionFunctionCall {
            affected_account_id,
            status,
            function,
        } => Some(Rule::ActionFunctionCall {
            affected: affected_account_id.clone(),
            function: function.clone(),
            status: filter(status),
        }),
        RegistryRule::Event { .. } => None,
    }
}

fn registry_rule(rule: &RuleSpec) -> RegistryRule {
    let status = |status: &RuleStatus| match status {
        RuleStatus::Any => ActionStatus::Any,
        RuleStatus::Success => ActionStatus::Success,
        RuleStatus::Fail => ActionStatus::Fail,
    };
    match rule {
        RuleSpec::ActionAny {
            affected,
            status: wanted,
        } => RegistryRule::ActionAny {
            affected_account_id: affected.clone(),
            status: status(wanted),
        },
        RuleSpec::ActionFunctionCall {
            affected,
            function,
            status: wanted,
        } => RegistryRule::ActionFunctionCall {
            affected_account_id: affected.clone(),
            status: status(wanted),
            function: function.clone(),
        },
        RuleSpec::Event {
            contract,
            standard,
            version,
            event,
        } => RegistryRule::Event {
            contract_account_id: contract.clone(),
            standard: standard.clone(),
            version: version.clone(),
            event: event.clone(),
        },
    }
}

impl Stage {
    /// The indexers that `selector` means now; `registered` says which of all
    /// come into question.
    pub(super) fn select(&mut self, selector: &Selector, registered: bool) -> Vec<IndexerKey> {
        match selector {
            Selector::One(key) => vec![key.clone()],
            Selector::All => self.candidates(registered),
            Selector::Random => {
                let candidates = self.candidates(registered);
                self.choices
                    .pick(&candidates)
                    .cloned()
                    .into_iter()
                    .collect()
            }
        }
    }

    fn candidates(&self, registered: bool) -> Vec<IndexerKey> {
        let world = self.world.enter();
        self.configured
            .keys()
            .filter(|key| world.is_registered(key) == registered)
            .cloned()
            .collect()
    }

    /// Registers `key` as it is configured.
    pub(super) fn register(&mut self, key: &IndexerKey) {
        let Some(indexer) = self.configured.get(key) else {
            return;
        };
        let registration = registration(indexer, self.world.enter().tip());
        self.register_as(key, registration);
    }

    /// Registers `key` just so.
    pub(super) fn register_as(&mut self, key: &IndexerKey, registration: Registration) {
        let mut world = self.world.enter();
        let rule = chain_rule(&registration.rule);
        if world.register(key, registration) {
            let version = world
                .registry
                .record_at(key.account(), key.function(), u64::MAX)
                .map_or(0, |record| record.version());
            if let Some(rule) = rule {
                let versions = self.rules.entry(key.clone()).or_default();
                // Two updates in one block share a version; the last one counts.
                versions.retain(|(earlier, _)| *earlier != version);
                versions.push((version, rule));
            }
        }
    }

    /// Registers the selected indexers with a changed configuration.
    pub(super) fn change(&mut self, change: &ConfigChange, registered: bool) {
        for key in self.select(&change.indexer, registered) {
            if self.world.enter().is_registered(&key) != registered {
                self.skip(
                    &key,
                    "the registry does not have it in the state the step expects",
                );
                continue;
            }
            self.changes += 1;
            let nth = self.changes;
            let Some(indexer) = self.configured.get_mut(&key) else {
                continue;
            };
            if let Some(code) = &change.code {
                indexer.code.clone_from(code);
            }
            if let Some(schema) = &change.schema {
                indexer.schema.clone_from(schema);
            }
            if let Some(rule) = &change.rule {
                indexer.rule = rule.clone();
            }
            if let Some(start) = change.start {
                indexer.start = start;
            }
            let silent = change.code.is_none()
                && change.schema.is_none()
                && change.rule.is_none()
                && change.start.is_none();
            if silent && registered {
                let code = indexer
                    .code
                    .split("\n// change")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                indexer.code = format!("{code}\n// change {nth}");
            }
            self.register(&key);
        }
    }

    /// Deletes the selected indexers in the registry.
    pub(super) fn delete(&mut self, selector: &Selector) {
        for key in self.select(selector, true) {
            self.world.enter().unregister(&key);
        }
    }

    /// Sends an operator's command for the selected indexers.
    pub(super) fn command(&mut self, selector: &Selector, command: AdminCommand) {
        for key in self.select(selector, true) {
            if self.sweep.is_some() {
                self.order(key, &[command]);
                continue;
            }
            match &self.life {
                Some(life) => life.command(&self.world, key, command),
                None => {
                    let error = Some("the coordinator is down".to_owned());
                    self.world.enter().record(Event::AdminAnswered {
                        key,
                        command,
                        by: 0,
                        error,
                    });
                }
            }
        }
    }

    /// Releases whatever is held according to its record.
    pub(super) fn release_all(&mut self) {
        if !self.holds {
            return;
        }
        let held = self.world.enter().held();
        for key in held {
            self.command(&Selector::One(key), AdminCommand::Release);
        }
    }

    /// A random operation.
    pub(super) fn operate(&mut self, operation: Operation) {
        let change = |start| ConfigChange {
            indexer: Selector::Random,
            code: None,
            schema: None,
            rule: None,
            start,
        };
        match operation {
            Operation::Register => self.change(&change(None), false),
            Operation::Update => {
                let starts = [
                    StartSpec::Latest,
                    StartSpec::Continue,
                    StartSpec::History(20),
                ];
                let start = self.choices.pick(&starts).copied();
                self.change(&change(start), true);
            }
            Operation::Delete => self.delete(&Selector::Random),
            Operation::Reregister => self.change(&change(None), false),
            Operation::Enable => self.command(&Selector::Random, AdminCommand::Enable),
            Operation::Disable => self.command(&Selector::Random, AdminCommand::Disable),
            Operation::Hold => self.command(&Selector::Random, AdminCommand::Hold),
            Operation::Release => self.command(&Selector::Random, AdminCommand::Release),
            Operation::Retry => self.command(&Selector::Random, AdminCommand::Retry),
            Operation::HiddenChange => self.random_hidden_change(),
            Operation::Churn => self.churn(&super::control_plane::random_churn()),
        }
    }

    pub(super) fn skip(&self, key: &IndexerKey, why: &str) {
        self.world.enter().record(Event::Fault {
            text: format!("{key}: step skipped: {why}"),
        });
    }
}

fn registration(indexer: &Indexer, tip: u64) -> Registration {
    Registration {
        code: indexer.code.clone(),
        schema: indexer.schema.clone(),
        rule: registry_rule(&indexer.rule),
        start_block: match indexer.start {
            StartSpec::Latest => StartBlock::Latest,
            StartSpec::Continue => StartBlock::Continue,
            StartSpec::Height(height) => StartBlock::Height(height),
            StartSpec::History(back) => StartBlock::Height(tip.saturating_sub(back)),
        },
        forked_from: None,
    }
}
