use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;

/// The API server's one lease: every write is a compare-and-swap.
#[derive(Debug, Default)]
struct Server {
    lease: Option<Record>,
    versions: u64,
    /// Who held it in each epoch.
    terms: BTreeMap<i64, String>,
}

impl Server {
    fn carry_out(&mut self, holder: &str, request: &Request) -> Answer {
        let held = self.lease.as_ref().map(|lease| lease.version.clone());
        let record = match (request, held) {
            (Request::Read, _) => {
                let lease = self.lease.clone();
                return lease.map_or(Answer::Absent, Answer::Lease);
            }
            (Request::Create { .. }, Some(_)) => return Answer::Conflict,
            (Request::Create { transitions }, None) => self.record(holder, *transitions),
            (_, None) => return Answer::Absent,
            (Request::Hold { version, .. } | Request::Release { version, .. }, Some(held))
                if *version != held =>
            {
                return Answer::Conflict;
            }
            (Request::Hold { transitions, .. }, _) => self.record(holder, *transitions),
            (Request::Release { transitions, .. }, _) => self.record("", *transitions),
        };
        self.lease = Some(record.clone());
        Answer::Lease(record)
    }

    fn record(&mut self, holder: &str, transitions: i64) -> Record {
        self.versions += 1;
        Record {
            holder: holder.to_owned(),
            transitions,
            duration: Timing::default().lease,
            version: self.versions.to_string(),
        }
    }

    /// A term has one holder, and a new one a higher number than all before.
    fn check_terms(&mut self) {
        let Some(lease) = self.lease.as_ref().filter(|lease| !lease.holder.is_empty()) else {
            return;
        };
        let last = self.terms.last_key_value();
        let (epoch, holder) = (lease.transitions, lease.holder.clone());
        assert!(
            last.is_none_or(|(last, of)| epoch > *last || (epoch == *last && holder == *of)),
            "{holder} holds term {epoch} after {:?}",
            self.terms
        );
        self.terms.insert(epoch, holder);
    }
}

/// A process: its clock runs at its own rate, it may be paused, and its requests and answers may
/// take any time.
struct Process {
    name: &'static str,
    candidate: Candidate,
    rate: f64,
    sent: Option<(Request, Instant)>,
    answer: Option<Answer>,
}

impl Process {
    fn new(name: &'static str, rate: f64) -> Self {
        let mut candidate = Candidate::new(name.to_owned(), Timing::default());
        candidate.know(0);
        Self {
            name,
            candidate,
            rate,
            sent: None,
            answer: None,
        }
    }

    fn send(&mut self, now: Instant) {
        if self.sent.is_some() {
            return;
        }
        if self.candidate.request(now).is_none() {
            self.candidate.begin();
        }
        self.sent = self.candidate.request(now).map(|request| (request, now));
    }

    fn arrive(&mut self, server: &mut Server) {
        if let (Some((request, _)), None) = (&self.sent, &self.answer) {
            self.answer = Some(server.carry_out(self.name, request));
        }
    }

