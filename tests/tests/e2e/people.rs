//! Users and operators who keep changing their minds.

use real_tokio::task::JoinSet;
use sim_node::chain::{Rule, StatusFilter};
use sim_node::{IndexerKey, Rng};

use crate::contract::{Start, Wish};
use crate::judge::Rules;
use crate::lab::{Lab, Operator};

/// Names as users choose them: the contract takes any. Two accounts share a
/// database, and so do two functions a schema.
const NAMES: [(&str, &str); 14] = [
    ("alice.near", "feed"),
    ("alice.near", "with space"),
    ("alice.near", "semi:colon"),
    ("bob.near", "a/b"),
    ("bob.near", "feed"),
    ("a-b.near", "feed"),
    ("a.b.near", "feed"),
    ("carol.tg", "Größe \"x\""),
    ("carol.tg", "Upper_Case"),
    ("0123456789abcdef", "x-y"),
    ("0123456789abcdef", "x_y"),
    ("dave.near", "state:block_stream"),
    ("dave.near", "*"),
    ("erin.near", "events"),
];

/// Users and operators, and what they wanted so far.
pub struct People {
    rng: Rng,
    keys: Vec<IndexerKey>,
    /// The rules that were ever registered.
    pub rules: Rules,
    commands: JoinSet<bool>,
    count: u64,
}

impl People {
    /// People who do nothing yet.
    pub fn new(seed: u64) -> People {
        People {
            rng: Rng::new(seed, "people"),
            keys: NAMES
                .map(|(account, function)| IndexerKey::new(account, function))
                .to_vec(),
            rules: Rules::new(),
            commands: JoinSet::new(),
            count: 0,
        }
    }

    fn wish(&mut self, key: &IndexerKey, height: u64, is_new: bool) -> Wish {
        self.count += 1;
        let rng = &mut self.rng;
        let affected = format!("app{}.near", rng.below(6));
        let statuses = [StatusFilter::Any, StatusFilter::Success, StatusFilter::Fail];
        let status = rng.pick(&statuses).copied().unwrap_or(StatusFilter::Any);
        let rule = match rng.below(3) {
            _ if key.function() == "events" => None,
            0 => Some(Rule::ActionFunctionCall {
                affected,
                function: "*t*".to_owned(),
                status,
            }),
            _ => Some(Rule::ActionAny { affected, status }),
        };
        let back = rng.below(250);
        let start = match rng.below(3) {
            0 => Start::Latest,
            1 if !is_new => Start::Continue,
            _ => Start::Height(height - back),
        };
        let code = format!("// edition {}", self.count);
        Wish { code, rule, start }
    }

    async fn register(&mut self, lab: &mut Lab, key: &IndexerKey) {
        let is_new = !lab.contract.known.contains_key(key);
        let wish = self.wish(key, lab.height(), is_new);
        let rule = wish.rule.clone();
        let version = lab.register(key, wish).await;
        let versions = self.rules.entry(key.clone()).or_default();
        // Two registrations in one block share a version; the last one counts.
        versions.retain(|(known, _)| *known != version);
        versions.extend(rule.map(|rule| (version, rule)));
    }

    /// Every indexer is registered.
    pub async fn register_all(&mut self, lab: &mut Lab) {
        for key in self.keys.clone() {
            self.register(lab, &key).await;
        }
    }

    /// In the end everybody wants something again, but for every fourth, so that
    /// there is much to lose; operators switch everything on but every fifth.
    pub async fn settle(&mut self, lab: &mut Lab) {
        for (place, key) in self.keys.clone().iter().enumerate() {
            let gone = lab.contract.known.get(key).is_none_or(|it| it.is_deleted());
            if gone && place % 4 != 3 {
                self.register(lab, key).await;
            }
            if lab.contract.known.contains_key(key) {
                lab.operator().switch(key, place % 5 != 4).await;
            }
        }
    }

    /// How many commands were carried out, once all are answered.
    pub async fn wait_for_commands(&mut self) -> usize {
        let mut carried_out = 0;
        while let Some(done) = self.commands.join_next().await {
            carried_out += usize::from(done.unwrap());
        }
        carried_out
    }

    /// One user does something.
    pub async fn change(&mut self, lab: &mut Lab) {
        let keys = self.keys.clone();
        let Some(key) = self.rng.pick(&keys) else {
            return;
        };
        let lives = lab
            .contract
            .known
            .get(key)
            .is_some_and(|it| !it.is_deleted());
        if lives && self.rng.chance(0.35) {
            lab.delete(key).await;
        } else {
            self.register(lab, key).await;
        }
    }

    /// One operator does something, while others go on with what they do.
    pub fn command(&mut self, lab: &Lab) {
        let known: Vec<IndexerKey> = lab.contract.known.keys().cloned().collect();
        let enable = self.rng.chance(0.5);
        if let Some(key) = self.rng.pick(&known).cloned() {
            let operator: Operator = lab.operator();
            self.commands
                .spawn(async move { operator.switch(&key, enable).await });
        }
    }
}
