//! Commands at the same time: each is one indivisible step.

use coordinator::store::CasOutcome;
use futures_util::future::{join_all, try_join_all};

use super::check::{applied, done, holds, members, text};
use super::{Case, Outcome, Subject, list};

const WORKERS: usize = 32;

pub(super) const CASES: &[Case] = list![
    of_many_creators_one_wins,
    of_many_replacers_one_wins,
    of_many_deleters_one_wins,
    what_is_written_after_the_guard_changed_is_not_deleted,
    no_increment_is_lost,
    no_addition_to_a_set_is_lost,
    readers_see_whole_texts,
    one_read_of_many_keys_is_one_moment,
];

/// Lets all workers try the same change, each with a text of its own, and says
/// whose was carried out; the others must have met the winner's.
async fn race(subject: &dyn Subject, key: &str, expected: Option<&[u8]>) -> Result<String, String> {
    let texts: Vec<String> = (0..WORKERS).map(|n| format!("worker {n}")).collect();
    let tries = texts.iter().map(|text| {
        subject
            .store()
            .compare_and_set(key, expected, Some(text.as_bytes()), None)
    });
    let answers = join_all(tries).await;
    let won = |answer: &Result<CasOutcome, _>| *answer == Ok(CasOutcome::Applied);
    let winners: Vec<&String> = texts
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| won(answer))
        .map(|(text, _)| text)
        .collect();
    let [winner] = winners[..] else {
        return Err(format!("expected one winner, got {winners:?}: {answers:?}"));
    };
    for answer in answers.iter().filter(|answer| !won(answer)) {
        let met = match answer {
            Ok(CasOutcome::Conflict(Some(met))) => met.as_ref() == winner.as_bytes(),
            _ => false,
        };
        holds(met, || format!("a loser met {answer:?}, not {winner:?}"))?;
    }
    text(subject, key, Some(winner.as_bytes()), "after the race").await?;
    Ok(winner.clone())
}

async fn of_many_creators_one_wins(subject: &dyn Subject, prefix: &str) -> Outcome {
    race(subject, &format!("{prefix}k"), None).await.map(drop)
}

async fn of_many_replacers_one_wins(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    let mut current = "begin".to_owned();
    applied(subject, &key, (None, Some(current.as_bytes())), "creating").await?;
    for round in 0..5 {
        let next = format!("round {round}");
        let won = race(subject, &key, Some(current.as_bytes())).await?;
        applied(
            subject,
            &key,
            (Some(won.as_bytes()), Some(next.as_bytes())),
            "next",
        )
        .await?;
        current = next;
    }
    Ok(())
}

async fn of_many_deleters_one_wins(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}k");
    applied(subject, &key, (None, Some(b"1")), "creating").await?;
    let tries = (0..WORKERS).map(|_| {
        subject
            .store()
            .compare_and_set(&key, Some(b"1"), None, None)
    });
    let answers = join_all(tries).await;
    let winners = answers
        .iter()
        .filter(|answer| **answer == Ok(CasOutcome::Applied));
    let winners = winners.count();
    holds(winners == 1, || {
        format!("expected one winner, got {winners}: {answers:?}")
    })?;
    text(subject, &key, None, "afterwards").await
}

async fn what_is_written_after_the_guard_changed_is_not_deleted(
    subject: &dyn Subject,
    prefix: &str,
) -> Outcome {
    const ROUNDS: usize = 20;
    let (guard, data) = (format!("{prefix}guard"), [format!("{prefix}data")]);
    let name = data.first().map_or("", String::as_str);
    done(subject.set_raw(&guard, b"0").await, "writing")?;
    for round in 0..ROUNDS {
        let [now, next] = [round, round + 1].map(|number| number.to_string());
        done(subject.set_raw(name, b"old").await, "writing")?;
        let store = subject.store();
        let deletions = (0..WORKERS).map(|_| store.delete_if(&guard, now.as_bytes(), &data));
        let change = async {
            let change = (Some(now.as_bytes()), Some(next.as_bytes()));
            applied(subject, &guard, change, "changing the guard").await?;
            done(subject.set_raw(name, b"new").await, "writing")
        };
        let (answers, changed) = futures_util::join!(join_all(deletions), change);
        changed?;
        for answer in answers {
            done(answer.map(drop), "deleting under a condition")?;
        }
        text(
            subject,
            name,
            Some(b"new"),
            "written when the guard was another",
        )
        .await?;
    }
    Ok(())
}

