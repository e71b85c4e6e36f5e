//! Takes part in the election of a leader: asks the API server what a [`Candidate`] wants to know
//! and to hold, and tells where it stands.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::lease::{Answer, Candidate, Record, Request, Standing, Timing};
use crate::pipeline::crash;

/// Time for one request.
const REQUEST: Duration = Duration::from_secs(5);
/// Time to let the lease go at the end.
const RELEASE: Duration = Duration::from_secs(2);

/// What the controller and an election tell each other.
pub struct Office {
    /// The name under which it leads; none where there is no election.
    pub identity: Option<String>,
    /// Where this process stands.
    pub standing: watch::Receiver<Standing>,
    /// Takes the highest epoch that any job's status holds, once the jobs are known.
    pub known: watch::Sender<Option<i64>>,
}

impl Office {
    /// An office that needs no election.
    pub fn unopposed() -> Self {
        Self {
            identity: None,
            standing: watch::channel(Standing::Unopposed).1,
            known: watch::channel(None).0,
        }
    }
}

/// An election by a Lease.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    /// The lease as it was last seen.
    last: Option<Lease>,
    standing: watch::Sender<Standing>,
    known: watch::Receiver<Option<i64>>,
}

impl Election {
    /// An election by the lease of this name, and the office to be won. A candidate is told from
    /// all others, also from earlier ones of the same pod, by a random end of its name.
    pub fn new(client: Client, namespace: &str, name: &str, pod: Option<&str>) -> (Self, Office) {
        let identity = format!("{}_{:08x}", pod.unwrap_or("k8scop"), fastrand::u32(..));
        let (standing, told) = watch::channel(Standing::Standby {
            leader: None,
            obstacle: None,
        });
        let (known, floor) = watch::channel(None);
        let election = Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.clone(),
            timing: Timing::default(),
            last: None,
            standing,
            known: floor,
        };
        let office = Office {
            identity: Some(identity),
            standing: told,
            known,
        };
        (election, office)
    }

    /// Takes part until told to stop, and then lets go of what it holds: by then the last
    /// checkpoint must be written.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut candidate = Candidate::new(self.identity.clone(), self.timing);
        while !stop.is_cancelled() {
            self.turn(&mut candidate).await;
            tokio::select! {
                () = stop.cancelled() => {}
                Ok(()) = self.known.changed() => {}
                () = sleep(self.timing.retry) => {}
            }
            let floor = *self.known.borrow_and_update();
            if let Some(floor) = floor {
                candidate.know(floor);
                self.tell(&candidate);
            }
        }
        if let Some(release) = candidate.resign() {
            let answer = timeout(RELEASE, self.ask(&release)).await;
            tracing::info!(
                released = matches!(answer, Ok(Answer::Lease(_))),
                "leads no more"
            );
        }
        self.tell(&candidate);
    }

    async fn turn(&mut self, candidate: &mut Candidate) {
        candidate.begin();
        while let Some(request) = candidate.request(Instant::now()) {
            let asked = Instant::now();
            let answer = self.ask(&request).await;
            candidate.answered(&request, answer, asked, Instant::now());
        }
        self.tell(candidate);
    }

    fn tell(&self, candidate: &Candidate) {
        let new = candidate.standing(Instant::now());
        let was = self.standing.borrow().clone();
        if was == new {
            return;
        }
        let identity = &self.identity;
        match &new {
            Standing::Leading { epoch } => {
                if !was.leads() {
                    crash::point("lease.after_acquire");
                }
                tracing::info!(%identity, epoch, "leads");
            }
            Standing::Detached { epoch, obstacle } => {
                tracing::warn!(%identity, epoch, %obstacle, "lease not renewed; goes on detached");
            }
            Standing::Standby { leader, obstacle } => {
                let leader = leader.as_deref().unwrap_or_default();
                let obstacle = obstacle.as_deref().unwrap_or_default();
                tracing::info!(%identity, %leader, %obstacle, "stands by");
            }
            Standing::Unopposed => {}
        }
        self.standing.send_replace(new);
    }

    async fn ask(&mut self, request: &Request) -> Answer {
        match timeout(REQUEST, self.send(request)).await {
            Ok(Ok(lease)) => {
                let record = record(&lease);
                self.last = Some(lease);
                Answer::Lease(record)
            }
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Answer::Absent,
            Ok(Err(kube::Error::Api(status)))
                if status.is_conflict() || status.is_already_exists() =>
            {
                Answer::Conflict
            }
            Ok(Err(kube::Error::Api(status))) if status.is_forbidden() => {
                Answer::Failed(format!("LeaseForbidden: {}", status.message))
            }
            Ok(Err(error)) => Answer::Failed(format!("LeaseUnavailable: {error}")),
            Err(_) => Answer::Failed("LeaseUnavailable: no answer from the API server".to_owned()),
        }
    }

    async fn send(&self, request: &Request) -> Result<Lease, kube::Error> {
        let params = PostParams::default();
        let (identity, name) = (self.identity.as_str(), self.name.as_str());
        match request {
            Request::Read => self.api.get(name).await,
            Request::Create { transitions } => {
                let lease = self.lease(identity, *transitions, None);
                self.api.create(&params, &lease).await
            }
            Request::Hold {
                transitions,
                version,
            } => {
                let lease = self.lease(identity, *transitions, Some(version));
                self.api.replace(name, &params, &lease).await
            }
            Request::Release {
                transitions,
                version,
            } => {
                let lease = self.lease("", *transitions, Some(version));
                self.api.replace(name, &params, &lease).await
            }
        }
    }

    /// The lease as it should be; what others wrote beside its spec is kept. The times are for
    /// people: nobody decides by them.
    fn lease(&self, holder: &str, transitions: i64, version: Option<&str>) -> Lease {
        let last = self.last.as_ref().filter(|_| version.is_some());
        let before = last.and_then(|lease| lease.spec.as_ref());
        let now = MicroTime(Timestamp::now());
        let transitions = i32::try_from(transitions).unwrap_or(i32::MAX);
        let same_term = before.is_some_and(|spec| spec.lease_transitions == Some(transitions));
        let acquired = before.and_then(|spec| spec.acquire_time.clone());
        let seconds = match holder {
            "" => 1,
            _ => i32::try_from(self.timing.lease.as_secs()).unwrap_or(i32::MAX),
        };
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: version.map(str::to_owned),
                ..last.map(|lease| lease.metadata.clone()).unwrap_or_default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_transitions: Some(transitions),
                lease_duration_seconds: Some(seconds),
                acquire_time: acquired.filter(|_| same_term).or(Some(now.clone())),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }
    }
}

fn record(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.unwrap_or_default();
    Record {
        holder: spec.holder_identity.unwrap_or_default(),
        transitions: spec.lease_transitions.unwrap_or_default().into(),
        duration: Duration::from_secs(seconds.unsigned_abs().into()),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
    }
}