    fn receive(&mut self, lost: bool, now: Instant) {
        let answer = match lost {
            true => Some(Answer::Failed("lost".to_owned())),
            false => self.answer.clone(),
        };
        if let Some(answer) = answer
            && let Some((request, asked)) = self.sent.take()
        {
            self.answer = None;
            self.candidate.answered(&request, answer, asked, now);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    Send(usize),
    Arrive(usize),
    Receive { who: usize, lost: bool },
    Resign(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_usize;
    prop_oneof![
        3 => (0..3_000_u64).prop_map(Step::Pass),
        1 => (0..20_000_u64).prop_map(Step::Pass),
        4 => who.clone().prop_map(Step::Send),
        4 => who.clone().prop_map(Step::Arrive),
        4 => (who.clone(), prop::bool::weighted(0.1))
            .prop_map(|(who, lost)| Step::Receive { who, lost }),
        1 => who.prop_map(Step::Resign),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn two_never_rely_on_the_lease_at_once_and_terms_are_numbered_upwards(
        steps in vec(step(), 0..200),
        rates in [0.9..1.1_f64, 0.9..1.1, 0.9..1.1],
    ) {
        let begin = Instant::now();
        let mut passed = Duration::from_secs(1_000);
        let mut server = Server::default();
        let [a, b, c] = rates;
        let mut processes = [Process::new("a", a), Process::new("b", b), Process::new("c", c)];
        for step in steps {
            let clock = |process: &Process| begin + passed.mul_f64(process.rate);
            match step {
                Step::Pass(millis) => passed += Duration::from_millis(millis),
                Step::Send(who) => {
                    let now = clock(&processes[who]);
                    processes[who].send(now);
                }
                Step::Arrive(who) => processes[who].arrive(&mut server),
                Step::Receive { who, lost } => {
                    let now = clock(&processes[who]);
                    processes[who].receive(lost, now);
                }
                Step::Resign(who) => {
                    if processes[who].sent.is_none()
                        && let Some(release) = processes[who].candidate.resign()
                    {
                        server.carry_out(processes[who].name, &release);
                    }
                }
            }
            server.check_terms();
            let leads = |process: &&Process| {
                let now = begin + passed.mul_f64(process.rate);
                matches!(process.candidate.standing(now), Standing::Leading { .. })
            };
            let leaders: Vec<_> = processes.iter().filter(leads).map(|p| p.name).collect();
            prop_assert!(leaders.len() <= 1, "{leaders:?} lead");
        }
    }
}

/// A process and the server, with nothing between them.
struct Bench {
    server: Server,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            server: Server::default(),
            now: Instant::now(),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn turn(&mut self, candidate: &mut Candidate) -> Standing {
        candidate.begin();
        let identity = candidate.identity.clone();
        while let Some(request) = candidate.request(self.now) {
            let answer = self.server.carry_out(&identity, &request);
            candidate.answered(&request, answer, self.now, self.now);
        }
        candidate.standing(self.now)
    }

    fn fail(&self, candidate: &mut Candidate) -> Standing {
        candidate.begin();
        if let Some(request) = candidate.request(self.now) {
            let failed = Answer::Failed("no answer".to_owned());
            candidate.answered(&request, failed, self.now, self.now);
        }
        candidate.standing(self.now)
    }
}

fn candidate(name: &str) -> Candidate {
    let mut candidate = Candidate::new(name.to_owned(), Timing::default());
    candidate.know(0);
    candidate
}

fn behind(leader: &str) -> Standing {
    Standing::Standby {
        leader: Some(leader.to_owned()),
        obstacle: None,
    }
}

#[test]
fn who_does_not_know_the_jobs_yet_wants_no_term() {
    let mut bench = Bench::new();
    let mut a = Candidate::new("a".to_owned(), Timing::default());
    assert!(!bench.turn(&mut a).leads());
    a.know(41);
    assert_eq!(bench.turn(&mut a), Standing::Leading { epoch: 42 });
}

#[test]
fn a_lease_that_is_not_renewed_is_taken_after_fifteen_seconds_and_one_that_is_let_go_at_once() {
    let mut bench = Bench::new();
    let (mut a, mut b) = (candidate("a"), candidate("b"));
    assert_eq!(bench.turn(&mut a), Standing::Leading { epoch: 1 });
    assert_eq!(bench.turn(&mut b), behind("a"));
    bench.pass(14);
    assert_eq!(bench.turn(&mut b), behind("a"));
    bench.pass(1);
    assert_eq!(bench.turn(&mut b), Standing::Leading { epoch: 2 });
    assert_eq!(bench.turn(&mut a), behind("b"));

    let release = b.resign().expect("it holds the lease");
    bench.server.carry_out("b", &release);
    assert_eq!(bench.turn(&mut a), Standing::Leading { epoch: 3 });
}

#[test]
fn a_leader_that_cannot_renew_is_detached_until_it_renews_or_sees_another() {
    let mut bench = Bench::new();
    let (mut a, mut b) = (candidate("a"), candidate("b"));
    bench.turn(&mut a);
    bench.turn(&mut b);
    bench.pass(9);
    assert_eq!(bench.fail(&mut a), Standing::Leading { epoch: 1 });
    bench.pass(1);
    let detached = Standing::Detached {
        epoch: 1,
        obstacle: "no answer".to_owned(),
    };
    assert_eq!(bench.fail(&mut a), detached);
    assert_eq!(bench.turn(&mut a), Standing::Leading { epoch: 1 });
    bench.turn(&mut b);
    bench.pass(15);
    assert_eq!(bench.fail(&mut a), detached);
    assert_eq!(bench.turn(&mut b), Standing::Leading { epoch: 2 });
    assert_eq!(bench.turn(&mut a), behind("b"));
}

#[test]
fn a_deleted_lease_is_made_again_by_its_holder_in_the_same_term() {
    let mut bench = Bench::new();
    let (mut a, mut b) = (candidate("a"), candidate("b"));
    bench.turn(&mut a);
    bench.turn(&mut b);
    bench.server.lease = None;
    assert!(!bench.turn(&mut b).leads());
    assert_eq!(bench.turn(&mut a), Standing::Leading { epoch: 1 });

    bench.server.lease = None;
    bench.turn(&mut b);
    bench.pass(15);
    assert_eq!(bench.turn(&mut b), Standing::Leading { epoch: 2 });
    assert_eq!(bench.turn(&mut a), behind("b"));
}

#[test]
fn a_higher_epoch_in_a_checkpoint_ends_the_term_and_the_next_one_is_above_it() {
    let mut bench = Bench::new();
    let mut a = candidate("a");
    bench.turn(&mut a);
    a.know(1);
    assert_eq!(a.standing(bench.now), Standing::Leading { epoch: 1 });
    a.know(9);
    assert!(!a.standing(bench.now).leads());
    assert_eq!(bench.turn(&mut a), Standing::Leading { epoch: 10 });
}

#[test]
fn the_highest_epoch_can_be_held_again() {
    let mut bench = Bench::new();
    let mut a = candidate("a");
    a.know(i64::MAX);
    let last = Standing::Leading {
        epoch: i32::MAX.into(),
    };
    assert_eq!(bench.turn(&mut a), last);
    let mut b = candidate("b");
    bench.turn(&mut b);
    bench.pass(15);
    assert_eq!(bench.turn(&mut b), last);
}