async fn no_increment_is_lost(subject: &dyn Subject, prefix: &str) -> Outcome {
    const EACH: usize = 5;
    /// More than there are increments by others.
    const TRIES_MAX: usize = WORKERS * EACH + 1;
    let key = format!("{prefix}counter");
    let worker = async || -> Outcome {
        let mut current: Option<bytes::Bytes> = None;
        for _ in 0..EACH {
            let mut tries = 0;
            loop {
                let count = current
                    .as_deref()
                    .map_or(Some(0), |text| std::str::from_utf8(text).ok()?.parse().ok());
                let count: u64 = count.ok_or_else(|| format!("a counter of {current:?}"))?;
                let next = bytes::Bytes::from((count + 1).to_string());
                let change =
                    subject
                        .store()
                        .compare_and_set(&key, current.as_deref(), Some(&next), None);
                match change.await {
                    Ok(CasOutcome::Applied) => {
                        current = Some(next);
                        break;
                    }
                    Ok(CasOutcome::Conflict(found)) => current = found,
                    Err(error) => return Err(format!("counting: {error}")),
                }
                tries += 1;
                holds(tries < TRIES_MAX, || "others always came first".to_owned())?;
            }
        }
        Ok(())
    };
    try_join_all((0..WORKERS).map(|_| worker())).await?;
    let total = (WORKERS * EACH).to_string();
    text(subject, &key, Some(total.as_bytes()), "all increments").await
}

async fn no_addition_to_a_set_is_lost(subject: &dyn Subject, prefix: &str) -> Outcome {
    let key = format!("{prefix}set");
    let names: Vec<String> = (0..WORKERS).map(|n| format!("a{n}.near/f:state")).collect();
    let added = names.iter().map(|name| subject.store().set_add(&key, name));
    for answer in join_all(added).await {
        done(answer, "adding")?;
    }
    let (gone, kept) = names.split_at(WORKERS / 2);
    let removed = gone
        .iter()
        .map(|name| subject.store().set_remove(&key, name));
    for answer in join_all(removed).await {
        done(answer, "removing")?;
    }
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    members(subject, &key, &kept, "what was added and not removed").await
}

async fn readers_see_whole_texts(subject: &dyn Subject, prefix: &str) -> Outcome {
    const ROUNDS: usize = 20;
    let key = [format!("{prefix}k")];
    let [first, second] = [b'a', b'b'].map(|byte| vec![byte; 64 << 10]);
    let name = key.first().map_or("", String::as_str);
    applied(subject, name, (None, Some(&first)), "creating").await?;
    let writing = async || -> Outcome {
        for round in 0..ROUNDS {
            let (from, to) = match round % 2 {
                0 => (&first, &second),
                _ => (&second, &first),
            };
            applied(subject, name, (Some(from), Some(to)), "swapping").await?;
        }
        Ok(())
    };
    let reading = async || -> Outcome {
        for _ in 0..ROUNDS {
            let got = subject.store().get_many(&key).await;
            let got = got.map_err(|error| format!("reading: {error}"))?;
            let whole = match &got[..] {
                [Some(text)] => **text == first[..] || **text == second[..],
                _ => false,
            };
            holds(whole, || "a reader saw a text that never was".to_owned())?;
        }
        Ok(())
    };
    let (wrote, read) = futures_util::join!(writing(), try_join_all((0..4).map(|_| reading())));
    wrote?;
    read.map(drop)
}

async fn one_read_of_many_keys_is_one_moment(subject: &dyn Subject, prefix: &str) -> Outcome {
    const ROUNDS: u32 = 50;
    let keys = ["a", "b"].map(|name| format!("{prefix}{name}"));
    let [a, b] = &keys;
    // `a` is always written before `b`: no moment has an older `a` than `b`.
    let writing = async || -> Outcome {
        for round in 0..ROUNDS {
            let text = format!("{round:08}");
            done(subject.set_raw(a, text.as_bytes()).await, "writing")?;
            done(subject.set_raw(b, text.as_bytes()).await, "writing")?;
        }
        Ok(())
    };
    let reading = async || -> Outcome {
        for _ in 0..ROUNDS {
            let got = subject.store().get_many(&keys).await;
            let got = got.map_err(|error| format!("reading: {error}"))?;
            let ordered = match &got[..] {
                [a, b] => a >= b,
                _ => false,
            };
            holds(ordered, || format!("no moment had {got:?}"))?;
        }
        Ok(())
    };
    let (wrote, read) = futures_util::join!(writing(), try_join_all((0..4).map(|_| reading())));
    wrote?;
    read.map(drop)
}
