//! The bare runtime: how fast nothing but tasks and timers is.

use std::time::Duration;

use madsim::Config;
use madsim::runtime::Runtime;
use serde::{Deserialize, Serialize};

use crate::run;

/// Tasks that wait at the same time.
const LOOPS: u64 = 50;
/// Calls of each.
const CALLS: u64 = 20_000;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Tasks that were spawned, slept a millisecond and were awaited.
    pub calls: u64,
    /// CPU time, in microseconds.
    pub cpu_micros: u64,
    /// What came out of them, so that nothing can be left out.
    pub sum: u64,
}

/// Measures the bare runtime. Call it once per process.
pub fn measure() -> Ceiling {
    let before = run::cpu_micros();
    let runtime = Runtime::with_seed_and_config(1, Config::default());
    let sum = runtime.block_on(async {
        let loops = (0..LOOPS).map(|number| {
            madsim::task::spawn(async move {
                let mut sum = number;
                for call in 0..CALLS {
                    let answer = madsim::task::spawn(async move {
                        madsim::time::sleep(Duration::from_millis(1)).await;
                        call ^ number
                    });
                    sum = sum.wrapping_add(answer.await.unwrap_or_default());
                }
                sum
            })
        });
        let loops: Vec<_> = loops.collect();
        let mut sum = 0_u64;
        for one in loops {
            sum = sum.wrapping_add(one.await.unwrap_or_default());
        }
        sum
    });
    Ceiling {
        calls: LOOPS * CALLS,
        cpu_micros: run::cpu_micros().saturating_sub(before),
        sum,
    }
}
