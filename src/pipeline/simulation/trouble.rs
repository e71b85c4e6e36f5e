//! Faults by chance.

use std::time::Duration;

use fastrand::Rng;

use crate::pipeline::{
    ports::{Fault, FaultReason, Outcome, Remedy},
    test_support::{Call, Trouble, a_fault},
};

/// Troubles of all kinds, one in so many calls.
pub fn troubles(mut rng: Rng, one_in: u32) -> impl FnMut(Call) -> Option<Trouble> + Send {
    move |call| (rng.u32(0..one_in) == 0).then(|| trouble(&mut rng, call))
}

fn trouble(rng: &mut Rng, call: Call) -> Trouble {
    match (rng.u32(0..20), call) {
        (0, _) => Trouble::Panic,
        (1..4, _) => Trouble::Slow(Duration::from_millis(rng.u64(100..20_000))),
        (4..10, Call::Push) => Trouble::AnswerLost(fault(rng)),
        (10..16, Call::Push) => items(rng),
        (4..7, Call::Next) => Trouble::Short,
        _ => Trouble::Fault(fault(rng)),
    }
}

/// A third of all ids is not taken.
fn items(rng: &mut Rng) -> Trouble {
    let fault = fault(rng);
    let (salt, rejects) = (rng.u8(..), rng.bool());
    Trouble::Items(Box::new(move |addressed| {
        let strikes = (addressed.alert.id.as_bytes()[0] ^ salt).is_multiple_of(3);
        strikes.then(|| match rejects {
            true => Outcome::Rejected(fault.clone()),
            false => Outcome::Retry(fault.clone()),
        })
    }))
}

fn fault(rng: &mut Rng) -> Fault {
    let reasons = [
        FaultReason::ElasticsearchUnavailable,
        FaultReason::TooManyRequests,
        FaultReason::PartialResults,
        FaultReason::ViewLost,
        FaultReason::AuthFailed,
        FaultReason::SinkBlocked,
        FaultReason::SinkRejecting,
    ];
    let remedies = [
        Remedy::Retry,
        Remedy::Reopen,
        Remedy::Reconnect,
        Remedy::Shrink,
    ];
    let mut fault = a_fault(
        reasons[rng.usize(0..reasons.len())],
        remedies[rng.usize(0..remedies.len())],
    );
    fault.retry_after = rng.bool().then(|| Duration::from_millis(rng.u64(0..5_000)));
    fault
}
