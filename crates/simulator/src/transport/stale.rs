//! Reads, which can be answered with what was true some time ago.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use coordinator::transport::CallResult;
use prost::Message;
use sim_node::{IndexerKey, Reply};
use tonic::Status;

use super::SimTransport;
use super::call::{Form, Meta};
use crate::history::Method;
use crate::scenario::CallOutcome;
use crate::world::World;

/// Answers kept per question; a stale read gets the oldest.
const KEPT: usize = 8;

type Question = (Method, Option<IndexerKey>);

/// Earlier answers, by question.
#[derive(Default)]
pub struct OldAnswers {
    answers: BTreeMap<Question, VecDeque<Box<dyn Any + Send>>>,
}

impl OldAnswers {
    fn keep<R: Send + 'static>(&mut self, question: Question, answer: Result<R, Status>) {
        let answers = self.answers.entry(question).or_default();
        if answers.len() == KEPT {
            answers.pop_front();
        }
        answers.push_back(Box::new(answer));
    }

    fn oldest<R: Clone + 'static>(&self, question: &Question) -> Option<Result<R, Status>> {
        self.answers
            .get(question)?
            .front()?
            .downcast_ref::<Result<R, Status>>()
            .cloned()
    }
}

impl SimTransport {
    /// A read of a service.
    pub(super) async fn read<R, F>(&self, meta: Meta, work: F) -> CallResult<R>
    where
        R: Message + Default + Clone + Debug + 'static,
        F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
    {
        let (outcome, keeps, nth, by_hand) = {
            let mut guard = self.world.enter();
            let world = &mut *guard;
            let (now, method, key) = (world.now, meta.method, meta.key.as_ref());
            let probed = world.probe(self.by, method, key);
            let armed = world.armed.on_call(now, method, key, &mut world.rng_faults);
            let outcome = probed.outcome.or(armed);
            let by_hand = world.armed.take_by_hand();
            (outcome, world.keeps_old_answers, probed.nth, by_hand)
        };
        let question = (meta.method, meta.key.clone());
        let stale = outcome == Some(CallOutcome::Stale);
        let form = Form::of_messages(by_hand, meta.method);
        self.send_as(form, meta, outcome, move |world| {
            if stale && let Some(old) = world.old_answers.oldest::<R>(&question) {
                return Reply::now(old);
            }
            let reply = work(world);
            if world.records_reads() {
                let (method, key) = (question.0, question.1.as_ref());
                world.note_told(method, key, nth, &reply.result, None);
            }
            if keeps {
                world
                    .old_answers
                    .keep(question.clone(), reply.result.clone());
            }
            reply
        })
        .await
    }
}
