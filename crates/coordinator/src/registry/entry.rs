//! One entry of the registry, in any shape it ever had.
//!
//! Today's shape has `rule` and `start_block`; the older one had `filter` with a
//! `matching_rule` inside, and `start_block_height`, where null meant the latest.

use std::collections::BTreeMap;
use std::sync::Arc;

use lifecycle::{ActionStatus, IndexerId, Rule, Spec, StartBlock};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::Object;

/// The largest message that the services accept, in bytes: what their gRPC
/// libraries allow unless told otherwise.
pub const MESSAGE_LEN_MAX: usize = 4 << 20;

/// What a message needs beside texts and names, in bytes; generous.
const MESSAGE_FRAME_LEN: usize = 1 << 10;

/// The longest name of a rule kind that is repeated to people, in characters.
const KIND_LEN_MAX: usize = 64;

/// An entry that makes sense.
pub(super) enum Entry {
    /// It is wanted in this form.
    Present(Spec),
    /// It was deleted.
    Deleted { version: u64, at: u64 },
}

/// Decodes the entry of `id`; the error says what is wrong with it.
pub(super) fn decode(id: &IndexerId, raw: &RawValue) -> Result<Entry, String> {
    let fields = Fields::parse(raw)?;
    let version = match fields.optional("updated_at_block_height")? {
        Some(updated_at) => updated_at,
        None => fields
            .optional("created_at_block_height")?
            .ok_or("it has neither a height of creation nor one of an update")?,
    };
    if let Some(at) = fields.optional("deleted_at_block_height")? {
        return Ok(Entry::Deleted { version, at });
    }
    let code = fields.text("code")?.ok_or("it lacks `code`")?;
    let schema = fields.text("schema")?.unwrap_or_default();
    let rule = fields.rule()?;
    deliverable(id, "code and schema", code.len() + schema.len())?;
    deliverable(id, "rule", rule_len(&rule))?;
    Ok(Entry::Present(Spec::new(
        version,
        rule,
        fields.start_block()?,
        code,
        schema,
    )))
}

/// A text that no message can carry would be sent, refused and sent again for
/// ever. The name goes along twice: by itself, and within the queue's key.
fn deliverable(id: &IndexerId, what: &str, len: usize) -> Result<(), String> {
    let room = MESSAGE_LEN_MAX
        .saturating_sub(MESSAGE_FRAME_LEN)
        .saturating_sub(id.as_str().len().saturating_mul(2));
    if len > room {
        return Err(format!(
            "{what}: {len} bytes, more than the {room} that fit into one message to \
             the services"
        ));
    }
    Ok(())
}

fn rule_len(rule: &Rule) -> usize {
    match rule {
        Rule::ActionAny {
            affected_account_id,
            ..
        } => affected_account_id.len(),
        Rule::ActionFunctionCall {
            affected_account_id,
            function,
            ..
        } => affected_account_id.len() + function.len(),
        Rule::Unsupported(kind) => kind.len(),
    }
}

struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    fn parse(raw: &'a RawValue) -> Result<Fields<'a>, String> {
        let object: Object<'a> =
            serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        Ok(Fields(object.into_map()))
    }

    /// `None` if the field is absent or null.
    fn optional<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, String> {
        self.0.get(name).map_or(Ok(None), |raw| {
            serde_json::from_str(raw.get())
                .map_err(|error| format!("its field `{name}` cannot be read: {error}"))
        })
    }

    fn required<T: Deserialize<'a>>(&self, name: &str) -> Result<T, String> {
        self.optional(name)?
            .ok_or_else(|| format!("it lacks `{name}`"))
    }

    fn text(&self, name: &str) -> Result<Option<Arc<str>>, String> {
        Ok(self.optional::<String>(name)?.map(Arc::from))
    }

    fn start_block(&self) -> Result<StartBlock, String> {
        if let Some(start) = self.optional::<StartForm>("start_block")? {
            return Ok(start.into());
        }
        if !self.0.contains_key("start_block_height") {
            return Err("it has neither `start_block` nor the older `start_block_height`".into());
        }
        let height = self.optional("start_block_height")?;
        Ok(height.map_or(StartBlock::Latest, StartBlock::Height))
    }

    fn rule(&self) -> Result<Rule, String> {
        let in_rule = |why: String| format!("of its rule: {why}");
        if let Some(rule) = self.optional::<&RawValue>("rule")? {
            return Fields::parse(rule)
                .and_then(|rule| rule.into_rule("kind"))
                .map_err(in_rule);
        }
        let filter: &RawValue = self
            .optional("filter")?
            .ok_or("it has neither `rule` nor the older `filter`")?;
        Fields::parse(filter)
            .and_then(|filter| filter.required("matching_rule"))
            .and_then(Fields::parse)
            .and_then(|rule| rule.into_rule("rule"))
            .map_err(in_rule)
    }

    /// Reads the fields of a rule. Those of an unknown kind are not looked at.
    fn into_rule(self, kind_field: &str) -> Result<Rule, String> {
        let kind: String = self.required(kind_field)?;
        match kind.as_str() {
            "ACTION_ANY" => Ok(Rule::ActionAny {
                affected_account_id: self.required("affected_account_id")?,
                status: self.required::<StatusForm>("status")?.into(),
            }),
            "ACTION_FUNCTION_CALL" => Ok(Rule::ActionFunctionCall {
                affected_account_id: self.required("affected_account_id")?,
                status: self.required::<StatusForm>("status")?.into(),
                function: self.required("function")?,
            }),
            other => Ok(Rule::Unsupported(
                other.chars().take(KIND_LEN_MAX).collect(),
            )),
        }
    }
}

#[derive(Deserialize)]
enum StartForm {
    #[serde(rename = "LATEST")]
    Latest,
    #[serde(rename = "CONTINUE")]
    Continue,
    #[serde(rename = "HEIGHT")]
    Height(u64),
}

impl From<StartForm> for StartBlock {
    fn from(form: StartForm) -> StartBlock {
        match form {
            StartForm::Latest => StartBlock::Latest,
            StartForm::Continue => StartBlock::Continue,
            StartForm::Height(height) => StartBlock::Height(height),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
enum StatusForm {
    #[serde(rename = "ANY")]
    Any,
    #[serde(rename = "SUCCESS")]
    Success,
    #[serde(rename = "FAIL")]
    Fail,
}

impl From<StatusForm> for ActionStatus {
    fn from(form: StatusForm) -> ActionStatus {
        match form {
            StatusForm::Any => ActionStatus::Any,
            StatusForm::Success => ActionStatus::Success,
            StatusForm::Fail => ActionStatus::Fail,
        }
    }
}
