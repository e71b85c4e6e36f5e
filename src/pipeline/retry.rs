//! How long to wait after a fault before asking again. There is no giving up: what changes is the
//! pause alone.

use std::time::Duration;

use crate::pipeline::ports::{Fault, FaultReason};

/// Longest pause that a server may ask for.
const LONGEST_REQUESTED: Duration = Duration::from_secs(300);

/// The growing pause between attempts at one thing.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after another failure: random up to a bound that doubles with each (full jitter),
    /// and not shorter than the server asked for.
    pub fn pause(&mut self, fault: &Fault) -> Duration {
        let Bounds { least, most } = bounds(fault.reason, self.failures);
        self.failures = self.failures.saturating_add(1);
        let jittered = least + (most - least).mul_f64(fastrand::f64());
        let requested = fault.retry_after.unwrap_or_default();
        jittered.max(requested.min(LONGEST_REQUESTED))
    }

    /// It worked: the next pause is the shortest again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    least: Duration,
    most: Duration,
}

/// Between what the pause lies after a number of failures before this one.
fn bounds(reason: FaultReason, failures: u32) -> Bounds {
    let (least, first, last) = match reason {
        FaultReason::ElasticsearchUnavailable
        | FaultReason::TooManyRequests
        | FaultReason::PartialResults
        | FaultReason::ViewLost
        | FaultReason::PipelineFailed => (0.0, 0.5, 60.0),
        // An index appears by itself when the first event is shipped, which is worth noticing soon.
        FaultReason::IndexNotFound | FaultReason::NoRules => (1.0, 2.0, 10.0),
        // Somebody has to do something about these.
        FaultReason::AuthFailed
        | FaultReason::Forbidden
        | FaultReason::TimestampFieldInvalid
        | FaultReason::SinkBlocked
        | FaultReason::SinkRejecting
        | FaultReason::SinkNotDeterministic
        | FaultReason::SinkTemplateMissing
        | FaultReason::OriginNotAllowed
        | FaultReason::SecretInvalid
        | FaultReason::TlsFailed
        | FaultReason::NotElasticsearch => (5.0, 10.0, 60.0),
    };
    let doubled: f64 = first * f64::from(1_u32 << failures.min(16));
    Bounds {
        least: Duration::from_secs_f64(least),
        most: Duration::from_secs_f64(doubled.min(last)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::ports::Remedy;

    fn fault(reason: FaultReason, retry_after: Option<Duration>) -> Fault {
        Fault {
            reason,
            message: "it does not answer".to_owned(),
            remedy: Remedy::Retry,
            retry_after,
        }
    }

    fn upper_bounds(reason: FaultReason) -> Vec<f64> {
        (0..9)
            .map(|failures| bounds(reason, failures).most.as_secs_f64())
            .collect()
    }

    #[test]
    fn the_pause_doubles_from_half_a_second_to_a_minute() {
        assert_eq!(
            upper_bounds(FaultReason::ElasticsearchUnavailable),
            [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
        );
    }

    #[test]
    fn what_somebody_has_to_mend_is_asked_for_less_often() {
        let least = bounds(FaultReason::SinkBlocked, 0).least;
        assert_eq!(least, Duration::from_secs(5));
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff { failures: 9 };
        backoff.reset();
        let pause = backoff.pause(&fault(FaultReason::TooManyRequests, None));
        assert!(pause <= Duration::from_millis(500), "{pause:?}");
    }

    #[test]
    fn a_server_may_ask_for_a_pause_but_not_for_a_day() {
        let asked = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            Backoff::default().pause(&fault(FaultReason::TooManyRequests, retry_after))
        };
        assert_eq!(asked(90), Duration::from_secs(90));
        assert_eq!(asked(86_400), LONGEST_REQUESTED);
    }

    proptest! {
        #[test]
        fn the_pause_stays_within_its_bounds(failures in any::<u32>()) {
            for reason in [FaultReason::ViewLost, FaultReason::IndexNotFound, FaultReason::AuthFailed] {
                let Bounds { least, most } = bounds(reason, failures);
                let pause = Backoff { failures }.pause(&fault(reason, None));
                prop_assert!(least <= pause && pause <= most);
                prop_assert!(most <= Duration::from_secs(60));
            }
        }
    }
}
