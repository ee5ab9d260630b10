//! Queues, as far as the coordinator looks into them: at the oldest entry.

use super::check::{absent, done, head};
use super::{Case, Outcome, Subject, list};

pub(super) const CASES: &[Case] = list![
    the_head_is_the_oldest_entry,
    the_head_stays_in_the_queue,
    heights_are_exact,
    a_deleted_queue_is_empty_and_can_be_filled_again,
    queues_do_not_touch_each_other,
];

async fn the_head_is_the_oldest_entry(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}queue");
    for height in [30, 10, 40, 20] {
        done(subject.queue_push(&key, height).await, "pushing")?;
        head(subject, &key, Some(30), "by age, not by height").await?;
    }
    Ok(())
}

async fn the_head_stays_in_the_queue(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}queue");
    done(subject.queue_push(&key, 1).await, "pushing")?;
    done(subject.queue_push(&key, 2).await, "pushing")?;
    for _ in 0..3 {
        head(subject, &key, Some(1), "looking takes nothing out").await?;
    }
    Ok(())
}

async fn heights_are_exact(subject: &dyn Subject, prefix: &str) -> Outcome {
    for height in [0, 1, 9_820_210, 1 << 53, (1 << 53) + 1, u64::MAX] {
        let key = format!("{prefix}{height}");
        done(subject.queue_push(&key, height).await, "pushing")?;
        head(subject, &key, Some(height), "reading it").await?;
    }
    Ok(())
}

async fn a_deleted_queue_is_empty_and_can_be_filled_again(
    subject: &dyn Subject,
    prefix: &str,
) -> Outcome {
    let key = format!("{prefix}queue");
    for height in [7, 8] {
        done(subject.queue_push(&key, height).await, "pushing")?;
    }
    let deleted = subject.store().delete(std::slice::from_ref(&key)).await;
    done(deleted, "deleting")?;
    absent(subject, &key, "the deleted queue").await?;
    done(subject.queue_push(&key, 3).await, "pushing again")?;
    head(subject, &key, Some(3), "a queue begun anew").await
}

async fn queues_do_not_touch_each_other(subject: &dyn Subject, prefix: &str) -> Outcome {
    let [first, second] = ["a", "ab"].map(|name| format!("{prefix}{name}"));
    done(subject.queue_push(&first, 1).await, "pushing")?;
    done(subject.queue_push(&second, 2).await, "pushing")?;
    let deleted = subject.store().delete(std::slice::from_ref(&first)).await;
    done(deleted, "deleting one")?;
    head(subject, &first, None, "the deleted one").await?;
    head(subject, &second, Some(2), "the other one").await
}
