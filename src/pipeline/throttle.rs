//! How many requests may be in flight: one more after a number of good ones, half as many after the
//! server said that it is overloaded.

/// Most requests in flight.
const MOST: usize = 4;

/// Good requests in a row after which one more may be in flight.
const GOOD: u32 = 20;

/// The number of requests that a sink takes at once. Starts at the most.
#[derive(Clone, Debug)]
pub struct Throttle {
    allowed: usize,
    good: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            allowed: MOST,
            good: 0,
        }
    }
}

impl Throttle {
    /// Requests that may be in flight now: at least one.
    pub fn allowed(&self) -> usize {
        self.allowed
    }

    /// The server took a request.
    pub fn good(&mut self) {
        self.good += 1;
        if self.good >= GOOD {
            self.good = 0;
            self.allowed = (self.allowed + 1).min(MOST);
        }
    }

    /// The server has too much to do.
    pub fn overloaded(&mut self) {
        self.good = 0;
        self.allowed = (self.allowed / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(answers: impl IntoIterator<Item = bool>) -> Throttle {
        let mut throttle = Throttle::default();
        for overloaded in answers {
            match overloaded {
                true => throttle.overloaded(),
                false => throttle.good(),
            }
        }
        throttle
    }

    #[test]
    fn each_overload_halves_and_twenty_good_requests_add_one() {
        let allowed = |overloads: usize, good: usize| {
            let answers = std::iter::repeat_n(true, overloads);
            after(answers.chain(std::iter::repeat_n(false, good))).allowed()
        };
        assert_eq!(
            [0, 1, 2, 3].map(|overloads| allowed(overloads, 0)),
            [4, 2, 1, 1]
        );
        assert_eq!(
            [19, 20, 39, 40, 60, 900].map(|good| allowed(2, good)),
            [1, 2, 2, 3, 4, 4]
        );
    }

    proptest! {
        #[test]
        fn there_is_always_a_request_and_never_too_many(answers in proptest::collection::vec(any::<bool>(), 0..200)) {
            let allowed = after(answers).allowed();
            prop_assert!((1..=MOST).contains(&allowed));
        }

        #[test]
        fn whatever_happened_a_good_while_makes_all_well(answers in proptest::collection::vec(any::<bool>(), 0..200)) {
            let good = std::iter::repeat_n(false, MOST * GOOD as usize);
            prop_assert_eq!(after(answers.into_iter().chain(good)).allowed(), MOST);
        }

        #[test]
        fn an_overload_never_adds(answers in proptest::collection::vec(any::<bool>(), 0..200)) {
            let mut throttle = after(answers);
            let before = throttle.allowed();
            throttle.overloaded();
            prop_assert!(throttle.allowed() == (before / 2).max(1));
        }
    }
}
